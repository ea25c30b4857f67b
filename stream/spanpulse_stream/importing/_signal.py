"""What an Export*ServiceRequest in protobuf holds: spans, log records and metrics have the same frame around them.

The first record tells, by fields that only one of them has with that type of wire. A request whose frame cannot be
read counts as traces; who checks it then says what is wrong. Not guaranteed: anything about a record that has hardly
a field.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final, Literal

from spanpulse_stream.gateway import wire_fields

__all__ = ["Kind", "signal_of"]

Kind = Literal["traces", "logs", "metrics"]
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
MOST_FIELDS: Final = 1000  # looked at in one message
ID_BYTES: Final = 16
OF_A_SPAN: Final = {
    *((number, VARINT) for number in (6, 10, 12, 14)),
    *((number, FIXED64) for number in (7, 8)),
    *((number, LENGTH) for number in (4, 13, 15)),
    (16, FIXED32),
}
OF_A_LOG_RECORD: Final = {(1, FIXED64), (2, VARINT), (6, LENGTH), (7, VARINT), (8, FIXED32), (11, FIXED64)}
NAME, BODY, SUM = (1, LENGTH), (5, LENGTH), (7, LENGTH)


def signal_of(data: bytes) -> Kind | None:
    """Return what the first record is; None where there is none."""
    try:
        record = next(_records(data), None)
        return None if record is None else _told(data, *record)
    except (ValueError, IndexError):
        return "traces"


def _records(data: bytes) -> Iterator[tuple[int, int]]:
    for resource in _children(data, 0, len(data), 1):
        for scope in _children(data, *resource, 2):
            yield from _children(data, *scope, 2)


def _children(data: bytes, start: int, end: int, number: int) -> Iterator[tuple[int, int]]:
    for field, wire, _, value, stop in islice(wire_fields(data, start, end), MOST_FIELDS):
        if field == number and wire == LENGTH:
            yield value, stop


def _told(data: bytes, start: int, end: int) -> Kind:
    sizes: dict[tuple[int, int], int] = {}
    for field, wire, _, value, stop in islice(wire_fields(data, start, end), MOST_FIELDS):
        sizes.setdefault((field, wire), stop - value)
        if (field, wire) in OF_A_SPAN:
            return "traces"
        if (field, wire) in OF_A_LOG_RECORD:
            return "logs"
        if (field, wire) == SUM:
            return "metrics"
    if NAME in sizes:
        return "traces" if sizes[NAME] == ID_BYTES else "metrics"  # a span without times, or a gauge
    return "logs" if BODY in sizes else "traces"
