"""Spans and events in the protobuf of OTLP, written as bytes: a third of the time that building messages takes.

Guarantee: what is written is read as what OpenTelemetry's own encoder makes of the same span, and like there an
attribute whose value OTLP has no form for is left out alone. `span_body` raises for a span whose other parts are not
as the SDK has them. Not guaranteed: anything about sizes; who makes batches looks at the bytes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, Final

from spanpulse._events import Event, values_of
from spanpulse._log import say_once

__all__ = ["field", "key_values", "pairs", "record_body", "scope_body", "span_body", "words"]

LEAST: Final = -(1 << 63)
BEYOND: Final = 1 << 63
LENGTHS: Final = tuple(bytes((number,)) for number in range(0x80))
TIMES: Final = Struct("<cQcQ").pack
DOUBLE: Final = Struct("<d").pack
FIXED_32: Final = Struct("<L").pack
FIXED_64: Final = Struct("<Q").pack
# Numbers of fields with their wire types, as opentelemetry/proto/trace/v1/trace.proto and common.proto have them.
OF_SPAN: Final = b"\x4a"
OF_EVENT: Final = b"\x1a"
OF_LINK: Final = b"\x22"
OF_RECORD: Final = b"\x32"
HAS_REMOTE: Final = b"\x00\x01\x00\x00"  # SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK, little-endian
IS_REMOTE: Final = b"\x00\x03\x00\x00"


def varint(number: int) -> bytes:
    """Return a number of at most 64 bits, 7 of them a byte."""
    if number < 0x80:
        return LENGTHS[number]
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def field(tag: bytes, body: bytes) -> bytes:
    """Return a field with a length: a text, bytes or a message."""
    return tag + varint(len(body)) + body


def key_values(said: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a message that begins with names and values (AnyValue): a Resource, or a KeyValueList."""
    return b"".join(field(b"\x0a", field(b"\x0a", name) + field(b"\x12", value)) for name, value in said)


def scope_body(scope: Any) -> bytes:
    """Return an InstrumentationScope; an empty one for none."""
    if scope is None:
        return b""
    version = field(b"\x12", words(scope.version)) if scope.version else b""
    return field(b"\x0a", words(scope.name)) + version + b"".join(_attributes(b"\x1a", scope.attributes))


def words(said: Any) -> bytes:
    """Return what should be a text as UTF-8 can hold it; some pass a number as their version."""
    return b"" if said is None else str(said).encode("utf-8", "replace")


def pairs(attributes: Mapping[str, Any] | None) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names and values (AnyValue) of attributes, without those that OTLP has no form for."""
    for name, value in (attributes or {}).items():
        try:
            yield name.encode(), _value(value)
        except Exception as error:  # noqa: BLE001 -- whatever an instrumentation put there
            say_once(f"an attribute of a kind that OTLP does not have is left out ({type(error).__name__})", error)


def span_body(span: Any) -> bytes:
    """Return a Span. Raises what a span that is not as the SDK's leads to."""
    context, parent = span.context, span.parent
    made = [b"\x0a\x10", context.trace_id.to_bytes(16, "big"), b"\x12\x08", context.span_id.to_bytes(8, "big")]
    if context.trace_state:
        made.append(field(b"\x1a", ",".join(f"{key}={value}" for key, value in context.trace_state.items()).encode()))
    if parent is not None:
        made += (b"\x22\x08", parent.span_id.to_bytes(8, "big"))
    if span.name:
        made.append(field(b"\x2a", span.name.encode()))
    made += (b"\x30", LENGTHS[span.kind.value + 1], TIMES(b"\x39", span.start_time, b"\x41", span.end_time))
    made += _attributes(OF_SPAN, span.attributes)
    made.append(_count(b"\x50", span.dropped_attributes))
    made += (field(b"\x5a", _event(event)) for event in span.events)
    made.append(_count(b"\x60", span.dropped_events))
    made += (field(b"\x6a", _link(link)) for link in span.links)
    made.append(_count(b"\x70", span.dropped_links))
    if span.status is not None:
        made.append(field(b"\x7a", _status(span.status)))
    made += (b"\x85\x01", IS_REMOTE if parent is not None and parent.is_remote else HAS_REMOTE)
    return b"".join(made)


def record_body(event: Event) -> bytes:
    """Return the LogRecord that is an event."""
    at = FIXED_64(event.time_ns)
    made = [b"\x09", at, *_attributes(OF_RECORD, values_of(event.attributes)), b"\x45", FIXED_32(event.trace_flags)]
    if event.trace_id:
        made += (b"\x4a\x10", event.trace_id.to_bytes(16, "big"))
    if event.span_id:
        made += (b"\x52\x08", event.span_id.to_bytes(8, "big"))
    return b"".join((*made, b"\x59", at, field(b"\x62", event.name.encode("utf-8", "replace"))))


def _attributes(tag: bytes, attributes: Mapping[str, Any] | None) -> list[bytes]:
    made: list[bytes] = []
    for name, value in (attributes or {}).items():
        try:
            key, said = _key(name), _value(value)
        except Exception as error:  # noqa: BLE001 -- whatever an instrumentation put there
            say_once(f"an attribute of a kind that OTLP does not have is left out ({type(error).__name__})", error)
            continue
        size = varint(len(said))
        made += (tag, varint(len(key) + len(size) + len(said)), key, size, said)
    return made


@lru_cache(maxsize=2048)
def _key(name: str) -> bytes:
    """Return the name of an attribute, with the tag of its value behind it."""
    return field(b"\x0a", name.encode()) + b"\x12"


def _value(value: Any) -> bytes:
    """Return an AnyValue. Raises ValueError or TypeError for what is none."""
    if isinstance(value, str):
        return field(b"\x0a", value.encode())
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        if not LEAST <= value < BEYOND:
            raise ValueError("more than 64 bits")
        return b"\x18" + varint(value if value >= 0 else value + (BEYOND << 1))
    if isinstance(value, float):
        return b"\x21" + DOUBLE(value)
    if value is None:
        return b""
    if isinstance(value, bytes):
        return field(b"\x3a", value)
    if isinstance(value, Sequence):
        return field(b"\x2a", b"".join(field(b"\x0a", _value(each)) for each in value))
    if isinstance(value, Mapping):
        said = ((str(name).encode(), _value(each)) for name, each in value.items())
        return field(b"\x32", key_values(said))
    raise TypeError(f"{type(value).__name__} is no value of OTLP")


def _event(event: Any) -> bytes:
    made = [b"\x09", FIXED_64(event.timestamp), field(b"\x12", event.name.encode())]
    made += _attributes(OF_EVENT, event.attributes)
    return b"".join((*made, _count(b"\x20", event.dropped_attributes)))


def _link(link: Any) -> bytes:
    context = link.context
    made = [b"\x0a\x10", context.trace_id.to_bytes(16, "big"), b"\x12\x08", context.span_id.to_bytes(8, "big")]
    made += _attributes(OF_LINK, link.attributes)
    flags = IS_REMOTE if context.is_remote else HAS_REMOTE
    return b"".join((*made, _count(b"\x28", link.dropped_attributes), b"\x35", flags))


def _status(status: Any) -> bytes:
    said = field(b"\x12", status.description.encode()) if status.description else b""
    return said + _count(b"\x18", status.status_code.value)


def _count(tag: bytes, number: int) -> bytes:
    return tag + varint(number) if number else b""
