"""Whose a dead letter is: the ids of users that it states, read from the bytes of OTLP without its libraries.

A letter is a span, a log record or a whole request. It is walked as far as attributes lie; a value counts under the
keys that some dialect reads a user's id from, at any depth, also within JSON. Not guaranteed: anything of what cannot
be walked to its end, which `Broken` says.
"""

import json
import re
import struct
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final

from spanpulse_stream.normalise import USER_KEYS

__all__ = ["Broken", "users_in"]

Schema = Mapping[int, Any]
"""Field -> what it holds: the schema of a message, or the name of one that repeats itself."""
ATTRIBUTE, VALUE = "attribute", "value"
SPAN: Final[Schema] = {9: ATTRIBUTE, 11: {3: ATTRIBUTE}, 13: {4: ATTRIBUTE}}
RECORD: Final[Schema] = {5: VALUE, 6: ATTRIBUTE}
BY_SIGNAL: Final[Mapping[str, Schema]] = {"traces": SPAN, "logs": RECORD}
STRING, INT, DOUBLE, ARRAY, OBJECT, BYTES = 1, 3, 4, 5, 6, 7
FIXED: Final = {1: 8, 5: 4}  # wire type -> bytes
VARINT, LENGTH = 0, 2
VARINT_BYTES: Final = 10
IN_JSON: Final = re.compile(
    rb'"(?:%s)"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9.eE+-]+)' % b"|".join(re.escape(key.encode()) for key in USER_KEYS)
)


class Broken(Exception):  # noqa: N818 -- what the bytes are
    """The bytes are not what they should be, so something in them may have been missed."""


def users_in(letter: bytes, signal: str, *, whole: bool) -> set[str]:
    """Return the ids of users in a letter, ``whole``: a request. Raises Broken."""
    piece = BY_SIGNAL.get(signal)
    if piece is None:
        raise Broken
    request = {1: {1: {1: ATTRIBUTE}, 2: {1: {3: ATTRIBUTE}, 2: piece}}}
    found: set[str] = set()
    left: list[tuple[bytes, Any, bool]] = [(letter, request if whole else piece, False)]
    while left:  # no recursion: letters may be nested to any depth
        message, schema, of_user = left.pop()
        if schema == ATTRIBUTE:
            fields = dict(_fields(message))
            named = fields.get(1) in KEYS
            if isinstance(value := fields.get(2), bytes):
                left.append((value, VALUE, of_user or named))
        elif schema == VALUE:
            for number, value in _fields(message):
                if number in (ARRAY, OBJECT) and isinstance(value, bytes):
                    inner = VALUE if number == ARRAY else ATTRIBUTE
                    left += [(each, inner, of_user) for _, each in _fields(value) if isinstance(each, bytes)]
                else:
                    found |= _said(number, value, of_user=of_user)
        else:
            known = ((schema[number], value) for number, value in _fields(message) if number in schema)
            left += [(value, inner, False) for inner, value in known if isinstance(value, bytes)]
    return found


KEYS: Final = {key.encode() for key in USER_KEYS}


def _said(number: int, value: bytes | int, *, of_user: bool) -> set[str]:
    """Return the ids that a scalar value states."""
    if isinstance(value, int):
        return {str(value - (1 << 64) if value >> 63 else value)} if of_user and number == INT else set()
    if number == DOUBLE:
        return {str(struct.unpack("<d", value)[0])} if of_user and len(value) == FIXED[1] else set()
    if number == BYTES:
        return {b64encode(value).decode()} if of_user else set()
    found = {(text := value.decode("utf-8", "replace")), text.strip('"')} if of_user and number == STRING else set()
    return found | {_unquoted(text) for text in IN_JSON.findall(value)}


def _unquoted(text: bytes) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        return text.strip(b'"').decode("utf-8", "replace")


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield number and value of each field. Raises Broken."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire, value = tag & 7, b""
        if wire == VARINT:
            number, at = _varint(message, at)
            yield tag >> 3, number
            continue
        size = FIXED.get(wire, 0)
        if wire == LENGTH:
            size, at = _varint(message, at)
        elif not size:
            raise Broken
        value, at = message[at : at + size], at + size
        if at > len(message):
            raise Broken
        yield tag >> 3, value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(VARINT_BYTES):
        if at >= len(message):
            raise Broken
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, at
    raise Broken
