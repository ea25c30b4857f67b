"""Our columns in the shape of the reference, built through the public arrays alone."""

import struct
from typing import Any

from spanpulse_stream.decode import Attributes, DecodedLogs, DecodedSpans, KeyTable, Values, decode_value

Rows = dict[tuple[int, int], dict[str, Any]]


def span_rows(spans: DecodedSpans, keys: KeyTable) -> Rows:
    """Return the spans by (message, ordinal)."""
    resources, scopes = _shared(spans, keys)
    attributes = _owners(spans.data, spans.attributes, keys)
    events, links = _events(spans, keys), _links(spans, keys)
    return {
        (int(spans.message[i]), int(spans.ordinal[i])): {
            "resource": resources[spans.resource[i]],
            "scope": scopes[spans.scope[i]],
            "trace_id": (_wide(spans.trace_id[i]), int(spans.id_lengths[i, 0])),
            "span_id": (int(spans.span_id[i]), int(spans.id_lengths[i, 1])),
            "parent_span_id": (int(spans.parent_span_id[i]), int(spans.id_lengths[i, 2])),
            "trace_state": _text(spans.data, spans.trace_state_offset[i], spans.trace_state_length[i]),
            "name": _text(spans.data, spans.name_offset[i], spans.name_length[i]),
            "kind": int(spans.span_kind[i]),
            "start": int(spans.start_time[i]),
            "end": int(spans.end_time[i]),
            "status": (
                int(spans.status_code[i]),
                _text(spans.data, spans.status_message_offset[i], spans.status_message_length[i]),
            ),
            "attributes": attributes[i],
            "events": events[i],
            "links": links[i],
        }
        for i in range(spans.count)
    }


def log_rows(logs: DecodedLogs, keys: KeyTable) -> Rows:
    """Return the log records by (message, ordinal)."""
    resources, scopes = _shared(logs, keys)
    attributes = _owners(logs.data, logs.attributes, keys)
    return {
        (int(logs.message[i]), int(logs.ordinal[i])): {
            "resource": resources[logs.resource[i]],
            "scope": scopes[logs.scope[i]],
            "trace_id": (_wide(logs.trace_id[i]), int(logs.id_lengths[i, 0])),
            "span_id": (int(logs.span_id[i]), int(logs.id_lengths[i, 1])),
            "time": int(logs.time[i]),
            "observed": int(logs.observed_time[i]),
            "severity": int(logs.severity[i]),
            "event_name": _text(logs.data, logs.event_name_offset[i], logs.event_name_length[i]),
            "body": _value(logs.data, logs.body, i),
            "attributes": attributes[i],
        }
        for i in range(logs.count)
    }


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """Return a reference row with its ids as ours are: (integer or 0, length)."""
    sizes = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
    ids = {
        name: (int.from_bytes(row[name], "big") if len(row[name]) == size else 0, len(row[name]))
        for name, size in sizes.items()
        if name in row
    }
    return {**row, **ids}


def _shared(decoded: DecodedSpans | DecodedLogs, keys: KeyTable) -> tuple[list[Any], list[Any]]:
    scopes = decoded.scopes
    attributes = _owners(decoded.data, scopes.attributes, keys)
    return _owners(decoded.data, decoded.resources, keys), [
        (
            _text(decoded.data, scopes.name_offset[i], scopes.name_length[i]),
            _text(decoded.data, scopes.version_offset[i], scopes.version_length[i]),
            attributes[i],
        )
        for i in range(len(attributes))
    ]


def _events(spans: DecodedSpans, keys: KeyTable) -> list[list[Any]]:
    events = spans.events
    attributes = _owners(spans.data, events.attributes, keys)
    rows = [
        (int(events.time[i]), _text(spans.data, events.name_offset[i], events.name_length[i]), attributes[i])
        for i in range(len(attributes))
    ]
    return [rows[a:b] for a, b in zip(events.start[:-1], events.start[1:], strict=True)]


def _links(spans: DecodedSpans, keys: KeyTable) -> list[list[Any]]:
    links = spans.links
    attributes = _owners(spans.data, links.attributes, keys)
    rows = [(_wide(links.trace_id[i]), int(links.span_id[i]), attributes[i]) for i in range(len(attributes))]
    return [rows[a:b] for a, b in zip(links.start[:-1], links.start[1:], strict=True)]


def _owners(data: Any, attributes: Attributes, keys: KeyTable) -> list[list[tuple[str, Any]]]:
    rows = []
    for i in range(len(attributes.key)):
        key = _text(data, attributes.key_offset[i], attributes.key_length[i])
        assert attributes.key[i] == keys.index.get(key, -1)
        rows.append((key, _value(data, attributes.value, i)))
    assert attributes.start[0] == 0
    assert attributes.start[-1] == len(rows)
    return [rows[a:b] for a, b in zip(attributes.start[:-1], attributes.start[1:], strict=True)]


def _value(data: Any, values: Values, i: int) -> Any:
    offset, length = int(values.offset[i]), int(values.length[i])
    assert 0 <= offset <= offset + length <= len(data)
    return _tagged(decode_value(data, int(values.kind[i]), offset, length, int(values.number[i])))


def _tagged(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, float):
        return ("double", struct.pack("<d", value))
    if isinstance(value, list):
        return ("array", [_tagged(item) for item in value])
    if isinstance(value, dict):
        return ("kvlist", {key: _tagged(item) for key, item in value.items()})
    return ({bool: "bool", int: "int", str: "string", bytes: "bytes"}[type(value)], value)


def _wide(pair: Any) -> int:
    return int(pair[0]) << 64 | int(pair[1])


def _text(data: Any, offset: Any, length: Any) -> str:
    start, size = int(offset), int(length)
    assert 0 <= start <= start + size <= len(data)
    return bytes(data[start : start + size]).decode()
