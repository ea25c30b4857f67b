"""The calls of this process that ended last, by the ids of their responses: what a score that names one is counted by.

Guarantee: bounded, at most `MOST` calls; takes about a microsecond and no lock, so that a fork or the collector of
garbage may come at any time; nothing here raises. Not guaranteed: that a call is found; what is older, or of another
process, the stream looks up.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["RESPONSE_ID", "called", "recall", "remember"]

MOST: Final = 2_000
RESPONSE_ID: Final = "gen_ai.response.id"
MODEL: Final = "gen_ai.request.model"
EXPERIMENT: Final = "spanpulse.experiment."
OF_CALL: Final = frozenset(
    (RESPONSE_ID, MODEL, "gen_ai.prompt.name", "spanpulse.prompt.version", "gen_ai.prompt.version")
)

_calls: Final[OrderedDict[str, dict[str, Any]]] = OrderedDict()


def remember(attributes: Mapping[str, Any] | None) -> None:
    """Keep what sums are made by of a call that has ended, if these are the attributes of one."""
    if not attributes or MODEL not in attributes:
        return
    response = attributes.get(RESPONSE_ID)
    if isinstance(response, str):
        _calls[response] = called(attributes)
        if len(_calls) > MOST:
            _calls.popitem(last=False)


def recall(response: str) -> Mapping[str, Any]:
    """Return what is known of the call with a response id; nothing if it is not known here."""
    return _calls.get(response) or {}


def called(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return those attributes that tell which call it is, and what its scores are counted by."""
    # By key: other threads may be adding to them.
    wanted = [key for key in attributes if key in OF_CALL or key.startswith(EXPERIMENT)]
    return {key: value for key in wanted if isinstance(value := attributes.get(key), str | int | float)}
