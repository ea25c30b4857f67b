"""Each rule by which model calls are told and counted, on the smallest span that shows it."""

import json
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from making_spans import CHAT, NOW, SECOND, one, pairs
from normalising import Normalised

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


@pytest.mark.parametrize(
    ("operation", "status"),
    [("invoke_agent", "aggregate"), ("execute_tool", "aggregate"), ("plan", "aggregate"), ("retrieval", None)],
)
def test_sums_above_calls_are_told_apart(operation: str, status: str | None) -> None:
    usage = {"gen_ai.usage.output_tokens": 9}
    assert one({"gen_ai.operation.name": operation} | usage).one("usage_status") == status
    assert one({"gen_ai.operation.name": operation}).one("usage_status") is None


def test_an_agents_sums_are_no_usage() -> None:
    got = one({"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 9, "gen_ai.aggregated_usage.x": 1})
    assert got.rows("input_tokens", "usage_status") == [(None, "aggregate")]
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


@pytest.mark.parametrize("code", [Status.STATUS_CODE_UNSET, Status.STATUS_CODE_OK, Status.STATUS_CODE_ERROR])
@pytest.mark.parametrize("kind", [{}, {"error.type": ""}, {"error.type": "timeout"}])
def test_a_span_has_a_type_of_error_if_and_only_if_it_failed(code: Any, kind: dict[str, str]) -> None:
    ((status, error_type),) = one(CHAT | kind, status=Status(code=code)).rows("status", "error_type")
    assert (status == "error") == (error_type is not None)
    assert (status == "error") == (code == Status.STATUS_CODE_ERROR or kind == {"error.type": "timeout"})


VLLM = {
    "gen_ai.usage.prompt_tokens": 101,
    "gen_ai.usage.completion_tokens": 23,
    "gen_ai.request.id": "chatcmpl-6a0f0d0be7a64ed6a5f8d9d0a3c1b2e4",
    "gen_ai.request.max_tokens": 300,
    "gen_ai.latency.time_in_queue": 0.001,
    "gen_ai.latency.time_to_first_token": 0.25,
    "gen_ai.latency.e2e": 1.0,
    "gen_ai.latency.time_in_model_prefill": 0.2,
}


def test_a_request_to_vllm_is_a_call() -> None:
    got = one(VLLM, scope="vllm.llm_engine", name="llm_request", kind=Span.SPAN_KIND_SERVER)
    assert got.rows("kind", "provider", "input_tokens", "output_tokens", "usage_status") == [
        ("llm", "vllm", 101, 23, "reported")
    ]
    assert got.rows("response_id", "time_to_first_token_ns", "stream", "usage_rank") == [
        ("chatcmpl-6a0f0d0be7a64ed6a5f8d9d0a3c1b2e4", 250_000_000, None, 1)
    ]
    assert {"gen_ai.latency.e2e", "gen_ai.latency.time_in_queue"} <= got.attributes().keys()


def test_only_vllm_means_the_response_by_the_id_of_the_request() -> None:
    got = one(CHAT | {"gen_ai.request.id": "req-1", "gen_ai.latency.time_to_first_token": 0.5})
    assert got.rows("response_id", "time_to_first_token_ns", "stream") == [(None, 500_000_000, 1)]
    assert got.attributes()["gen_ai.request.id"] == "req-1"
