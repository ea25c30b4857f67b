"""Make spans and export requests out of plain values, and normalise one span."""

import json
from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from normalising import RECEIVED_MS, Normalised, normalised

SECOND = 10**9
NOW = RECEIVED_MS * 10**6
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"}


def any_value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case str():
            return AnyValue(string_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
    return AnyValue()


def pairs(values: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def span(attributes: Mapping[str, Any], **more: Any) -> Span:
    given: dict[str, Any] = {
        "trace_id": bytes(15) + b"\1",
        "span_id": bytes(7) + b"\2",
        "name": "call",
        "start_time_unix_nano": NOW - 2 * SECOND,
        "end_time_unix_nano": NOW - SECOND,
        "attributes": pairs(attributes),
    }
    return Span(**(given | more))


def request(*spans: Span, scope: str = "app", resource: Mapping[str, Any] | None = None) -> bytes:
    scoped = ScopeSpans(scope=InstrumentationScope(name=scope, version="1.2"), spans=spans)
    group = ResourceSpans(resource=Resource(attributes=pairs(resource or {})), scope_spans=[scoped])
    return ExportTraceServiceRequest(resource_spans=[group]).SerializeToString()


def one(attributes: Mapping[str, Any], scope: str = "app", **more: Any) -> Normalised:
    return normalised([request(span(attributes, **more), scope=scope)])


def messages(got: Normalised, side: str = "input_messages") -> Any:
    return json.loads(str(got.one(side)))


def text(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}
