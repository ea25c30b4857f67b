"""Each rule by which spans are normalised, on the smallest span that shows it."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from normalising import RECEIVED_MS, Normalised, normalised, origin
from spanpulse_stream.decode import Limits, decode_spans
from spanpulse_stream.normalise import KEYS, normalise_spans

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


# what becomes a row


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"trace_id": b""}, "invalid_trace_id"),
        ({"trace_id": b"short"}, "invalid_trace_id"),
        ({"trace_id": bytes(16)}, "invalid_trace_id"),
        ({"span_id": b""}, "invalid_span_id"),
        ({"span_id": bytes(8)}, "invalid_span_id"),
        ({"span_id": bytes(16)}, "invalid_span_id"),
        ({"end_time_unix_nano": 0}, "time_out_of_range"),
        ({"end_time_unix_nano": NOW + 25 * 3600 * SECOND}, "time_out_of_range"),
        ({"end_time_unix_nano": 2**64 - 1}, "time_out_of_range"),
    ],
)
def test_a_span_that_can_be_no_row_is_set_aside_with_its_reason(changed: dict[str, Any], reason: str) -> None:
    got = normalised([request(span({})), request(span({}), span({}, **changed))], first=7)
    assert got.columns.size == 2
    (letter,) = got.rejected
    assert (letter.reason, letter.log_offset, letter.ordinal, letter.tenant) == (reason, 8, 1, "default")
    assert letter.detail
    assert Span.FromString(letter.bytes) == span({}, **changed)


def test_a_span_up_to_a_day_ahead_is_taken() -> None:
    assert one({}, end_time_unix_nano=NOW + 24 * 3600 * SECOND).columns.size == 1


def test_an_unreadable_message_is_set_aside_beside_a_sound_one() -> None:
    got = normalised([b"\xff\xff", request(span({}))])
    assert [letter.ordinal for letter in got.rejected] == [-1]
    assert got.column("log_offset") == [1]


def test_no_message_and_no_span_are_empty_batches() -> None:
    for bodies in ([], [b""], [request()]):
        got = normalised(bodies)
        assert (got.columns.size, got.rejected) == (0, [])


@pytest.mark.parametrize(
    ("start", "anomaly"),
    [(NOW, "end_before_start"), (2**64 - 1, "end_before_start"), (0, "start_out_of_range")],
)
def test_a_span_with_an_odd_start_has_no_duration(start: int, anomaly: str) -> None:
    got = one({}, start_time_unix_nano=start)
    assert got.one("duration_ns") is None
    assert got.one("anomalies") == [anomaly]


def test_times_and_ids_of_a_sound_span() -> None:
    got = one({}, parent_span_id=bytes(7) + b"\5")
    assert got.one("duration_ns") == SECOND
    assert got.one("parent_span_id") == 5
    assert got.one("anomalies") == []


def test_a_parent_id_of_a_wrong_length_is_none() -> None:
    got = one({}, parent_span_id=b"abc")
    assert (got.one("parent_span_id"), got.one("anomalies")) == (0, ["invalid_parent_id"])


# which attribute counts


def test_the_last_of_equal_keys_counts() -> None:
    twice = [*pairs({"user.id": "first", "x": "1"}), *pairs({"user.id": "last", "x": "2"})]
    got = normalised(
        [request(Span.FromString(span({}).SerializeToString() + Span(attributes=twice).SerializeToString()))]
    )
    assert got.one("user_id") == "last"
    assert got.attributes() == {"x": "2"}


def test_the_current_name_is_preferred_to_an_older_one_in_any_order() -> None:
    for keys in (("gen_ai.provider.name", "gen_ai.system"), ("gen_ai.system", "gen_ai.provider.name")):
        got = one({key: {"gen_ai.system": "anthropic", "gen_ai.provider.name": "openai"}[key] for key in keys})
        assert got.one("provider") == "openai"
        assert got.attributes() == {"gen_ai.system": "anthropic"}


def test_an_empty_text_and_a_value_of_another_kind_do_not_count() -> None:
    got = one({"gen_ai.provider.name": "", "gen_ai.system": "openai", "user.id": [1], "enduser.id": "u"})
    assert (got.one("provider"), got.one("user_id")) == ("openai", "u")
    assert got.attributes() == {"gen_ai.provider.name": "", "user.id": "[1]"}


def test_every_other_attribute_is_kept_as_text() -> None:
    values = {
        "text": "é", "yes": True, "no": False, "int": -(2**63), "double": 0.1, "whole": 2.0, "nan": float("nan"),
        "list": [1, "a", None, float("inf")], "pairs": {"b": {"c": [True]}}, "bytes": b"\0\1",
        "empty": None, "": "none",
    }  # fmt: skip
    assert one(values).attributes() == {
        "text": "é", "yes": "true", "no": "false", "int": "-9223372036854775808", "double": "0.1", "whole": "2.0",
        "nan": "NaN", "list": '[1,"a",null,null]', "pairs": '{"b":{"c":[true]}}', "bytes": "AAE=", "empty": "null",
        "": "none",
    }  # fmt: skip


def test_a_name_that_is_too_long_is_none_and_stays_with_the_attributes() -> None:
    long = "é" * 1000
    got = one({"user.id": long, "session.id": "s" * 1024}, name=long)
    assert got.one("user_id") is None
    assert got.one("session_id") == "s" * 1024
    assert got.one("name") == "é" * 512
    assert got.attributes() == {"user.id": long}
    assert got.one("anomalies") == ["text_too_long"]


def test_ten_thousand_attributes_and_a_megabyte() -> None:
    many = {f"key.{number}": number for number in range(10_000)} | {"large": "x" * 10**6} | CHAT
    decoded = decode_spans([request(span(many))], KEYS, Limits(max_attributes=20_000))
    columns, rejected = normalise_spans(decoded, origin(1))
    assert rejected == []
    assert columns.request_model.tolist() == ["gpt-5"]
    assert len(columns.attributes.to_pylist()[0]) == 10_001


# operation and kind


@pytest.mark.parametrize(
    ("scope", "attributes", "operation", "kind"),
    [
        ("app", {"gen_ai.operation.name": "chat"}, "chat", "llm"),
        ("app", {"gen_ai.operation.name": "Embeddings"}, "embeddings", "embedding"),
        ("app", {"gen_ai.operation.name": "invoke_agent"}, "invoke_agent", "agent"),
        ("app", {"gen_ai.operation.name": "brew_coffee"}, "brew_coffee", "other"),
        ("app", {"openinference.span.kind": "RETRIEVER"}, "retrieval", "retrieval"),
        ("app", {"openinference.span.kind": "UNKNOWN"}, None, "other"),
        ("app", {"llm.request.type": "completion", "gen_ai.system": "OpenAI"}, "text_completion", "llm"),
        ("app", {"gen_ai.system": "openai", "gen_ai.request.model": "m"}, "chat", "llm"),
        ("app", {"gen_ai.request.model": "m"}, None, "other"),
        ("app", {"gen_ai.operation.name": "deep_research", "gen_ai.request.model": "m"}, "deep_research", "llm"),
        ("app", {"gen_ai.operation.name": "chat.completions"}, "chat", "llm"),
        ("app", {"gen_ai.operation.name": "chat_completion"}, "chat", "llm"),
        ("app", {"gen_ai.operation.name": "create_response"}, "chat", "llm"),
        ("app", {"gen_ai.operation.name": "responses.create"}, "chat", "llm"),
        ("app", {"gen_ai.operation.name": "messages.create"}, "chat", "llm"),
        ("app", {"gen_ai.operation.name": "generate"}, "chat", "llm"),
        ("app", {"gen_ai.operation.name": "completions"}, "text_completion", "llm"),
        ("app", {}, None, "other"),
        ("ai", {"ai.operationId": "ai.generateText"}, "invoke_workflow", "workflow"),
        ("ai", {"ai.operationId": "ai.generateText.doGenerate"}, "chat", "llm"),
        ("ai", {"ai.operationId": "ai.embedMany.doEmbed"}, "embeddings", "embedding"),
        ("langfuse-sdk", {"langfuse.observation.type": "span"}, None, "other"),
        ("opentelemetry.instrumentation.langchain", {"traceloop.span.kind": "tool"}, "execute_tool", "tool"),
    ],
)
def test_kinds_follow_from_operations(scope: str, attributes: dict[str, Any], operation: str | None, kind: str) -> None:
    got = one(attributes, scope)
    assert (got.one("operation"), got.one("kind")) == (operation, kind)


@pytest.mark.parametrize(("word", "kind"), [("deep_research", "llm"), ("rerank", "other"), ("run_agent", "other")])
def test_the_kind_of_an_unknown_word_is_that_of_the_word_with_and_without_tokens(word: str, kind: str) -> None:
    called = {"gen_ai.operation.name": word, "gen_ai.provider.name": "p", "gen_ai.request.model": "m"}
    failed = one(called, status=Status(code=Status.STATUS_CODE_ERROR))
    answered = one(called | {"gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 1})
    assert (failed.one("kind"), answered.one("kind")) == (kind, kind)


@pytest.mark.parametrize(
    ("scope", "rank"),
    [
        ("com.anthropic.sdk.python", 3),
        ("opentelemetry.instrumentation.openai_v2", 2),
        ("opentelemetry.instrumentation.openai.v1", 2),
        ("opentelemetry.instrumentation.langchain", 1),
        ("openinference.instrumentation.langchain", 1),
        ("somebody.else", 2),
        ("", 2),
    ],
)
def test_the_scope_ranks_the_numbers_of_calls_alone(scope: str, rank: int) -> None:
    assert one(CHAT, scope).one("usage_rank") == rank
    assert one({}, scope).one("usage_rank") == 0


def test_a_scope_that_only_begins_like_a_known_one_is_unknown() -> None:
    assert one({"prompt.name": "p"}, "openlit.instrumentation.openai").one("prompt_name") == "p"
    assert one({"prompt.name": "p"}, "openlitter").one("prompt_name") is None


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("openai", "openai"),
        ("OpenAI", "openai"),
        ("openai.chat", "openai"),
        ("az.ai.openai", "azure.ai.openai"),
        ("bedrock", "aws.bedrock"),
        ("gemini", "gcp.gemini"),
        ("google.vertex.chat", "gcp.vertex_ai"),
        ("gcp.vertex.agent", "gcp.vertex_ai"),
        ("mistral", "mistral_ai"),
        ("My.Own", "my.own"),
    ],
)
def test_providers_have_one_name(written: str, name: str) -> None:
    assert one({"gen_ai.system": written}).one("provider") == name


# tokens


def usage(scope: str = "app", **tokens: Any) -> Normalised:
    return one(CHAT | {f"gen_ai.usage.{name}": value for name, value in tokens.items()}, scope)


def test_input_includes_cached_tokens_and_output_includes_reasoning() -> None:
    got = usage(input_tokens=3298, output_tokens=88, cache_read_input_tokens=2048, cache_creation_input_tokens=1200)
    assert got.rows("input_tokens", "cache_read_tokens", "cache_write_tokens") == [(3298, 2048, 1200)]
    got = usage(input_tokens=50, output_tokens=10, cache_read_input_tokens=2048, reasoning_tokens=192)
    assert got.rows("input_tokens", "output_tokens", "reasoning_tokens") == [(2098, 202, 192)]


def test_an_exclusive_emitter_is_corrected_even_where_the_numbers_do_not_show_it() -> None:
    tokens = {"input_tokens": 5000, "output_tokens": 1, "cache_read_input_tokens": 100}
    assert usage("openlit.instrumentation.anthropic", **tokens).one("input_tokens") == 5100
    assert usage("openlit.instrumentation.openai", **tokens).one("input_tokens") == 5000


def test_absent_is_not_zero() -> None:
    got = usage()
    assert got.rows("input_tokens", "output_tokens", "usage_status") == [(None, None, "missing")]
    got = usage(input_tokens=0, output_tokens=5)
    assert got.rows("input_tokens", "output_tokens", "usage_status") == [(0, 5, "reported")]


@pytest.mark.parametrize(
    ("value", "anomaly"),
    [
        (-1, "negative_tokens"),
        (-1.0, "negative_tokens"),
        (10**9 + 1, "huge_tokens"),
        (float("nan"), "tokens_not_a_number"),
        (float("inf"), "tokens_not_a_number"),
        (1.5, "tokens_not_a_number"),
        ("many", "tokens_not_a_number"),
        ("1_0", "tokens_not_a_number"),
    ],
)
def test_what_can_be_no_count_is_null_and_stays_with_the_attributes(value: Any, anomaly: str) -> None:
    got = usage(input_tokens=value, output_tokens=5)
    assert got.rows("input_tokens", "output_tokens", "usage_status", "anomalies") == [(None, 5, "invalid", [anomaly])]
    assert list(got.attributes()) == ["gen_ai.usage.input_tokens"]


@pytest.mark.parametrize("value", ["n/a", "1_0", -1, 10**9 + 1, 1.5, float("nan")])
def test_what_can_be_no_count_does_not_hide_the_next_best(value: Any) -> None:
    got = usage(input_tokens=value, prompt_tokens="7", output_tokens=5)
    assert got.rows("input_tokens", "output_tokens", "usage_status", "anomalies") == [(7, 5, "reported", [])]
    assert list(got.attributes()) == ["gen_ai.usage.input_tokens"]
    got = usage(input_tokens=value, prompt_tokens="none", output_tokens=5)
    assert got.rows("input_tokens", "usage_status") == [(None, "invalid")]


@pytest.mark.parametrize("value", [7, 7.0, "7", "7.0"])
def test_counts_may_be_written_in_several_ways(value: Any) -> None:
    assert usage(input_tokens=value).one("input_tokens") == 7


def test_embeddings_have_their_total_as_input() -> None:
    got = one({"gen_ai.operation.name": "embeddings", "gen_ai.usage.total_tokens": 16})
    assert got.rows("kind", "input_tokens", "output_tokens", "usage_status") == [("embedding", 16, None, "reported")]


def test_an_agents_sums_are_no_usage() -> None:
    got = one({"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 9, "gen_ai.aggregated_usage.x": 1})
    assert got.rows("input_tokens", "usage_status") == [(None, None)]
    assert got.attributes() == {"gen_ai.usage.input_tokens": "9", "gen_ai.aggregated_usage.x": "1"}


def test_tokens_that_openlit_made_up_for_a_stream_do_not_count() -> None:
    invented = {"gen_ai.request.stream": True, "gen_ai.usage.input_tokens": 32, "gen_ai.usage.output_tokens": 19}
    got = one(CHAT | invented, "openlit.instrumentation.openai")
    assert got.rows("input_tokens", "output_tokens", "usage_status") == [(None, None, "missing")]
    got = one(CHAT | invented | {"gen_ai.usage.cache_read.input_tokens": 0}, "openlit.instrumentation.openai")
    assert got.one("usage_status") == "reported"
    assert one(CHAT | invented).one("usage_status") == "reported"


@pytest.mark.parametrize("written", ["prompt_tokens", "input_tokens", "input"])
def test_usage_objects_of_several_providers(written: str) -> None:
    details = json.dumps({written: 12, "completion_tokens_details": {"reasoning_tokens": 1}, "output": 5})
    got = one(CHAT | {"langfuse.observation.usage_details": details}, "langfuse-sdk")
    assert got.rows("input_tokens", "output_tokens", "reasoning_tokens") == [(12, 5, 1)]


@pytest.mark.parametrize(
    ("written", "counts"),
    [
        ({"input_tokens": 1000, "output_tokens": 9, "cache_read_input_tokens": 800}, (1800, 9, 800, None, None)),
        ({"input": 5000, "output": 88, "cache_read_input_tokens": 48, "cache_creation_input_tokens": 2},
         (5050, 88, 48, 2, None)),
        ({"prompt_tokens": 1000, "completion_tokens": 9, "cache_read_input_tokens": 800}, (1000, 9, 800, None, None)),
        ({"input_tokens": 1000, "output_tokens": 9, "total_tokens": 1009, "cache_read_input_tokens": 800},
         (1000, 9, 800, None, None)),
        ({"inputTokens": 1000, "outputTokens": 9, "cacheReadInputTokens": 800, "cacheWriteInputTokens": 50,
          "totalTokens": 1859}, (1850, 9, 800, 50, None)),
        ({"promptTokenCount": 1000, "candidatesTokenCount": 100, "thoughtsTokenCount": 50, "totalTokenCount": 1150},
         (1000, 150, None, None, 50)),
        ({"prompt_token_count": 1000, "thoughts_token_count": 50, "cached_content_token_count": 7},
         (1000, 50, 7, None, 50)),
        ({"input": 1000, "output": 100, "input_cache_read": 10, "output_reasoning": 20, "total": 1130},
         (1010, 120, 10, None, 20)),
        ({"input_tokens": 1000, "output_tokens": 9, "cache_read_input_tokens": "x"}, (1000, 9, None, None, None)),
        ({"input_tokens": -1, "output_tokens": 9, "cache_read_input_tokens": 5}, (None, 9, 5, None, None)),
    ],
)  # fmt: skip
def test_usage_objects_are_added_up_as_their_provider_counts(
    written: dict[str, Any], counts: tuple[int | None, ...]
) -> None:
    columns = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
    got = one(CHAT | {"langfuse.observation.usage_details": json.dumps(written)}, "langfuse-sdk")
    assert got.rows(*columns) == [counts]
    if None not in counts[:1]:
        got = one(CHAT | {"output.value": json.dumps({"model": "m", "usage": written})}, "openlit.instrumentation.x")
        assert got.rows(*columns) == [counts]


def test_an_object_that_was_added_up_is_not_added_up_again_for_its_scope() -> None:
    raw = {"model": "m", "usage": {"input_tokens": 1000, "output_tokens": 9, "cache_read_input_tokens": 800}}
    got = one(CHAT | {"output.value": json.dumps(raw)}, "openlit.instrumentation.anthropic")
    assert got.rows("input_tokens", "cache_read_tokens") == [(1800, 800)]


@pytest.mark.parametrize(
    "written",
    [
        {"responseId": "r", "modelVersion": "g", "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}},
        {
            "response_id": "r",
            "model_version": "g",
            "usage_metadata": {"prompt_token_count": 3, "candidates_token_count": 2},
        },
    ],
)
def test_raw_responses_of_gemini(written: dict[str, Any]) -> None:
    got = one(CHAT | {"output.value": json.dumps(written)})
    assert got.rows("response_id", "response_model", "input_tokens", "output_tokens") == [("r", "g", 3, 2)]


@pytest.mark.parametrize(
    ("tokens", "counts"),
    [
        ({"total_tokens": 1130, "cache_read_input_tokens": 30}, (1030, 100)),
        ({"total_tokens": 1150, "reasoning_tokens": 50}, (1000, 150)),
        ({"total_tokens": 1180, "cache_read_input_tokens": 30, "reasoning_tokens": 50}, (1030, 150)),
        ({"total_tokens": 1100, "cache_read_input_tokens": 30, "reasoning_tokens": 50}, (1000, 100)),
        ({"total_tokens": 1130, "cache_read_input_tokens": 30, "reasoning_tokens": 30}, (1000, 100)),
        ({"total_tokens": 1160, "cache_read_input_tokens": 30, "reasoning_tokens": 30}, (1030, 130)),
    ],
)
def test_a_total_may_tell_what_was_left_out(tokens: dict[str, int], counts: tuple[int, int]) -> None:
    got = usage(input_tokens=1000, output_tokens=100, **tokens)
    assert got.rows("input_tokens", "output_tokens") == [counts]


def test_a_usage_object_that_is_none_is_noted() -> None:
    got = one(CHAT | {"langfuse.observation.usage_details": "{"}, "langfuse-sdk")
    assert got.rows("usage_status", "anomalies") == [("invalid", ["usage_not_json"])]


@pytest.mark.parametrize(
    ("written", "tier"), [("flex", "flex"), ("PRIORITY", "priority"), ("default", None), ("standard", None)]
)
def test_the_ordinary_service_tier_is_null(written: str, tier: str | None) -> None:
    assert one(CHAT | {"openai.response.service_tier": written}).one("service_tier") == tier


# streaming


@pytest.mark.parametrize(
    ("attributes", "nanoseconds"),
    [
        ({"gen_ai.response.time_to_first_chunk": 0.4}, 400_000_000),
        ({"gen_ai.response.time_to_first_chunk": 1}, SECOND),
        ({"ai.response.msToFirstChunk": 404.5}, 404_500_000),
    ],
)
def test_the_first_token_of_a_stream(attributes: dict[str, Any], nanoseconds: int) -> None:
    got = one(CHAT | attributes)
    assert got.rows("time_to_first_token_ns", "stream") == [(nanoseconds, 1)]
    got = one(CHAT | attributes | {"gen_ai.request.stream": False})
    assert got.rows("time_to_first_token_ns", "stream") == [(None, 0)]
    assert list(got.attributes()) == list(attributes)


def test_the_first_token_as_an_event_and_as_a_moment() -> None:
    event = Span.Event(name="First Token Stream Event", time_unix_nano=NOW - SECOND - 5)
    assert one(CHAT, events=[event]).one("time_to_first_token_ns") == pytest.approx(SECOND, abs=10)
    moment = '"2026-11-28T20:26:39.250000Z"'
    start = 1_795_897_599 * SECOND
    got = one(CHAT | {"langfuse.observation.completion_start_time": moment}, "langfuse-sdk", start_time_unix_nano=start)
    assert got.one("time_to_first_token_ns") == 250_000_000


@pytest.mark.parametrize("seconds", [-0.1, float("nan"), float("inf"), 1e9, "soon"])
def test_an_impossible_first_token_is_noted(seconds: Any) -> None:
    got = one(CHAT | {"gen_ai.response.time_to_first_chunk": seconds})
    assert got.rows("time_to_first_token_ns", "anomalies") == [(None, ["first_token_out_of_range"])]


# outcome


@pytest.mark.parametrize(
    ("written", "reasons"),
    [
        (["stop", "tool_calls"], ["stop", "tool_call"]),
        ('["tool-calls"]', ["tool_call"]),
        ('"length"', ["length"]),
        ("end_turn", ["stop"]),
        ("MAX_TOKENS", ["length"]),
        ([], None),
        ([1], None),
        ("[", ["["]),
        ("FinishReason.STOP", ["stop"]),
        ("FINISH_REASON_STOP", ["stop"]),
        ("StopReason.END_TURN", ["stop"]),
        (["types.FinishReason.MAX_TOKENS"], ["length"]),
        ("FinishReason.", ["finishreason."]),
        (["RECITATION", "spii"], ["content_filter", "content_filter"]),
        ("PROHIBITED_CONTENT,blocklist", ["content_filter", "content_filter"]),
        ("guardrail_intervened", ["content_filter"]),
        ("['stop']", ["stop"]),
        ("('stop', 'length')", ["('stop', 'length')"]),
        ("stop,length", ["stop", "length"]),
        ("stopped by hand, at last", ["stopped by hand, at last"]),
    ],
)
def test_finish_reasons_are_those_of_the_conventions(written: Any, reasons: list[str] | None) -> None:
    assert one(CHAT | {"gen_ai.response.finish_reasons": written}).one("finish_reasons") == reasons


@pytest.mark.parametrize("name", ["stop_reason", "stopReason", "finish_reason"])
def test_raw_responses_tell_why_they_ended(name: str) -> None:
    got = one(CHAT | {"output.value": json.dumps({name: "FinishReason.MAX_TOKENS", "status": "completed"})})
    assert got.one("finish_reasons") == ["length"]


def test_errors_have_a_type() -> None:
    failed = Status(code=Status.STATUS_CODE_ERROR, message="no")
    raised = Span.Event(name="exception", attributes=pairs({"exception.type": "openai.RateLimitError"}))
    assert one({"error.type": "timeout"}, status=failed).one("error_type") == "timeout"
    got = one({}, status=failed, events=[raised])
    assert got.rows("status", "status_message", "error_type") == [("error", "no", "RateLimitError")]
    assert one({}, status=failed).one("error_type") == "_OTHER"
    assert one({}, events=[raised]).rows("status", "status_message", "error_type") == [("unset", None, None)]


# what was said


def test_messages_in_the_schema_are_passed_on_byte_by_byte() -> None:
    written = '[ {"role": "user", "parts": [{"content": "h\\u00e9", "type": "text"}], "name": null} ]'
    got = one(CHAT | {"gen_ai.input.messages": written})
    assert got.one("input_messages") == written
    assert "gen_ai.input.messages" not in got.attributes()


def test_system_instructions_go_first_unless_they_are_there() -> None:
    instructions = {"gen_ai.system_instructions": '[{"type":"text","content":"Be terse."}]'}
    for said in ([text("user", "hi")], [text("user", "a"), text("assistant", "b")]):
        got = one(CHAT | instructions | {"gen_ai.input.messages": json.dumps(said)})
        assert messages(got) == [text("system", "Be terse."), *said]
    said = [text("system", "Be terse."), text("user", "hi")]
    assert messages(one(CHAT | instructions | {"gen_ai.input.messages": json.dumps(said)})) == said
    assert messages(one(CHAT | instructions)) == [text("system", "Be terse.")]


def test_a_text_that_should_be_json_is_one_message_and_noted() -> None:
    got = one(CHAT | {"gen_ai.output.messages": '[{"role":"assis'})
    assert messages(got, "output_messages") == [text("assistant", '[{"role":"assis')]
    assert got.one("anomalies") == ["messages_not_json"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("hello", [text("user", "hello")]),
        ([{"role": "user", "content": "hi"}], [text("user", "hi")]),
        ({"messages": [{"role": "system", "content": [{"type": "text", "text": "s"}]}]}, [text("system", "s")]),
        ({"system": "s", "prompt": "p"}, [text("system", "s"), text("user", "p")]),
        ({"contents": [{"role": "model", "parts": [{"text": "t"}]}]}, [text("assistant", "t")]),
        ({"model": "m", "input": "why?", "instructions": "s"}, [text("system", "s"), text("user", "why?")]),
        (
            [{"role": "tool", "tool_call_id": "c", "content": "21"}],
            [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "21"}]}],
        ),
        (
            [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "[1]"}}],
                }
            ],
            [{"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": [1]}]}],
        ),
    ],
)
def test_requests_of_any_form_become_messages(written: Any, said: Any) -> None:
    value = written if isinstance(written, str) else json.dumps(written)
    assert messages(one(CHAT | {"input.value": value}, "openinference.instrumentation.openai")) == said


def test_structured_messages_are_read_like_json() -> None:
    got = one(CHAT | {"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]})
    assert messages(got) == [text("user", "hi")]


def test_flattened_messages_are_put_together_in_order() -> None:
    got = one(
        CHAT
        | {
            "gen_ai.prompt.10.content": "third",
            "gen_ai.prompt.10.role": "user",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "first",
            "gen_ai.prompt.2.role": "user",
            "gen_ai.prompt.2.content": "second",
            "gen_ai.completion.0.content": "answer",
        }
    )
    assert messages(got) == [text("system", "first"), text("user", "second"), text("user", "third")]
    assert messages(got, "output_messages") == [text("assistant", "answer")]
    assert got.attributes() == {}


def test_messages_in_span_events() -> None:
    events = [
        Span.Event(name="gen_ai.user.message", attributes=pairs({"content": "hi"})),
        Span.Event(name="gen_ai.choice", attributes=pairs({"finish_reason": "stop", "message": '{"content":"yes"}'})),
        Span.Event(name="gen_ai.content.prompt", attributes=pairs({"gen_ai.prompt": "old"})),
    ]
    got = one(CHAT, events=events)
    assert messages(got) == [text("user", "hi"), text("user", "old")]
    assert messages(got, "output_messages") == [text("assistant", "yes") | {"finish_reason": "stop"}]
    assert [event["name"] for event in json.loads(str(got.one("events")))] == [event.name for event in events]


def test_what_is_told_twice_is_kept_once() -> None:
    twice = {"traceloop.entity.input": "hi", "gen_ai.task.input": "hi", "gen_ai.prompt.0.content": "hi"}
    got = one(CHAT | twice | {"gen_ai.input.messages": json.dumps([text("user", "hi")])})
    assert messages(got) == [text("user", "hi")]
    assert got.attributes() == {}


# retrieval


def test_documents_have_one_form() -> None:
    found = [{"id": "a", "content": "c", "score": 0.5}]
    retrieval = {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.query.text": "q"}
    for written in (found, [{"id": "a", "text": "c", "score": 0.5}], {"documents": found}):
        got = one(retrieval | {"gen_ai.retrieval.documents": json.dumps(written)})
        assert json.loads(str(got.one("retrieval_documents"))) == found
        assert got.one("retrieval_query") == "q"
    got = one(retrieval | {"gen_ai.retrieval.documents": "no json"})
    assert json.loads(str(got.one("retrieval_documents"))) == [{"content": "no json"}]
    assert got.one("anomalies") == ["documents_not_json"]


def test_flattened_documents_and_a_query_that_was_the_input() -> None:
    got = one(
        {
            "openinference.span.kind": "RETRIEVER",
            "input.value": "q",
            "retrieval.documents.0.document.content": "c",
            "retrieval.documents.0.document.score": 0.5,
        }
    )
    assert json.loads(str(got.one("retrieval_documents"))) == [{"content": "c", "score": 0.5}]
    assert got.rows("retrieval_query", "input_messages") == [("q", None)]
    assert got.attributes() == {}


# whose and which


def test_experiments_tags_weight_and_prompt() -> None:
    got = one(
        {
            "spanpulse.experiment.style": "concise",
            "spanpulse.tag.top_k": 3,
            "spanpulse.weight": 10,
            "gen_ai.prompt.name": "answer",
            "spanpulse.prompt.version": 7,
        }
    )
    assert got.rows("experiments", "tags", "weight") == [([("style", "concise")], [("top_k", "3")], 10)]
    assert got.rows("prompt_name", "prompt_version") == [("answer", "7")]
    assert got.attributes() == {}


@pytest.mark.parametrize(
    ("written", "weight"), [(0, 1), (-5, 1), (10**6 + 1, 10**6), (1.5, 1), ("x", 1), (float("nan"), 1)]
)
def test_a_weight_is_kept_in_its_bounds(written: Any, weight: int) -> None:
    got = one({"spanpulse.weight": written})
    assert got.rows("weight", "anomalies") == [(weight, ["weight_out_of_range"])]


def test_users_out_of_metadata() -> None:
    got = one({"metadata": '{"user_id": "u", "session_id": 5}'}, "openinference.instrumentation.openai")
    assert got.rows("user_id", "session_id") == [("u", None)]
    assert one({"metadata": '{"user_id": "u"}'}).one("user_id") is None


def test_resources_scopes_and_links() -> None:
    resource = {"service.name": "shop", "deployment.environment": "test", "n": [1]}
    link = Span.Link(trace_id=bytes(15) + b"\7", span_id=bytes(7) + b"\x08", attributes=pairs({"a": 1}))
    got = normalised([request(span({}, links=[link]), scope="s", resource=resource), request(span({}), scope="")])
    assert got.column("service_name") == ["shop", None]
    assert got.column("environment") == ["test", None]
    assert got.column("emitter_name") == ["s", None]
    assert json.loads(str(got.column("resource")[0])) == resource
    assert json.loads(str(got.column("links")[0])) == [
        {"trace_id": "0" * 31 + "7", "span_id": "0" * 15 + "8", "attributes": {"a": 1}}
    ]
    assert got.column("links")[1] is None


def test_resources_that_differ_in_a_number_or_a_border_alone_are_told_apart() -> None:
    said = [{"a": "bc", "pid": 7}, {"a": "bc", "pid": 8}, {"ab": "c", "pid": 7}, {"a": "bc", "pid": 7}, {}, {"a": ""}]
    got = normalised([request(span({}), resource=each) for each in said])
    assert [json.loads(str(text)) for text in got.column("resource")] == said
    assert len(got.columns.resource.values) == len(said) - 1


def test_the_spans_of_a_batch_keep_the_order_of_the_log() -> None:
    got = normalised([request(*[span({}, name=f"{body}{row}") for row in range(3)]) for body in "ab"], first=5)
    assert got.rows("log_offset", "ordinal", "name") == [
        (5 + at, row, f"{body}{row}") for at, body in enumerate("ab") for row in range(3)
    ]
    assert got.columns.tenant.tolist() == ["default"] * 6
    assert np.all(got.columns.received_at == RECEIVED_MS)


# hostile texts


@pytest.mark.parametrize(
    "written",
    [
        '{"a":' * 250 + "1" + "}" * 250,
        "[" * 250 + "]" * 250,
        "[" * 100_000,
        '[{"role":"user","content":' + '{"a":' * 240 + "1" + "}" * 242 + "]",
        json.dumps(
            [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[" * 254 + "]" * 254}}]}]
        ),
        '"' + "x" * 10**6,
        '{"role":"user","content":"\\ud800"}',
        "\0",
    ],
)
@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.input.messages",
        "input.value",
        "gen_ai.retrieval.documents",
        "output.value",
        "gen_ai.system_instructions",
    ],
)
def test_deep_and_broken_json_is_kept_as_something(key: str, written: str) -> None:
    got = one(CHAT | {key: written})
    assert got.columns.size == 1
    assert got.rejected == []
    for column in ("input_messages", "output_messages", "retrieval_documents"):
        if got.one(column) is not None:
            assert isinstance(json.loads(str(got.one(column))), list)
