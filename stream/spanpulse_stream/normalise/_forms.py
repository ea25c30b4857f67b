"""A kernel that reads JSON without making objects, and tells valid lists of messages and of documents.

It is strict where orjson is strict; what it is not sure of (deep nesting, surrogates, keys with escapes) it does not
vouch for, and the text is read the slow way. So a flag that is set is true, one that is not set says nothing.
"""

from enum import IntFlag
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode._memory import Buffer, byte_at, word_at
from spanpulse_stream.jit import entry, helper

__all__ = ["Form", "read_forms"]

U8 = NDArray[np.uint8]


class Form(IntFlag):
    """What is known of a text."""

    MESSAGES = 1  # a list, not empty, of objects with a role that is a string and parts that are a list
    DOCUMENTS = 2  # a list of objects with a content
    SYSTEM_FIRST = 4  # of a list of messages: the first has the role system


_MESSAGES: Final = int(Form.MESSAGES)
_DOCUMENTS: Final = int(Form.DOCUMENTS)
_SYSTEM_FIRST: Final = int(Form.SYSTEM_FIRST)
_DEEPEST: Final = 60  # open arrays and objects, one bit each
_ITEM: Final = 2  # the depth inside of the list's objects
_ROLE, _PARTS, _CONTENT = 1, 2, 4  # keys that an item was seen to have
_SYSTEM, _ODD = 8, 16  # its role is system; it is no message

_QUOTE, _ESCAPE, _COMMA, _COLON = 0x22, 0x5C, 0x2C, 0x3A
_OPEN_LIST, _CLOSE_LIST, _OPEN_OBJECT, _CLOSE_OBJECT = 0x5B, 0x5D, 0x7B, 0x7D
_KEYS: Final = np.frombuffer(b"rolepartscontentsystem", np.uint8)
_ONES: Final = np.uint64(0x0101010101010101)
_QUOTES: Final = np.uint64(0x2222222222222222)
_ESCAPES: Final = np.uint64(0x5C5C5C5C5C5C5C5C)
_SPACES: Final = np.uint64(0x2020202020202020)
_HIGHEST: Final = np.uint64(0x8080808080808080)
_TRUE, _FALSE, _NULL = 0x74, 0x66, 0x6E
_LITERALS: Final = np.frombuffer(b"truefalsenull", np.uint8)


@helper
def _same(buffer: Buffer, at: int, known: U8, first: int, size: int) -> bool:
    place = 0
    while place < size and byte_at(buffer, at + place) == known[first + place]:
        place += 1
    return place == size


@helper
def _after_space(buffer: Buffer, at: int, end: int) -> int:
    while at < end and byte_at(buffer, at) in (0x20, 0x0A, 0x0D, 0x09):
        at += 1
    return at


@helper
def _is_hex(byte: int) -> bool:
    return 0x30 <= byte <= 0x39 or 0x41 <= byte <= 0x46 or 0x61 <= byte <= 0x66


@helper
def _after_escape(buffer: Buffer, at: int, end: int) -> int:
    """Return where an escape sequence ends, behind its backslash, or -1."""
    if at >= end:
        return -1
    byte = byte_at(buffer, at)
    if byte != 0x75:  # u
        known = byte in (_QUOTE, _ESCAPE, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74)
        return at + 1 if known else -1
    if at + 4 >= end or byte_at(buffer, at + 1) in (0x44, 0x64):  # D: perhaps a surrogate, not decided here
        return -1
    for place in range(at + 1, at + 5):
        if not _is_hex(byte_at(buffer, place)):
            return -1
    return at + 5


@helper
def _is_plain(word: int) -> bool:
    """Tell whether none of 8 bytes is a quote, a backslash or a control character."""
    bytes_ = np.uint64(word)
    quotes, escapes = bytes_ ^ _QUOTES, bytes_ ^ _ESCAPES
    found = (quotes - _ONES) & ~quotes | (escapes - _ONES) & ~escapes | (bytes_ - _SPACES) & ~bytes_
    return bool(found & _HIGHEST == np.uint64(0))


@helper
def _after_string(buffer: Buffer, at: int, end: int) -> int:
    """Return where a string ends, behind its quote, or -1; ``at`` is behind the opening quote."""
    while at < end:
        while at + 8 <= end and _is_plain(word_at(buffer, at)):
            at += 8
        if at >= end:
            return -1
        byte = byte_at(buffer, at)
        at += 1
        if byte == _QUOTE:
            return at
        if byte < 0x20:
            return -1
        if byte == _ESCAPE:
            at = _after_escape(buffer, at, end)
            if at < 0:
                return -1
    return -1


@helper
def _after_digits(buffer: Buffer, at: int, end: int) -> int:
    """Return where digits end, or -1 if there are none."""
    first = at
    while at < end and 0x30 <= byte_at(buffer, at) <= 0x39:
        at += 1
    return at if at > first else -1


@helper
def _after_number(buffer: Buffer, at: int, end: int) -> int:
    """Return where a number ends, or -1."""
    if byte_at(buffer, at) == 0x2D:
        at += 1
    first = at
    at = _after_digits(buffer, at, end)
    if at < 0 or (byte_at(buffer, first) == 0x30 and at > first + 1):
        return -1
    if at < end and byte_at(buffer, at) == 0x2E:
        at = _after_digits(buffer, at + 1, end)
        if at < 0:
            return -1
    if at < end and (byte_at(buffer, at) == 0x65 or byte_at(buffer, at) == 0x45):
        at += 1
        if at < end and (byte_at(buffer, at) == 0x2B or byte_at(buffer, at) == 0x2D):
            at += 1
        return _after_digits(buffer, at, end)
    return at


