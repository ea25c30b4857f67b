"""Finds the times and ids in OTLP requests: where they stand in the bytes.

Knows just enough of the wire format to walk to them by field numbers, and reads only bytes that we ship
ourselves: malformed input raises IndexError or ValueError.
"""

from collections.abc import Iterator
from typing import Final, Literal

from spanpulse_stream.traffic._data import Signal

__all__ = ["Place", "places"]

Place = tuple[Literal["time", "id"], int, int]
"""What it is, the index of its first byte, its length."""

Shape = dict[int, "Shape | Literal['time', 'id']"]

EVENT: Final[Shape] = {1: "time"}
LINK: Final[Shape] = {1: "id", 2: "id"}
SPAN: Final[Shape] = {1: "id", 2: "id", 4: "id", 7: "time", 8: "time", 11: EVENT, 13: LINK}
RECORD: Final[Shape] = {1: "time", 9: "id", 10: "id", 11: "time"}
SHAPES: Final[dict[Signal, Shape]] = {"traces": {1: {2: {2: SPAN}}}, "logs": {1: {2: {2: RECORD}}}}


def places(body: bytes, signal: Signal) -> Iterator[Place]:
    """Yield every time (8 bytes, little endian, ns) and id (16 or 8 bytes) of a request."""
    yield from _walk(body, 0, len(body), SHAPES[signal])


def _walk(body: bytes, at: int, end: int, shape: Shape) -> Iterator[Place]:
    while at < end:
        tag, at = _varint(body, at)
        wire_type = tag & 7
        if wire_type == 0:
            _, at = _varint(body, at)
            continue
        size, at = _varint(body, at) if wire_type == 2 else ({1: 8, 5: 4}[wire_type], at)
        inner = shape.get(tag >> 3)
        if isinstance(inner, dict):
            yield from _walk(body, at, at + size, inner)
        elif inner is not None and size:
            yield inner, at, size
        at += size


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while body[at] & 0x80:
        value |= (body[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | body[at] << shift, at + 1
