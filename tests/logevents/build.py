"""Export requests of log records from plain Python values."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

TIME_NS = 1_795_000_000_123_456_789
RECEIVED_MS = 1_795_000_060_000


def any_value(value: Any) -> AnyValue:
    """Return a Python value as an AnyValue; None is one without a member."""
    if isinstance(value, AnyValue):
        return value
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, Mapping):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
    return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))


def pairs(values: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def record(event: str = "", body: Any = None, attributes: Mapping[str, Any] | None = None, **fields: Any) -> LogRecord:
    """Return a record of a span; ``fields`` are those of LogRecord."""
    given = {"trace_id": b"t" * 16, "span_id": b"s" * 8, "time_unix_nano": TIME_NS, **fields}
    made = LogRecord(event_name=event, attributes=pairs(attributes or {}), **given)
    if body is not None:
        made.body.CopyFrom(any_value(body))
    return made


def scored(**more: Any) -> LogRecord:
    """Return an evaluation result; an attribute that is None is left out."""
    attributes = {
        "gen_ai.evaluation.name": "relevance",
        "gen_ai.evaluation.score.value": 0.75,
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    return record("gen_ai.evaluation.result", None, {key: item for key, item in attributes.items() if item is not None})


def request(
    *records: LogRecord,
    resource: Mapping[str, Any] | None = None,
    scope: str = "tests",
    version: str = "1.2",
    scope_attributes: Mapping[str, Any] | None = None,
) -> bytes:
    """Return an export request of one resource and scope."""
    made = InstrumentationScope(name=scope, version=version, attributes=pairs(scope_attributes or {}))
    group = ResourceLogs(
        resource=Resource(attributes=pairs({"service.name": "shop"} if resource is None else resource)),
        scope_logs=[ScopeLogs(scope=made, log_records=records)],
    )
    return ExportLogsServiceRequest(resource_logs=[group]).SerializeToString()


def single(body: bytes) -> list[bytes]:
    """Return a request of its own for each record."""
    bodies = []
    for group in ExportLogsServiceRequest.FromString(body).resource_logs:
        for scope in group.scope_logs:
            for made in scope.log_records:
                one = ResourceLogs(resource=group.resource, schema_url=group.schema_url)
                one.scope_logs.append(ScopeLogs(scope=scope.scope, log_records=[made]))
                bodies.append(ExportLogsServiceRequest(resource_logs=[one]).SerializeToString())
    return bodies
