"""Kernels that read single items of the protobuf wire format from a byte buffer.

``data`` is the buffer, ``words`` the same memory as little-endian 64-bit words with at least one spare word behind
the last byte. Positions are byte indexes. Errors are negative positions: minus a number of `_reasons`.
"""

import sys
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode._jit import kernel
from spanpulse_stream.decode._reasons import INVALID_VARINT, TRUNCATED

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

if sys.byteorder != "little":
    raise ImportError("the kernels read little-endian words; this machine is big-endian")


@kernel
def read_varint(data: NDArray[np.uint8], pos: int, end: int, most: int) -> tuple[int, int]:
    """Return (value, next position) of a varint of at most ``most`` bytes; overlong forms are fine, as in protobuf.

    Bits above the 64th are dropped. The position is ``-TRUNCATED`` or ``-INVALID_VARINT`` on error.
    """
    value = np.int64(0)
    last = min(end, pos + most)
    shift = np.int64(0)
    while pos < last:
        byte = np.int64(data[pos])
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
        shift += 7
    return np.int64(0), -INVALID_VARINT if shift == 7 * most else -TRUNCATED


@kernel
def read_tag(data: NDArray[np.uint8], pos: int, end: int) -> tuple[int, int]:
    """Return (tag, next position); a tag has at most 5 bytes and 32 bits."""
    if data[pos] < 0x80:
        return np.int64(data[pos]), pos + 1
    tag, pos = read_varint(data, pos, end, TAG_BYTES)
    if pos > 0 and tag > MAX_TAG:
        return tag, -INVALID_VARINT
    return tag, pos


@kernel
def read_length(data: NDArray[np.uint8], pos: int, end: int) -> tuple[int, int]:
    """Return (length, position of the first byte); guarantees that the piece ends at or before ``end``."""
    length, pos = read_varint(data, pos, end, TAG_BYTES)
    if pos > 0:
        if length > MAX_LENGTH:
            return length, -INVALID_VARINT
        if length > end - pos:
            return length, -TRUNCATED
    return length, pos


@kernel
def skip_value(data: NDArray[np.uint8], pos: int, end: int, wire: int) -> int:
    """Return the position behind a value that is no group; of a valid message only, nothing is checked.

    ``wire`` is its wire type. For groups see `skip_group`.
    """
    if wire == VARINT:
        while data[pos] >= 0x80:
            pos += 1
        return pos + 1
    if wire == FIXED64:
        return pos + 8
    if wire == FIXED32:
        return pos + 4
    length, pos = read_varint(data, pos, end, TAG_BYTES)
    return pos + length


@kernel
def skip_group(data: NDArray[np.uint8], pos: int, end: int) -> int:
    """Return the position behind the END_GROUP of a group whose START_GROUP was read; of a valid message only."""
    depth = 1
    while depth > 0:
        tag, pos = read_tag(data, pos, end)
        wire = tag & 7
        if wire == START_GROUP:
            depth += 1
        elif wire == END_GROUP:
            depth -= 1
        else:
            pos = skip_value(data, pos, end, wire)
    return pos


@kernel
def word_at(words: NDArray[np.uint64], pos: int) -> np.uint64:
    """Return the 8 bytes at byte ``pos``, little-endian; bytes behind the end are the buffer's padding."""
    index = pos >> 3
    shift = np.uint64((pos & 7) << 3)
    if shift == np.uint64(0):
        return words[index]
    return (words[index] >> shift) | (words[index + 1] << (np.uint64(64) - shift))


@kernel
def big_endian_at(words: NDArray[np.uint64], pos: int) -> np.uint64:
    """Return the 8 bytes at byte ``pos`` as a big-endian number."""
    x = word_at(words, pos)
    x = ((x & np.uint64(0x00FF00FF00FF00FF)) << np.uint64(8)) | ((x >> np.uint64(8)) & np.uint64(0x00FF00FF00FF00FF))
    x = ((x & np.uint64(0x0000FFFF0000FFFF)) << np.uint64(16)) | ((x >> np.uint64(16)) & np.uint64(0x0000FFFF0000FFFF))
    return (x << np.uint64(32)) | (x >> np.uint64(32))
