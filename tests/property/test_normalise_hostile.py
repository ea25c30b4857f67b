"""Whatever spans hold, normalising never raises, loses nothing and makes columns that fit together."""

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from normalising import RECEIVED_MS, Normalised, normalised, one_span_requests
from spanpulse_stream.columns import Numbers, Words
from spanpulse_stream.normalise import KEYS
from spanpulse_stream.rows import ContentPolicy, span_batch
from spanpulse_stream.usage import PartitionState, attribute_usage

SCOPES = (
    *("", "app", "ai", "openlit.instrumentation.anthropic", "openlit", "langfuse-sdk", "com.anthropic.sdk.python"),
    *("openinference.instrumentation.openai", "opentelemetry.instrumentation.openai.v1", "gcp.vertex.agent"),
)
FLATTENED = (
    *("gen_ai.prompt.0.role", "gen_ai.prompt.0.content", "gen_ai.prompt.x", "gen_ai.completion.1.content"),
    *("llm.input_messages.0.message.role", "llm.input_messages.0.message.content", "llm.input_messages.0"),
    *("llm.input_messages.99999999999999.message.tool_calls.0.tool_call.function.arguments", "llm.output_messages."),
    *("llm.output_messages.0.message.contents.0.message_content.text", "llm.output_messages.²"),
    *("retrieval.documents.0.document.content", "retrieval.documents.0", "embedding.embeddings.0.embedding.text"),
    *("spanpulse.experiment.a", "spanpulse.experiment.", "spanpulse.tag.b", "spanpulse.tag.b.c", "llm.prompts.0...."),
)
EVENTS = (
    *("exception", "First Token Stream Event", "gen_ai.user.message", "gen_ai.choice", "gen_ai.content.prompt"),
    *("gen_ai.client.inference.operation.details", "gen_ai.tool.message", "other", ""),
)
JSON = (
    *('[{"type":[],"role":[]}]', '{"type":{},"content":[{"type":[1]}],"tool_calls":[{"function":{"name":[]}}]}'),
    *(
        '[{"role":"user","parts":[]}]',
        '[{"role":"user","content":"hi"}]',
        '{"messages":[{"role":1}]}',
        "[1,[2]]",
        "null",
    ),
    *('{"choices":[{"message":null,"finish_reason":["a"]}]}', '{"id":7,"model":[],"usage":{"prompt_tokens":-1}}'),
    *(
        '{"input":{"a":1},"output":1e400}',
        '{"stream":"yes","model":5}',
        '"quoted"',
        '["stop"]',
        '{"usage":[]}',
        "{",
        "[",
        '"',
    ),
    *('{"input":12,"input_cached_tokens":1.5,"output":true}', '[{"role":"tool","tool_call_id":{},"content":{}}]'),
    *(
        '{"documents":[{"id":null,"metadata":[]},7]}',
        '{"query":5}',
        '{"role":"system"}',
        '[{"type":"tool_use","input":"{"}]',
    ),
    *('{"candidates":[{"content":{"parts":[{"text":5}]}}]}', '{"input_tokens":1e30}', '{"total":99999999999999999999}'),
)
texts = st.one_of(
    st.sampled_from(JSON),
    st.sampled_from(
        ["", "chat", "CHAT", "true", "NaN", "1e999", "12", "-3", "0", "openai", "stop", "2026-13-01", "9" * 400]
    ),
    st.text(max_size=30),
    st.text(max_size=2).map(lambda text: text * 3000),
)
integers = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.integers(-3, 3), st.sampled_from([10**9, 10**9 + 1, 2**53 + 1])
)
doubles = st.one_of(st.floats(), st.sampled_from([0.5, 12.0, -0.0, 1e18, 2.0**63, 1e308]))


def scalar(value: str | bool | float | bytes | None) -> AnyValue:
    if value is None:
        return AnyValue()
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(double_value=value) if isinstance(value, float) else AnyValue(bytes_value=value)


def pairs(
    names: st.SearchStrategy[str], values: st.SearchStrategy[AnyValue], size: int
) -> st.SearchStrategy[list[KeyValue]]:
    return st.lists(st.builds(lambda key, value: KeyValue(key=key, value=value), names, values), max_size=size)


