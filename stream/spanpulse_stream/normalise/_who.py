"""Who and which: users, sessions, and the weight of a span."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.normalise._anomalies import Anomaly
from spanpulse_stream.normalise._calls import read_objects
from spanpulse_stream.normalise._numbers import read_integers
from spanpulse_stream.normalise._resolved import LONGEST_WORD, Resolved
from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects import DIALECTS

__all__ = ["MOST_WEIGHT", "USER_KEYS", "read_weight", "read_who"]

MOST_WEIGHT: Final = 1_000_000
USER_IN_METADATA: Final = ("user_id", "userId", "user.id")
USER_KEYS: Final = frozenset(
    (*USER_IN_METADATA, *(key for dialect in DIALECTS for key in dialect.attributes.get(Slot.USER_ID, ())))
)
"""Every key under which a user's id is read."""


def read_weight(found: Resolved) -> NDArray[np.int64]:
    """Return the spans' weights, brought into their bounds."""
    read = read_integers(found, Slot.WEIGHT)
    if not found.found[Slot.WEIGHT]:
        return np.ones(found.spans.size, np.int64)
    bounded = np.clip(np.where(read.valid, read.values, 1), 1, MOST_WEIGHT)
    wrong = read.odd | (read.valid & (bounded != read.values))
    found.spans.anomalies.note(Anomaly.WEIGHT_OUT_OF_RANGE, wrong)
    found.take(Slot.WEIGHT, ~wrong)
    return bounded


def read_who(found: Resolved) -> dict[str, Any]:
    """Return users and sessions, from metadata where nothing else tells."""
    user, session = found.words(Slot.USER_ID), found.words(Slot.SESSION_ID)
    lacking = (user.codes < 0) | (session.codes < 0)
    metadata = read_objects(found, Slot.METADATA, lacking)
    return {
        "user_id": _filled(user, metadata, USER_IN_METADATA),
        "session_id": _filled(session, metadata, ("session_id", "sessionId", "session.id", "thread_id")),
    }


def _filled(words: Words, objects: dict[int, dict[str, Any]], names: tuple[str, ...]) -> Words:
    """Return words with what objects say under one of some names in the place of NULL."""
    codes, values = words.codes.copy(), list(words.values)
    for row, said in objects.items():
        text = next((said[name] for name in names if isinstance(said.get(name), str) and said[name]), None)
        if codes[row] < 0 and text is not None and len(text) <= LONGEST_WORD // 4:
            codes[row] = len(values)
            values.append(text)
    return Words(codes, values)
