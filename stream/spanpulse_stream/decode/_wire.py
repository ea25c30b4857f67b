"""Kernels that read single items of the protobuf wire format.

Positions are byte indexes of the buffer. Errors are negative positions: minus a number of `_reasons`. The readers
that check take the ``end`` they must not pass; the skippers are for validated messages and check nothing.
"""

from typing import Final

from spanpulse_stream.decode._memory import Buffer, byte_at
from spanpulse_stream.decode._reasons import INVALID_VARINT, TRUNCATED
from spanpulse_stream.jit import kernel

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
START_GROUP: Final = 3
END_GROUP: Final = 4
FIXED32: Final = 5

TAG_BYTES: Final = 5
VARINT_BYTES: Final = 10
MAX_TAG: Final = 0xFFFFFFFF
MAX_LENGTH: Final = 0x7FFFFFFF


@kernel
def read_varint(buffer: Buffer, pos: int, end: int, most: int) -> tuple[int, int]:
    """Return (value, next position) of a varint of at most ``most`` bytes; overlong forms are fine, as in protobuf.

    Bits above the 64th are dropped. The position is ``-TRUNCATED`` or ``-INVALID_VARINT`` on error.
    """
    value = 0
    shift = 0
    last = min(end, pos + most)
    while pos < last:
        byte = byte_at(buffer, pos)
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
        shift += 7
    return 0, -INVALID_VARINT if shift == 7 * most else -TRUNCATED


@kernel
def read_tag(buffer: Buffer, pos: int, end: int) -> tuple[int, int]:
    """Return (tag, next position) where ``pos < end``; a tag has at most 5 bytes and 32 bits."""
    tag = byte_at(buffer, pos)
    if tag < 0x80:
        return tag, pos + 1
    tag, pos = read_varint(buffer, pos, end, TAG_BYTES)
    return tag, -INVALID_VARINT if tag > MAX_TAG else pos


@kernel
def read_length(buffer: Buffer, pos: int, end: int) -> tuple[int, int]:
    """Return (length, position of the first byte); guarantees that the piece ends at or before ``end``."""
    if pos < end:
        length = byte_at(buffer, pos)
        if length < 0x80 and length < end - pos:
            return length, pos + 1
    length, pos = read_varint(buffer, pos, end, TAG_BYTES)
    if pos < 0 or length <= end - pos:
        return length, pos
    return length, -INVALID_VARINT if length > MAX_LENGTH else -TRUNCATED


@kernel
def skip_value(buffer: Buffer, pos: int, end: int, wire: int) -> int:
    """Return the position behind a value of wire type ``wire``, which is no group."""
    if wire == FIXED64:
        return pos + 8
    if wire == FIXED32:
        return pos + 4
    value, pos = read_varint(buffer, pos, end, VARINT_BYTES)
    return pos + value if wire == LENGTH else pos


@kernel
def skip_group(buffer: Buffer, pos: int, end: int) -> int:
    """Return the position behind the END_GROUP of a group whose START_GROUP was read."""
    depth = 1
    while depth > 0:
        tag, pos = read_tag(buffer, pos, end)
        wire = tag & 7
        if wire == START_GROUP:
            depth += 1
        elif wire == END_GROUP:
            depth -= 1
        else:
            pos = skip_value(buffer, pos, end, wire)
    return pos
