"""When a message counts as received, where the log's own stamp says nothing.

A topic that was there before `spanpulse init` may hold stamps that producers wrote: 0, -1, or any other number. Rows
are kept by the day of receipt, so under such a stamp they would be stored and gone at once. Guarantee: what is returned
lies from 2020 to 2099 and is a function of the message alone, so whoever reads it again, in whatever batch, gets the
same. A message without a usable stamp counts as received when the newest of its records was, by that record's own time,
and so does one whose producer's stamp is before that. One that has no such time either is marked as unreadable. Not
guaranteed: that a plausible stamp is true, nor that a day is kept on which all of this says that it came.
"""

from dataclasses import replace
from typing import Literal

import numpy as np

from spanpulse_stream.decode import InvalidJson, Malformed, json_to_protobuf, json_values, read_heads
from spanpulse_stream.pipeline._cut import RECEIVED_AT_UNUSABLE, Incoming
from spanpulse_stream.pipeline._encoding import MOST_VALUES
from spanpulse_stream.pipeline._size import LARGEST_MESSAGE

__all__ = ["EARLIEST_MS", "LATEST_MS", "stamped"]

EARLIEST_MS = 1_577_836_800_000  # 2020-01-01
LATEST_MS = 4_102_444_800_000  # 2100-01-01: a time of the database, in seconds, ends in 2106
NS_PER_MS = 1_000_000


def stamped(message: Incoming, *, by_broker: bool = True) -> Incoming:
    """Return the message with a usable time of receipt; where it has none, marked, and with the earliest.

    ``by_broker``: the broker wrote the stamp, so a usable one holds.
    """
    told = message.appended_at
    is_usable = EARLIEST_MS <= told < LATEST_MS
    if is_usable and by_broker:
        return message
    if (newest := _newest(message)) is not None and not (is_usable and newest <= told):
        return replace(message, appended_at=newest)
    if is_usable:
        return message
    why = f"the log says that it came at {told} ms, and no record of it says when it was"
    return replace(message, appended_at=EARLIEST_MS, unreadable=why, reason=RECEIVED_AT_UNUSABLE)


def _newest(message: Incoming) -> int | None:
    """Return the newest usable time of the message's records, in ms."""
    if message.signal not in ("traces", "logs") or len(message.value) > LARGEST_MESSAGE:
        return None
    signal: Literal["traces", "logs"] = "logs" if message.signal == "logs" else "traces"
    try:
        times = read_heads(_protobuf(message, signal), signal).time // np.uint64(NS_PER_MS)
    except (InvalidJson, Malformed):
        return None
    usable = times[(times >= EARLIEST_MS) & (times < LATEST_MS)]
    return int(usable.max()) if usable.size else None


def _protobuf(message: Incoming, signal: Literal["traces", "logs"]) -> bytes:
    """Return the message in protobuf. Raises InvalidJson."""
    if message.encoding == "otlp_proto":
        return message.value
    if json_values(message.value) > MOST_VALUES:
        raise InvalidJson("too many values")
    return json_to_protobuf(message.value, signal)