scalars = st.one_of(texts, st.booleans(), integers, doubles, st.binary(max_size=9), st.none()).map(scalar)
names = st.one_of(
    st.sampled_from(["role", "content", "parts", "type", "text", "id", "name", "arguments", "tool_calls", "message"]),
    st.text(max_size=4),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: AnyValue(array_value=ArrayValue(values=items))),
        pairs(names, inner, 4).map(lambda items: AnyValue(kvlist_value=KeyValueList(values=items))),
    ),
    max_leaves=6,
)
keys = st.one_of(st.sampled_from(KEYS.keys), st.sampled_from(FLATTENED), st.text(max_size=6))
attributes = pairs(keys, values, 12)
events = st.builds(
    lambda name, time, given: Span.Event(name=name, time_unix_nano=time, attributes=given),
    st.sampled_from(EVENTS),
    st.integers(0, 2**64 - 1),
    pairs(st.one_of(keys, names), values, 4),
)
NOW = RECEIVED_MS * 10**6
times = st.one_of(
    st.integers(NOW - 10**12, NOW), st.sampled_from([0, 1, 2**63, 2**64 - 1, 946_684_800 * 10**9, NOW + 86_400 * 10**9])
)
spans = st.builds(
    lambda trace, own, parent, start, end, name, kind, code, message, given, happened: Span(
        trace_id=trace,
        span_id=own,
        parent_span_id=parent,
        start_time_unix_nano=start,
        end_time_unix_nano=end,
        name=name,
        kind=kind,
        status=Status(code=code, message=message),
        attributes=given,
        events=happened,
    ),
    st.one_of(st.binary(min_size=16, max_size=16), st.sampled_from([b"", bytes(16), b"abc"])),
    st.one_of(st.binary(min_size=8, max_size=8), st.sampled_from([b"", bytes(8), b"abc"])),
    st.one_of(st.binary(min_size=8, max_size=8), st.sampled_from([b"", bytes(8), b"abc"])),
    times,
    times,
    st.one_of(st.sampled_from(["chat gpt", "ai.streamText", "OpenAI-generation", "call_llm", ""]), texts),
    st.sampled_from([0, 1, 5, 6, 900]),
    st.sampled_from([0, 1, 2, 3, 700]),
    st.text(max_size=5),
    attributes,
    st.lists(events, max_size=3),
)
groups = st.builds(
    lambda resource, scope, found: ResourceSpans(
        resource=Resource(attributes=resource),
        scope_spans=[ScopeSpans(scope=InstrumentationScope(name=scope, version="1"), spans=found)],
    ),
    pairs(st.sampled_from(["service.name", "deployment.environment", "x"]), values, 3),
    st.sampled_from(SCOPES),
    st.lists(spans, max_size=3),
)
bodies = st.lists(
    st.lists(groups, max_size=2).map(lambda given: ExportTraceServiceRequest(resource_spans=given).SerializeToString()),
    max_size=3,
)


def check_shape(got: Normalised) -> None:
    columns = got.columns
    for field in columns.__dataclass_fields__:
        column = getattr(columns, field)
        if field in ("size", "log_source", "counted", "dropped", "cost", "cost_confidence", "price_version", "scores"):
            continue
        if isinstance(column, Words):
            assert len(column.codes) == columns.size
            assert column.codes.max(initial=-1) < len(column.values)
            assert column.codes.min(initial=0) >= -1
        elif isinstance(column, Numbers):
            assert len(column.values) == len(column.valid) == columns.size
        else:
            assert len(column) == columns.size
        if isinstance(column, pa.Array):
            column.validate(full=True)


def check_values(got: Normalised) -> None:
    columns = got.columns
    for name in ("input_messages", "output_messages", "retrieval_documents", "events", "links", "resource"):
        for text in got.column(name):
            assert text is None or json.loads(str(text)) is not None
    for name in ("input_messages", "output_messages"):
        for text in got.column(name):
            for message in json.loads(str(text)) if text else []:
                assert isinstance(message["role"], str)
                assert isinstance(message["parts"], list)
    for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"):
        tokens = getattr(columns, name)
        assert tokens.values[tokens.valid].min(initial=0) >= 0
        assert tokens.values[tokens.valid].max(initial=0) <= 3 * 10**9
    assert ((columns.weight >= 1) & (columns.weight <= 10**6)).all()
    durations = columns.duration_ns
    assert durations.values[durations.valid].min(initial=0) >= 0
    is_call = np.isin(np.array(columns.kind.tolist(), object), ("llm", "embedding"))
    status = np.array(columns.usage_status.tolist(), object)
    assert (np.isin(status, ("reported", "missing", "invalid")) == is_call).all()
    assert np.isin(np.array(columns.kind.tolist(), object)[status == "aggregate"], ("tool", "agent", "workflow")).all()
    assert ((columns.usage_rank > 0) == is_call).all()


def as_rows(got: Normalised) -> list[tuple[object, ...]]:
    places = ("size", "log_source", "log_offset", "ordinal")
    skipped = (*places, "counted", "dropped", "cost", "cost_confidence", "price_version", "scores")
    return got.rows(*[field for field in got.columns.__dataclass_fields__ if field not in skipped])


def one_by_one(requests: Sequence[bytes]) -> list[tuple[object, ...]]:
    return [row for request in requests for row in as_rows(normalised([request]))]


@settings(max_examples=100, deadline=None)
@given(bodies)
def test_nothing_raises_and_nothing_is_lost(sent: list[bytes]) -> None:
    got = normalised(sent)
    check_shape(got)
    check_values(got)
    assert got.columns.size + len(got.rejected) == len(one_span_requests(sent))
    assert all(letter.detail and letter.bytes is not None for letter in got.rejected)


@settings(max_examples=30, deadline=None)
@given(bodies)
def test_a_span_reads_the_same_alone_and_among_others(sent: list[bytes]) -> None:
    assert repr(as_rows(normalised(sent))) == repr(one_by_one(one_span_requests(sent)))


@settings(max_examples=30, deadline=None)
@given(bodies)
def test_later_steps_take_every_batch(sent: list[bytes]) -> None:
    columns = ContentPolicy.parse("truncate 5").spans(normalised(sent).columns)
    attribution = attribute_usage(columns, PartitionState(100))
    columns.counted, columns.dropped = attribution.counted, attribution.dropped
    columns.cost = Numbers.absent(columns.size)
    columns.cost_confidence = Words.absent(columns.size)
    assert span_batch(columns).num_rows == columns.size
