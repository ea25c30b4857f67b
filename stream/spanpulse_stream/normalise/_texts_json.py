"""Kernels that write arrays and lists of pairs as JSON, straight from their encoded bytes.

Rare values (doubles, bytes, odd encodings) are left to Python: the kernel says that it did not write them. Of keys
that repeat in one list all are written; whoever reads the JSON takes the last.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode._kinds import ARRAY, BOOL, BYTES, DOUBLE, INT, KVLIST, STRING
from spanpulse_stream.decode._memory import Buffer, byte_at, word_at
from spanpulse_stream.decode._wire import LENGTH, read_length, read_tag
from spanpulse_stream.jit import entry, helper
from spanpulse_stream.normalise._logs_wire import read_any, read_pair, skip_field

__all__ = ["OPEN_LISTS", "write_json"]

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]

OPEN_LISTS: Final = (64, 4)
"""The lists that may be open at once, deeper than decoding lets through: position, end, items so far, kind."""
_ONES: Final = np.uint64(0x0101010101010101)
_TOPS: Final = np.uint64(0x8080808080808080)
_CONTROL: Final = 0x5C7530300000  # \u00 and two digits
_NULL: Final = 0x6E756C6C
_TRUE: Final = 0x74727565
_FALSE: Final = 0x66616C7365


@helper
def _put(out: U8, at: int, byte: int) -> int:
    """Write a byte where there is room; return the next position."""
    if at < len(out):
        out[at] = byte
    return at + 1


@helper
def _put_word(out: U8, at: int, word: int, size: int) -> int:
    """Write the ``size`` bytes of an integer, the highest first."""
    for index in range(size - 1, -1, -1):
        at = _put(out, at, (word >> (8 * index)) & 0xFF)
    return at


@helper
def _put_integer(out: U8, at: int, number: int) -> int:
    rest = np.uint64(number)
    if number < 0:
        at = _put(out, at, 0x2D)
        rest = np.uint64(0) - rest
    power = np.uint64(1)
    while rest // power >= np.uint64(10):
        power *= np.uint64(10)
    while power > np.uint64(0):
        at = _put(out, at, 0x30 + int(rest // power))
        rest %= power
        power //= np.uint64(10)
    return at


@helper
def _has_zero(word: np.uint64) -> np.uint64:
    """Return a word that is not 0 if one of the bytes is 0."""
    return (word - _ONES) & ~word & _TOPS


@helper
def _is_plain(loaded: int) -> bool:
    """Tell whether 8 bytes are written as they are: no quote, no backslash, no control character."""
    word = np.uint64(loaded)
    controls = (word - _ONES * np.uint64(0x20)) & ~word & _TOPS
    quotes = _has_zero(word ^ (_ONES * np.uint64(0x22))) | _has_zero(word ^ (_ONES * np.uint64(0x5C)))
    return bool(controls | quotes == np.uint64(0))


@helper
def _put_text(buffer: Buffer, pos: int, length: int, out: U8, at: int) -> int:
    at = _put(out, at, 0x22)
    index, end = pos, pos + length
    while index < end:
        while end - index >= 8 and at + 8 <= len(out) and _is_plain(word_at(buffer, index)):
            word = word_at(buffer, index)
            for place in range(8):
                out[at + place] = (word >> (8 * place)) & 0xFF
            index, at = index + 8, at + 8
        if index == end:
            break
        byte = byte_at(buffer, index)
        index += 1
        if byte < 0x20:
            digit = byte & 15
            digit += 0x30 if digit < 10 else 0x57
            at = _put_word(out, at, _CONTROL | (0x30 + (byte >> 4)) << 8 | digit, 6)
            continue
        if byte in (0x22, 0x5C):
            at = _put(out, at, 0x5C)
        at = _put(out, at, byte)
    return _put(out, at, 0x22)


@helper
def _put_scalar(buffer: Buffer, kind: int, offset: int, length: int, number: int, out: U8, at: int) -> int:
    """Write a value that is neither an array nor a list."""
    if kind == STRING:
        return _put_text(buffer, offset, length, out, at)
    if kind == INT:
        return _put_integer(out, at, number)
    word = _NULL
    if kind == BOOL:
        word = _TRUE if number != 0 else _FALSE
    return _put_word(out, at, word, 5 if word == _FALSE else 4)


@helper
def _write(buffer: Buffer, kind: int, offset: int, length: int, lists: I64, out: U8, at: int) -> int:
    """Write an array or list of pairs at ``at``; return the next position, -1 if it has what is not written here."""
    depth = 1
    lists[0, 0], lists[0, 1], lists[0, 2], lists[0, 3] = offset, offset + length, 0, kind
    at = _put(out, at, 0x5B if kind == ARRAY else 0x7B)
    while depth > 0:
        opened = lists[depth - 1]
        pos, end, is_array = opened[0], opened[1], opened[3] == ARRAY
        if pos == end:
            at = _put(out, at, 0x5D if is_array else 0x7D)
            depth -= 1
            continue
        tag, pos = read_tag(buffer, pos, end)
        if tag >> 3 != 1 or tag & 7 != LENGTH:
            opened[0] = skip_field(buffer, pos, end, tag & 7)
            continue
        size, pos = read_length(buffer, pos, end)
        opened[0] = pos + size
        if opened[2] > 0:
            at = _put(out, at, 0x2C)
        opened[2] += 1
        if not is_array:
            key, key_length, value, value_length, odd = read_pair(buffer, pos, pos + size)
            if odd:
                return -1
            at = _put(out, _put_text(buffer, key, key_length, out, at), 0x3A)
            pos, size = value, value_length
        inner, first, count, number, odd = read_any(buffer, pos, pos + size)
        if odd or inner in (DOUBLE, BYTES) or depth == len(lists):
            return -1
        if inner in (ARRAY, KVLIST):
            lists[depth, 0], lists[depth, 1], lists[depth, 2], lists[depth, 3] = first, first + count, 0, inner
            at = _put(out, at, 0x5B if inner == ARRAY else 0x7B)
            depth += 1
        else:
            at = _put_scalar(buffer, inner, first, count, number, out, at)
    return at


@entry
def write_json(buffer: Buffer, kind: I64, offset: I64, length: I64, lists: I64, out: U8, start: I64) -> int:
    """Write value i, an array or list of pairs, to ``out[start[i]:start[i + 1]]``; return how many bytes all need.

    A value that is left to Python has no bytes. If more are needed than there is room for, what was written is
    void: call again with more. ``lists`` (`OPEN_LISTS`) is room to work in.
    """
    start[0] = 0
    for row in range(len(kind)):
        end = _write(buffer, kind[row], offset[row], length[row], lists, out, start[row])
        start[row + 1] = end if end >= 0 else start[row]
    return int(start[len(kind)])
