"""OTLP in JSON becomes the same request in binary protobuf, so that all behind it knows one format.

As OTLP has it: names in lowerCamelCase (protobuf's own are understood too), ids in hexadecimal digits, integers of
64 bits as numbers or strings, enumerations as numbers (their names are understood too), unknown names ignored, null
means absent. A span or log record that cannot be written becomes `UNREADABLE` and its JSON: the decoders reject it
alone, as `invalid_json`, and its dead letter holds what came. Not guaranteed: anything about a name that stands
twice in an object; the last one counts.
"""

import re
from collections.abc import Iterable
from typing import Any, Final, Literal

import orjson

from spanpulse_stream.decode._json_attributes import attributes
from spanpulse_stream.decode._json_fields import (
    Unfit,
    Write,
    base64_bytes,
    boolean,
    child,
    double,
    fixed,
    hex_bytes,
    integer,
    message,
    put_bytes,
    repeated,
    tag,
    text,
)
from spanpulse_stream.decode._json_text import InvalidJson, read_json

__all__ = ["json_to_protobuf", "json_values", "unreadable_request", "values_to_protobuf"]

UNREADABLE: Final = b"\0"  # no protobuf message begins with it
TOO_DEEP: Final = b'{"not kept": "more than 250 levels"}'
RECORD: Final = tag(2)  # of a record in its scope; a scope's in its resource is the same
CAPITAL: Final = re.compile("[A-Z]")
KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
CODES = ["UNSET", "OK", "ERROR"]
LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
SEVERITIES = ["UNSPECIFIED", *(level + place for level in LEVELS for place in ("", "2", "3", "4"))]


def json_values(body: bytes) -> int:
    """Return how many values a JSON text has at most; reading it takes memory for each of them."""
    return 1 + sum(map(body.count, (b"{", b"[", b",", b":")))


def json_to_protobuf(body: bytes, signal: Literal["traces", "logs"]) -> bytes:
    """Return an Export*ServiceRequest in JSON as binary protobuf. Raises InvalidJson."""
    return values_to_protobuf(read_json(body), signal)


def values_to_protobuf(request: Any, signal: Literal["traces", "logs"]) -> bytes:
    """Return an Export*ServiceRequest, given as the values of its JSON, as binary protobuf. Raises InvalidJson."""
    out = bytearray()
    try:
        _REQUESTS[signal](out, request, 0)
    except Unfit as error:
        raise InvalidJson(f"the body is not an OTLP request: {error}") from None
    return bytes(out)


def unreadable_request(records: Iterable[Any]) -> bytes:
    """Return a request of records that are all rejected, as `invalid_json`; their dead letters hold these values.

    It may go as traces or as logs.
    """
    kept = bytearray()
    for record in records:
        put_bytes(kept, RECORD, UNREADABLE + _as_it_came(record))
    out, scopes = bytearray(), bytearray()
    put_bytes(scopes, RECORD, kept)
    put_bytes(out, tag(1), scopes)
    return bytes(out)


def _fields(**fields: Write) -> Write:
    """Write a message whose fields have these names, which are those of JSON; protobuf's are made from them."""
    named = {CAPITAL.sub(lambda capital: f"_{capital[0].lower()}", name): field for name, field in fields.items()}
    return message({**named, **fields})


def _enumeration(number: int, prefix: str, names: list[str]) -> Write:
    return integer(number, -(1 << 31), 1 << 31, {prefix + name: place for place, name in enumerate(names)})


def _count(number: int) -> Write:
    return integer(number, 0, 1 << 32)


def _record(content: Write) -> Write:
    """Write a span or log record; one that cannot be written stays JSON and is rejected by who reads it."""

    def write(out: bytearray, value: Any, depth: int) -> None:
        inner = bytearray()
        try:
            content(inner, value, depth)
        except Unfit:
            inner = bytearray(UNREADABLE + _as_it_came(value))
        put_bytes(out, RECORD, inner)

    return write


