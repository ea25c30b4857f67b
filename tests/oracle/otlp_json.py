"""Requests in JSON, as protobuf's own library writes them and as OTLP wants them."""

import base64
from typing import Any

import orjson
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REQUESTS: dict[str, Any] = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
IDS = {"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"}
UNWRITTEN = {"stringValueStrindex", "string_value_strindex"}  # of profiles; other signals do not use them


def as_dict(body: bytes, signal: str, *, own_names: bool = False) -> Any:
    """Return what protobuf writes as JSON, ids in base64."""
    message = REQUESTS[signal].FromString(body)
    found = json_format.MessageToDict(message, use_integers_for_enums=True, preserving_proto_field_name=own_names)
    return without(found, UNWRITTEN)


def without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {name: without(part, names) for name, part in value.items() if name not in names}
    return [without(part, names) for part in value] if isinstance(value, list) else value


def in_hex(value: Any) -> Any:
    """Return the same with ids as OTLP writes them."""
    if isinstance(value, dict):
        return {n: base64.b64decode(part).hex() if n in IDS else in_hex(part) for n, part in value.items()}
    return [in_hex(part) for part in value] if isinstance(value, list) else value


def otlp_json(body: bytes, signal: str) -> bytes:
    """Return a request of protobuf in JSON."""
    return orjson.dumps(in_hex(as_dict(body, signal)))
