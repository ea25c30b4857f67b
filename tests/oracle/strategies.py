"""Requests as protobuf's classes can write them, for Hypothesis: every field set or absent, every kind of value."""

from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from oracle.compare import KEYS

texts = st.text(max_size=20)
keys = st.sampled_from(KEYS.keys) | texts
fixed64 = st.integers(0, 2**64 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
ids = st.sampled_from([b"", bytes(8), bytes(16), bytes(range(8)), bytes(range(16))]) | st.binary(max_size=20)
enums = st.integers(-(2**31), 2**31 - 1) | st.integers(0, 5)


def _sometimes(cls: Any, **members: Any) -> Any:
    """Build messages of a class, each member set or absent."""
    return st.fixed_dictionaries({}, optional=members).map(lambda values: cls(**values))


def _values(children: Any) -> Any:
    return st.one_of(
        _sometimes(AnyValue, array_value=st.lists(children, max_size=3).map(lambda items: ArrayValue(values=items))),
        _sometimes(
            AnyValue,
            kvlist_value=st.lists(_sometimes(KeyValue, key=keys, value=children), max_size=3).map(
                lambda items: KeyValueList(values=items)
            ),
        ),
    )


scalars = st.one_of(
    st.just(AnyValue()),
    texts.map(lambda value: AnyValue(string_value=value)),
    st.booleans().map(lambda value: AnyValue(bool_value=value)),
    int64.map(lambda value: AnyValue(int_value=value)),
    st.floats().map(lambda value: AnyValue(double_value=value)),
    st.binary(max_size=20).map(lambda value: AnyValue(bytes_value=value)),
    st.integers(0, 5).map(lambda value: AnyValue(string_value_strindex=value)),
)
values = st.recursive(scalars, _values, max_leaves=6)
attributes = st.lists(_sometimes(KeyValue, key=keys, value=values), max_size=4)
events = _sometimes(Span.Event, time_unix_nano=fixed64, name=texts, attributes=attributes)
links = _sometimes(Span.Link, trace_id=ids, span_id=ids, trace_state=texts, attributes=attributes)
spans = _sometimes(
    Span,
    trace_id=ids,
    span_id=ids,
    parent_span_id=ids,
    trace_state=texts,
    flags=st.integers(0, 2**32 - 1),
    name=texts,
    kind=enums,
    start_time_unix_nano=fixed64,
    end_time_unix_nano=fixed64,
    attributes=attributes,
    dropped_attributes_count=st.integers(0, 9),
    events=st.lists(events, max_size=2),
    links=st.lists(links, max_size=2),
    status=_sometimes(Status, message=texts, code=enums),
)
records = _sometimes(
    LogRecord,
    time_unix_nano=fixed64,
    observed_time_unix_nano=fixed64,
    severity_number=enums,
    severity_text=texts,
    body=values,
    attributes=attributes,
    trace_id=ids,
    span_id=ids,
    event_name=texts,
)
resources = _sometimes(Resource, attributes=attributes, dropped_attributes_count=st.integers(0, 9))
scopes = _sometimes(InstrumentationScope, name=texts, version=texts, attributes=attributes)
trace_requests = st.lists(
    _sometimes(
        ResourceSpans,
        resource=resources,
        schema_url=texts,
        scope_spans=st.lists(_sometimes(ScopeSpans, scope=scopes, spans=st.lists(spans, max_size=3)), max_size=2),
    ),
    max_size=2,
).map(lambda parts: ExportTraceServiceRequest(resource_spans=parts).SerializeToString())
log_requests = st.lists(
    _sometimes(
        ResourceLogs,
        resource=resources,
        schema_url=texts,
        scope_logs=st.lists(_sometimes(ScopeLogs, scope=scopes, log_records=st.lists(records, max_size=3)), max_size=2),
    ),
    max_size=2,
).map(lambda parts: ExportLogsServiceRequest(resource_logs=parts).SerializeToString())
signals = st.sampled_from(["traces", "logs"])
