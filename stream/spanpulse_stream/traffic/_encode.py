"""Writes OTLP spans: the few fields of ExportTraceServiceRequest that generated traffic has.

A span is encoded once, as bytes; requests are concatenations. Values are not checked: callers are in this package.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

__all__ = [
    "CLIENT",
    "ERROR",
    "INTERNAL",
    "SERVER",
    "Event",
    "SpanRecord",
    "attributes",
    "delimited",
    "encode_span",
    "request",
    "varint",
]

Value = str | int | float | bool | Sequence[str]

INTERNAL: Final = 1
SERVER: Final = 2
CLIENT: Final = 3
ERROR: Final = 2


@dataclass(frozen=True, slots=True)
class Event:
    """A span event; ``time`` in ns since the Unix epoch."""

    time: int
    name: str
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One span: ids are bytes (parent empty for a root), times in ns since the Unix epoch, ``status`` 0 or ERROR."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    kind: int
    start: int
    end: int
    attributes: Mapping[str, Value]
    events: Sequence[Event] = ()
    status: int = 0
    message: str = ""


def encode_span(span: SpanRecord) -> bytes:
    """Return the encoded Span message."""
    parts = [delimited(1, span.trace_id), delimited(2, span.span_id)]
    if span.parent_id:
        parts.append(delimited(4, span.parent_id))
    parts += [_text(5, span.name), bytes((6 << 3, span.kind)), _fixed(7, span.start), _fixed(8, span.end)]
    parts.append(attributes(9, span.attributes))
    parts += [delimited(11, _fixed(1, e.time) + _text(2, e.name) + attributes(3, e.attributes)) for e in span.events]
    if span.status:
        parts.append(delimited(15, _text(2, span.message) + bytes((3 << 3, span.status))))
    return b"".join(parts)


def request(resource: Mapping[str, Value], scope: tuple[str, str], spans: Iterable[bytes]) -> bytes:
    """Return an ExportTraceServiceRequest of one resource and one scope (name, version)."""
    scoped = delimited(1, _text(1, scope[0]) + _text(2, scope[1])) + b"".join(delimited(2, span) for span in spans)
    return delimited(1, delimited(1, attributes(1, resource)) + delimited(2, scoped))


def attributes(number: int, values: Mapping[str, Value]) -> bytes:
    """Return KeyValues as repeated field ``number``."""
    tag = SHORT[number << 3 | 2]
    parts: list[bytes] = []
    for key, value in values.items():
        encoded = _any_value(value)
        pair = _key(key) + varint(len(encoded)) + encoded
        parts += (tag, varint(len(pair)), pair)
    return b"".join(parts)


def varint(value: int) -> bytes:
    """Return a base-128 varint of an unsigned number."""
    return SHORT[value] if value < len(SHORT) else _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


SHORT: Final = tuple(_varint(value) for value in range(2048))
"""Nearly all lengths: looked up, as writing them was a third of the cost of a span."""


@lru_cache(maxsize=256)
def _key(key: str) -> bytes:
    """Return the key of a KeyValue and the tag of its value."""
    return _text(1, key) + bytes((2 << 3 | 2,))


def _any_value(value: Value) -> bytes:
    if isinstance(value, str):
        text = value.encode()
        return b"\n" + varint(len(text)) + text
    if isinstance(value, bool):
        return bytes((2 << 3, value))
    if isinstance(value, int):
        return bytes((3 << 3,)) + varint(value & (1 << 64) - 1)
    if isinstance(value, float):
        return bytes((4 << 3 | 1,)) + struct.pack("<d", value)
    return delimited(5, b"".join(delimited(1, _text(1, each)) for each in value))


def delimited(number: int, value: bytes) -> bytes:
    """Return a field of bytes, a text or a message; its tag has one byte or two."""
    return SHORT[number << 3 | 2] + varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return delimited(number, value.encode())


def _fixed(number: int, value: int) -> bytes:
    return bytes((number << 3 | 1,)) + value.to_bytes(8, "little")