def _as_it_came(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # it reads more levels than it writes
        return TOO_DEEP


def _value(out: bytearray, value: Any, depth: int) -> None:
    _ANY_VALUE(out, value, depth)  # values hold values


def _key_value(out: bytearray, value: Any, depth: int) -> None:
    _KEY_VALUE(out, value, depth)


def _attributes(number: int) -> Write:
    return attributes(number, child(number, _key_value))


def _request(signal: str, records: str, record: Write) -> Write:
    """Write a request: resources, their scopes, and the records of each."""
    scopes = {
        "scope": child(1, _SCOPE),
        records: repeated(_record(record)),
        "schemaUrl": text(3),
    }
    resources = {"resource": child(1, _RESOURCE), f"scope{signal}": _list(2, scopes), "schemaUrl": text(3)}
    return _fields(**{f"resource{signal}": _list(1, resources)})


def _list(number: int, fields: dict[str, Write]) -> Write:
    return repeated(child(number, _fields(**fields)))


_ANY_VALUE = _fields(
    stringValue=text(1),
    boolValue=boolean(2),
    intValue=integer(3, -(1 << 63), 1 << 63),
    doubleValue=double(4),
    arrayValue=child(5, _fields(values=repeated(child(1, _value, deeper=1)))),
    kvlistValue=child(6, _fields(values=repeated(child(1, _key_value, deeper=1)))),
    bytesValue=base64_bytes(7),
)
_KEY_VALUE = _fields(key=text(1), value=child(2, _value))
_SCOPE = _fields(name=text(1), version=text(2), attributes=_attributes(3), droppedAttributesCount=_count(4))
_ENTITY = {
    "schemaUrl": text(1),
    "type": text(2),
    "idKeys": repeated(text(3)),
    "descriptionKeys": repeated(text(4)),
}
_RESOURCE = _fields(attributes=_attributes(1), droppedAttributesCount=_count(2), entityRefs=_list(3, _ENTITY))
_EVENT = {
    "timeUnixNano": fixed(1, 8),
    "name": text(2),
    "attributes": _attributes(3),
    "droppedAttributesCount": _count(4),
}
_LINK = {
    "traceId": hex_bytes(1),
    "spanId": hex_bytes(2),
    "traceState": text(3),
    "attributes": _attributes(4),
    "droppedAttributesCount": _count(5),
    "flags": fixed(6, 4),
}
_STATUS = _fields(message=text(2), code=_enumeration(3, "STATUS_CODE_", CODES))
_SPAN = _fields(
    traceId=hex_bytes(1),
    spanId=hex_bytes(2),
    traceState=text(3),
    parentSpanId=hex_bytes(4),
    flags=fixed(16, 4),
    name=text(5),
    kind=_enumeration(6, "SPAN_KIND_", KINDS),
    startTimeUnixNano=fixed(7, 8),
    endTimeUnixNano=fixed(8, 8),
    attributes=_attributes(9),
    droppedAttributesCount=_count(10),
    events=_list(11, _EVENT),
    droppedEventsCount=_count(12),
    links=_list(13, _LINK),
    droppedLinksCount=_count(14),
    status=child(15, _STATUS),
)
_LOG_RECORD = _fields(
    timeUnixNano=fixed(1, 8),
    observedTimeUnixNano=fixed(11, 8),
    severityNumber=_enumeration(2, "SEVERITY_NUMBER_", SEVERITIES),
    severityText=text(3),
    body=child(5, _value),
    attributes=_attributes(6),
    droppedAttributesCount=_count(7),
    flags=fixed(8, 4),
    traceId=hex_bytes(9),
    spanId=hex_bytes(10),
    eventName=text(12),
)
_REQUESTS: Final = {
    "traces": _request("Spans", "spans", _SPAN),
    "logs": _request("Logs", "logRecords", _LOG_RECORD),
}