@helper
def _after_plain(buffer: Buffer, at: int, end: int) -> int:
    """Return where a number, true, false or null ends, or -1."""
    byte = byte_at(buffer, at)
    if byte == _TRUE and at + 4 <= end and _same(buffer, at, _LITERALS, 0, 4):
        return at + 4
    if byte == _FALSE and at + 5 <= end and _same(buffer, at, _LITERALS, 4, 5):
        return at + 5
    if byte == _NULL and at + 4 <= end and _same(buffer, at, _LITERALS, 9, 4):
        return at + 4
    return _after_number(buffer, at, end)


@helper
def _key(buffer: Buffer, at: int, size: int) -> int:
    if size == 4 and _same(buffer, at, _KEYS, 0, 4):
        return _ROLE
    if size == 5 and _same(buffer, at, _KEYS, 4, 5):
        return _PARTS
    if size == 7 and _same(buffer, at, _KEYS, 9, 7):
        return _CONTENT
    return 0


@helper
def _after_key(buffer: Buffer, at: int, end: int) -> tuple[int, int]:
    """Return which key an object has at ``at`` (0: one of no interest), and where its value starts, or -1."""
    if at >= end or byte_at(buffer, at) != _QUOTE:
        return 0, -1
    first = at + 1
    at = _after_string(buffer, first, end)
    if at < 0:
        return 0, -1
    key = _key(buffer, first, at - 1 - first)
    at = _after_space(buffer, at, end)
    if at >= end or byte_at(buffer, at) != _COLON:
        return 0, -1
    return key, _after_space(buffer, at + 1, end)


@helper
def _noted(buffer: Buffer, at: int, end: int, key: int, seen: int) -> int:
    """Return what is known of an item after a key of interest and the value that starts at ``at``."""
    if key & seen:
        return seen | _ODD  # of a key that is there twice the last one counts, which is not worked out here
    byte = byte_at(buffer, at)
    if key == _ROLE:
        is_system = at + 8 <= end and byte_at(buffer, at + 7) == _QUOTE and _same(buffer, at + 1, _KEYS, 16, 6)
        seen |= (_SYSTEM if is_system else 0) | (0 if byte == _QUOTE else _ODD)
    elif key == _PARTS and byte != _OPEN_LIST:
        seen |= _ODD
    return seen | key


@helper
def _narrowed(form: int, seen: int, items: int) -> int:
    """Return the form of a list after item number ``items`` of it."""
    if seen & (_ROLE | _PARTS | _ODD) != _ROLE | _PARTS:
        form &= ~_MESSAGES
    if not seen & _CONTENT:
        form &= ~_DOCUMENTS
    return form | (_SYSTEM_FIRST if items == 1 and seen & _SYSTEM else 0)


@helper
def _form(buffer: Buffer, at: int, end: int) -> int:
    at = _after_space(buffer, at, end)
    if at >= end or byte_at(buffer, at) != _OPEN_LIST:
        return 0
    form, items, seen, key = _MESSAGES | _DOCUMENTS, 0, 0, 0
    objects, depth = np.uint64(0), 0  # bit d - 1: what is open at depth d is an object
    while at < end:  # at the start of a value
        byte = byte_at(buffer, at)
        is_object = byte == _OPEN_OBJECT
        if depth == 1:
            items, seen = items + 1, 0
            form = form if is_object else 0
        elif depth == _ITEM and key:
            seen = _noted(buffer, at, end, key, seen)
        opened = is_object or byte == _OPEN_LIST
        if opened:
            if depth == _DEEPEST:
                return 0
            bit = np.uint64(1) << np.uint64(depth)
            objects = objects | bit if is_object else objects & ~bit
            depth += 1
            at += 1
        else:
            at = _after_string(buffer, at + 1, end) if byte == _QUOTE else _after_plain(buffer, at, end)
        while True:  # behind a value, or in a list or an object that was just opened
            at = _after_space(buffer, at, end) if at >= 0 else end
            if at >= end:
                return 0
            inside = (objects >> np.uint64(depth - 1)) & np.uint64(1) != np.uint64(0)
            if byte_at(buffer, at) != (_CLOSE_OBJECT if inside else _CLOSE_LIST):
                break
            at, depth, opened = at + 1, depth - 1, False
            if depth == 1:
                form = _narrowed(form, seen, items)
            elif depth == 0:
                return form if items > 0 and _after_space(buffer, at, end) == end else 0
        if not opened:
            if byte_at(buffer, at) != _COMMA:
                return 0
            at = _after_space(buffer, at + 1, end)
        if inside:
            key, at = _after_key(buffer, at, end)
            if at < 0:
                return 0
    return 0


@entry
def read_forms(buffer: Buffer, offset: NDArray[np.int64], length: NDArray[np.int32], out: U8) -> None:
    """Set ``out[i]`` to the `Form` of the text at ``offset[i]`` of ``buffer``; of one that is not there it is 0."""
    for row in range(len(offset)):
        if length[row] > 0:
            out[row] = _form(buffer, offset[row], offset[row] + length[row])
        else:
            out[row] = 0
