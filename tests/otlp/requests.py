"""Building export requests, and reading answers, by protobuf's own library."""

from collections.abc import Mapping

from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

PROTOBUF = "application/x-protobuf"


def attributes(values: Mapping[str, str | int]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))
        for key, value in values.items()
    ]


def span(number: int, text: str = "hello") -> Span:
    return Span(
        trace_id=number.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        name=f"chat {number}",
        start_time_unix_nano=1_700_000_000_000_000_000 + number,
        end_time_unix_nano=1_700_000_001_000_000_000 + number,
        attributes=attributes({"gen_ai.request.model": "gpt-5", "gen_ai.usage.input_tokens": number, "text": text}),
    )


def resource_spans(resource: Mapping[str, str | int], spans: list[Span], scope: str = "tests") -> ResourceSpans:
    return ResourceSpans(
        resource=Resource(attributes=attributes(resource)),
        scope_spans=[ScopeSpans(scope=InstrumentationScope(name=scope, version="1"), spans=spans)],
    )


def traces(*groups: ResourceSpans) -> bytes:
    return ExportTraceServiceRequest(resource_spans=groups).SerializeToString()


def some_traces(count: int = 3, first: int = 1, service: str = "shop") -> bytes:
    resource = {"service.name": service, "service.instance.id": "one"}
    return traces(resource_spans(resource, [span(first + number) for number in range(count)]))


def some_logs(count: int = 2, first: int = 1) -> bytes:
    records = [LogRecord(time_unix_nano=first + number, body=AnyValue(string_value="said")) for number in range(count)]
    group = ResourceLogs(
        resource=Resource(attributes=attributes({"service.name": "shop"})), scope_logs=[ScopeLogs(log_records=records)]
    )
    return ExportLogsServiceRequest(resource_logs=[group]).SerializeToString()


def spans_of(*values: bytes) -> list[Span]:
    return [
        one
        for value in values
        for group in ExportTraceServiceRequest.FromString(value).resource_spans
        for scope in group.scope_spans
        for one in scope.spans
    ]


def status_of(body: bytes) -> Status:
    return Status.FromString(body)


def bad_request_of(status: Status) -> BadRequest:
    details = BadRequest()
    assert status.details[0].Unpack(details)
    return details
