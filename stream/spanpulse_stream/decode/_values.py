"""Read the rare value that stayed encoded: arrays, lists of pairs and bytes, as plain Python objects.

The bytes come out of `decode_spans`/`decode_logs`, so they are valid; of other bytes this promises nothing. Slow
(microseconds a value) and exact: repeated occurrences are merged as protobuf merges them.
"""

import struct
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode._columns import ValueKind
from spanpulse_stream.decode._wire import END_GROUP, FIXED32, FIXED64, LENGTH, START_GROUP, VARINT

__all__ = ["Value", "decode_value"]

Value: TypeAlias = "str | bool | int | float | bytes | list[Value] | dict[str, Value] | None"

_SCALARS = {ValueKind.BOOL: VARINT, ValueKind.INT: VARINT, ValueKind.DOUBLE: FIXED64}
_STRING_INDEX = 8  # another member of the oneof; it refers to a dictionary that OTLP traces and logs do not have


def decode_value(data: NDArray[np.uint8], kind: int, offset: int, length: int, number: int) -> Value:
    """Return one row of `Values` as an object: None for EMPTY; of equal keys in a list of pairs the last counts."""
    if kind in _SCALARS:
        return _scalar(kind, int(number))
    return _payload(kind, data[offset : offset + length].tobytes())


def _scalar(kind: int, number: int) -> Value:
    """Interpret 64 bits, which may be given signed or unsigned."""
    packed = struct.pack("<Q", number & 0xFFFFFFFFFFFFFFFF)
    if kind == ValueKind.BOOL:
        return number != 0
    value: int | float = struct.unpack("<q" if kind == ValueKind.INT else "<d", packed)[0]
    return value


def _payload(kind: int, body: bytes) -> Value:
    if kind == ValueKind.EMPTY:
        return None
    if kind == ValueKind.STRING:
        return body.decode()
    if kind == ValueKind.ARRAY:
        return [_any_value(item) for field, item in _submessages(body) if field == 1]
    if kind == ValueKind.KVLIST:
        return dict(_pair(item) for field, item in _submessages(body) if field == 1)
    return body


def _pair(body: bytes) -> tuple[str, Value]:
    key, values = b"", []
    for field, item in _submessages(body):
        if field == 1:
            key = item
        elif field == 2:
            values.append(item)
    # Parsing the concatenation of a message's occurrences is how protobuf defines merging them.
    return key.decode(), _any_value(b"".join(values))


def _any_value(body: bytes) -> Value:
    kind, number, parts = int(ValueKind.EMPTY), 0, [b""]
    for field, wire, item, bits in _fields(body):
        if wire == LENGTH and field in (ValueKind.ARRAY, ValueKind.KVLIST) and field == kind:
            parts.append(item)
        elif wire == LENGTH and field in (ValueKind.STRING, ValueKind.ARRAY, ValueKind.KVLIST, ValueKind.BYTES):
            kind, parts = field, [item]
        elif field in _SCALARS and wire == _SCALARS[ValueKind(field)]:
            kind, number = field, bits
        elif field == _STRING_INDEX and wire == VARINT:
            kind = ValueKind.EMPTY
    return _scalar(kind, number) if kind in _SCALARS else _payload(kind, b"".join(parts))


def _submessages(body: bytes) -> Iterator[tuple[int, bytes]]:
    return ((field, item) for field, wire, item, _ in _fields(body) if wire == LENGTH)


def _fields(body: bytes) -> Iterator[tuple[int, int, bytes, int]]:
    """Yield (field, wire type, bytes of a LENGTH field, bits of a number); what is in a group is left out."""
    pos, groups = 0, 0
    while pos < len(body):
        tag, pos = _varint(body, pos)
        wire, item, bits = tag & 7, b"", 0
        if wire == VARINT:
            bits, pos = _varint(body, pos)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
            bits, pos = int.from_bytes(body[pos : pos + size], "little"), pos + size
        elif wire == LENGTH:
            length, pos = _varint(body, pos)
            item, pos = body[pos : pos + length], pos + length
        groups += (wire == START_GROUP) - (wire == END_GROUP)
        if not groups and wire != END_GROUP:
            yield tag >> 3, wire, item, bits


def _varint(body: bytes, pos: int) -> tuple[int, int]:
    """Return (the low 64 bits, next position)."""
    value, shift = 0, 0
    while True:
        byte = body[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, pos
