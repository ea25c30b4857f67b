"""What protobuf says a message holds, record by record, also where the message is damaged.

A message that upb refuses is taken apart by a plain wire reader: its framing with every record emptied, and each
record in a framing of its own, so that upb judges each piece at the depth it had. Values are tagged tuples,
doubles as their bits, so that 1, True, 1.0 and NaN never compare equal by accident.
"""

import struct
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REQUESTS = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}


class UnreadableError(Exception):
    """The wire format is broken."""


@dataclass
class Expected:
    """``records`` is None if the message must be rejected whole; a record that must be rejected is None."""

    records: list[dict[str, Any] | None] | None
    accepted_whole: bool


def expect(body: bytes, signal: str) -> Expected:
    try:
        return Expected(list(_rows(_parse(body, signal), signal)), accepted_whole=True)
    except DecodeError:
        pass
    try:
        frame, records = _split(body)
        rows = list(_rows(_parse(frame, signal), signal))
    except (UnreadableError, DecodeError):
        return Expected(None, accepted_whole=False)
    assert len(rows) == len(records)
    return Expected([_replace(row, record, signal) for row, record in zip(rows, records, strict=True)], False)


def _parse(body: bytes, signal: str) -> Any:
    return REQUESTS[signal].FromString(body)


def _replace(row: dict[str, Any], record: bytes, signal: str) -> dict[str, Any] | None:
    """Put a record that was read alone in the place of an emptied one."""
    try:
        alone = next(iter(_rows(_parse(_wrap(1, _wrap(2, _wrap(2, record))), signal), signal)))
    except DecodeError:
        return None
    return {**alone, "resource": row["resource"], "scope": row["scope"]}


def _wrap(field: int, body: bytes) -> bytes:
    return bytes([field << 3 | 2]) + varint(len(body)) + body


def varint(value: int, width: int = 0) -> bytes:
    """Encode a varint, in at least ``width`` bytes."""
    out = bytearray()
    while value > 0x7F or len(out) + 1 < width:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


# Taking a message apart.


def _split(body: bytes) -> tuple[bytes, list[bytes]]:
    """Return the message with every record emptied, and the records."""
    records: list[bytes] = []

    def copy(part: bytes, level: int) -> bytes:
        out = bytearray()
        for tag, raw, content in wire_fields(part):
            if content is not None and tag == (10 if level == 0 else 18):
                if level == 2:
                    records.append(content)
                out += bytes([tag]) + (b"\0" if level == 2 else _sized(copy(content, level + 1)))
            else:
                out += raw
        return bytes(out)

    return copy(body, 0), records


def _sized(body: bytes) -> bytes:
    return varint(len(body)) + body


def wire_fields(body: bytes) -> list[tuple[int, bytes, bytes | None]]:
    """Return (tag, all bytes of the field, content if it has a length) of every field; raises UnreadableError."""
    found, pos = [], 0
    while pos < len(body):
        start = pos
        tag, pos, content = _field(body, pos, 0)
        if tag >> 3 == 0:
            raise UnreadableError
        found.append((tag, body[start:pos], content))
    return found


def _field(body: bytes, pos: int, groups: int) -> tuple[int, int, bytes | None]:
    tag, pos = _read_varint(body, pos, 5, 0xFFFFFFFF)
    wire, content = tag & 7, None
    if wire == 0:
        _, pos = _read_varint(body, pos, 10, None)
    elif wire in (1, 5):
        pos += 8 if wire == 1 else 4
    elif wire == 2:
        length, pos = _read_varint(body, pos, 5, 0x7FFFFFFF)
        content, pos = body[pos : pos + length], pos + length
    elif wire == 3 and groups < 100:
        while True:
            inner, pos, _ = _field(body, pos, groups + 1)
            if inner & 7 == 4:
                if inner != tag + 1:
                    raise UnreadableError
                break
    elif wire != 4 or not groups:
        raise UnreadableError
    if pos > len(body):
        raise UnreadableError
    return tag, pos, content


def _read_varint(body: bytes, pos: int, most: int, limit: int | None) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(body[pos : pos + most]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            if limit is not None and value > limit:
                raise UnreadableError
            return value, pos + shift + 1
    raise UnreadableError


# Reading protobuf's objects.


def _rows(request: Any, signal: str) -> Any:
    spans = signal == "traces"
    for resource in request.resource_spans if spans else request.resource_logs:
        attributes = _attributes(resource.resource.attributes)
        for group in resource.scope_spans if spans else resource.scope_logs:
            scope = (group.scope.name, group.scope.version, _attributes(group.scope.attributes))
            for record in group.spans if spans else group.log_records:
                row = _span(record) if spans else _log(record)
                yield {"resource": attributes, "scope": scope, **row}


def _span(span: Any) -> dict[str, Any]:
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "trace_state": span.trace_state,
        "name": span.name,
        "kind": _enum(span.kind),
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "status": (_enum(span.status.code), span.status.message),
        "attributes": _attributes(span.attributes),
        "events": [(e.time_unix_nano, e.name, _attributes(e.attributes)) for e in span.events],
        "links": [(_id(x.trace_id, 16), _id(x.span_id, 8), _attributes(x.attributes)) for x in span.links],
    }


def _log(record: Any) -> dict[str, Any]:
    return {
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "time": record.time_unix_nano,
        "observed": record.observed_time_unix_nano,
        "severity": record.severity_number,
        "event_name": record.event_name,
        "body": _value(record.body),
        "attributes": _attributes(record.attributes),
    }


def _enum(value: int) -> int:
    return value if 0 <= value < 255 else 255


def _id(value: bytes, size: int) -> int:
    return int.from_bytes(value, "big") if len(value) == size else 0


def _attributes(attributes: Any) -> list[tuple[str, Any]]:
    return [(attribute.key, _value(attribute.value)) for attribute in attributes]


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "double_value":
        return ("double", struct.pack("<d", value.double_value))
    if kind == "array_value":
        return ("array", [_value(item) for item in value.array_value.values])
    if kind == "kvlist_value":
        # Later pairs replace the value of an earlier key and keep its place.
        return ("kvlist", dict(_attributes(value.kvlist_value.values)))
    if kind is None or kind == "string_value_strindex":
        return None
    return (kind.removesuffix("_value"), getattr(value, kind))
