"""Attributes of JSON, the bulk of every request, written without a step for each level: the shape that SDKs send.

That is a key and one string, integer, number or truth value. Whatever else an attribute is, a writer of any value takes
it, so that the bytes and the errors are the same as without this. Not guaranteed: that what is remembered of keys
helps senders that never use one twice; it is bounded and then begins anew.
"""

import struct
from typing import Any, Final

from spanpulse_stream.decode._json_fields import Unfit, Write, digits, put_varint, tag, unfit

__all__ = ["attributes"]

KEY, VALUE, STRING, BOOLEAN, INTEGER, DOUBLE = tag(1), tag(2), tag(1), tag(2, 0), tag(3, 0), tag(4, 1)
MOST_HEADS: Final = 8192
LONGEST_KEY: Final = 96  # characters of a key that is remembered
INT64: Final = 1 << 63
UINT64: Final = 1 << 64
PACK: Final = struct.Struct("<d").pack
TRUTHS: Final = {True: BOOLEAN + b"\1", False: BOOLEAN + b"\0"}


def attributes(number: int, any_value: Write) -> Write:
    """Write a list of KeyValues as field ``number``; ``any_value`` writes one KeyValue of any kind, tag included."""
    begin = tag(number)
    texts: dict[tuple[str, int], bytes] = {}  # what stands before a string, by its key and its bytes
    others: dict[tuple[str, int], bytes] = {}  # and before the value of another kind

    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, list):
            unfit(value, "a list")
        for place, pair in enumerate(value):
            try:
                key = pair["key"]
                [(kind, content)] = pair["value"].items()
            except (TypeError, KeyError, AttributeError, ValueError):
                key = kind = content = None
            if type(key) is str:
                if kind == "stringValue" and type(content) is str:
                    text = content.encode()
                    size = len(text)
                    out += texts.get((key, size)) or _text_head(texts, begin, key, size)
                    out += text
                    continue
                if (scalar := _scalar(kind, content)) is not None:
                    out += others.get((key, len(scalar))) or _head(others, begin, key, len(scalar))
                    out += scalar
                    continue
            try:
                any_value(out, pair, depth)
            except Unfit as error:
                raise Unfit(f"{place}: {error}") from None

    return write


def _scalar(kind: str | None, content: Any) -> bytes | None:
    """Return the AnyValue of a number or a truth value as senders write them, None for all else."""
    if kind == "intValue":
        number = content if type(content) is int else digits(content)
        if number is None or not -INT64 <= number < INT64:
            return None
        out = bytearray(INTEGER)
        put_varint(out, number % UINT64)
        return bytes(out)
    if kind == "doubleValue" and type(content) is float:
        return DOUBLE + PACK(content)
    return TRUTHS[content] if kind == "boolValue" and type(content) is bool else None


def _text_head(known: dict[tuple[str, int], bytes], begin: bytes, key: str, size: int) -> bytes:
    """Return what stands before a string of ``size`` bytes."""
    inner = bytearray(STRING)
    put_varint(inner, size)
    head = _begun(begin, key, size + len(inner)) + inner
    return _remembered(known, key, size, head)


def _head(known: dict[tuple[str, int], bytes], begin: bytes, key: str, size: int) -> bytes:
    """Return what stands before an AnyValue of ``size`` bytes."""
    return _remembered(known, key, size, _begun(begin, key, size))


def _begun(begin: bytes, key: str, size: int) -> bytes:
    """Return the beginning of a KeyValue, up to its AnyValue of ``size`` bytes."""
    name = key.encode()
    pair = bytearray(KEY)
    put_varint(pair, len(name))
    pair += name
    pair += VALUE
    put_varint(pair, size)
    out = bytearray(begin)
    put_varint(out, len(pair) + size)
    return bytes(out + pair)


def _remembered(known: dict[tuple[str, int], bytes], key: str, size: int, head: bytes) -> bytes:
    if len(key) <= LONGEST_KEY:
        if len(known) >= MOST_HEADS:
            known.clear()
        known[key, size] = head
    return head
