"""Rules of dialects that captured exports brought: what each emitter means by what it writes."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from making_spans import pairs
from normalising import Normalised, normalised
from otlp.requests import attributes, resource_spans, traces
from spanpulse_stream.normalise._json import literal
from spanpulse_stream.normalise._responses import response_of

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
OBJECTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def read(scope: str, said: Mapping[str, str | int], name: str = "call", *, failed: bool = False) -> Normalised:
    span = Span(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        name=name,
        start_time_unix_nano=1_795_000_000_000_000_000,
        end_time_unix_nano=1_795_000_001_000_000_000,
        attributes=attributes(said),
        status=Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET),
    )
    return normalised([traces(resource_spans({}, [span], scope))])


def tokens(got: Normalised) -> tuple[object, ...]:
    columns = ("usage_status", "input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens")
    return tuple(got.one(name) for name in columns)


CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"}


def test_names_in_quotes_lose_them() -> None:
    got = read("mlflow.tracing.provider", {"mlflow.spanType": '"CHAT_MODEL"', "model": '"gr\\u00fcn"'})
    assert (got.one("kind"), got.one("request_model")) == ("llm", "grün")


def test_a_name_that_is_empty_in_its_quotes_is_none() -> None:
    got = read("mlflow.tracing.provider", {"mlflow.spanType": '"CHAT_MODEL"', "mlflow.trace.user": '""'})
    assert got.one("user_id") is None


def test_a_broken_quote_stays_what_it_is() -> None:
    assert read("tests", {**CHAT, "user.id": '"half'}).one("user_id") == '"half'


def test_usage_may_be_a_python_dictionary() -> None:
    usage = "{'prompt_tokens': 50, 'completion_tokens': 9, 'prompt_tokens_details': {'cached_tokens': 30, 'x': None}}"
    assert tokens(read("litellm", {**CHAT, "metadata.usage_object": usage})) == ("reported", 50, 9, 30, None)


@pytest.mark.parametrize("usage", ["{'prompt_tokens': ", "open('x')", "{'\\x41': 1}", "{" * 5000, "x" * 5000])
def test_usage_that_nobody_can_read_is_invalid(usage: str) -> None:
    assert read("litellm", {**CHAT, "metadata.usage_object": usage}).one("usage_status") == "invalid"


def test_zeros_everywhere_are_usage_that_was_not_sent() -> None:
    zeros = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}
    assert tokens(read("tests", {**CHAT, **zeros})) == ("missing", None, None, None, None)
    some = {**zeros, "gen_ai.usage.input_tokens": 7}
    assert tokens(read("tests", {**CHAT, **some})) == ("reported", 7, 0, None, None)


def test_embeddings_have_no_output() -> None:
    said = {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 8, "gen_ai.usage.output_tokens": 0}
    assert tokens(read("tests", said)) == ("reported", 8, None, None, None)


def test_a_helper_that_calls_itself_a_model_is_none() -> None:
    said = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-5"}
    scope = "openinference.instrumentation.llama_index"
    assert read(scope, said, "OpenAI._prepare_chat_with_tools").one("kind") == "other"
    assert read(scope, said, "OpenAI.chat").one("kind") == "llm"
    assert read("openinference.instrumentation.openai", said, "X._prepare_chat_with_tools").one("kind") == "llm"


def test_the_opening_of_a_stream_is_no_call() -> None:
    assert read("logfire.openai", CHAT).one("kind") == "other"
    assert read("logfire.openai", CHAT, failed=True).one("kind") == "llm"
    assert read("logfire.openai", {**CHAT, "gen_ai.response.id": "chatcmpl-1"}).one("kind") == "llm"
    assert read("tests", CHAT).one("kind") == "llm"


def test_the_response_in_a_langchain_result_is_found() -> None:
    whole = {
        "id": "chatcmpl-1",
        "model_name": "gpt-5-mini",
        "token_usage": {"prompt_tokens": 4, "completion_tokens": 2},
    }
    said = {"openinference.span.kind": "LLM", "output.value": json.dumps({"generations": [], "llm_output": whole})}
    got = read("openinference.instrumentation.langchain", said)
    assert (got.one("response_id"), got.one("response_model")) == ("chatcmpl-1", "gpt-5-mini")
    assert tokens(got) == ("reported", 4, 2, None, None)


def test_a_streamed_langchain_result_has_its_usage_with_the_message() -> None:
    usage = {"input_tokens": 4, "output_tokens": 2, "input_token_details": {"cache_read": 3}}
    message = {"kwargs": {"id": "lc_run--1", "usage_metadata": usage}}
    said = {"generations": [[{"message": message}]], "llm_output": None}
    assert response_of(said) == {"usage": usage}


def test_a_message_may_have_its_parts_under_contents() -> None:
    said = {
        "openinference.span.kind": "LLM",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.contents.0.message_content.type": "text",
        "llm.output_messages.0.message.contents.0.message_content.text": "Paris.",
    }
    got = read("openinference.instrumentation.anthropic", said)
    assert json.loads(str(got.one("output_messages"))) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Paris."}]}
    ]


@pytest.mark.parametrize(
    ("written", "lasts", "nanoseconds"),
    [(0.76, 0, 760_000_000), (0.76, 5, 5), (-1.0, 0, 0), (float("nan"), 0, 0), ("soon", 0, 0)],
)
def test_a_stream_of_logfire_takes_as_long_as_it_says(written: float | str, lasts: int, nanoseconds: int) -> None:
    span = Span(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        start_time_unix_nano=1_795_000_000_000_000_000,
        end_time_unix_nano=1_795_000_000_000_000_000 + lasts,
        attributes=pairs({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 9, "duration": written}),
    )
    got = normalised([traces(resource_spans({}, [span], "logfire.openai"))])
    assert got.rows("kind", "duration_ns") == [("llm", nanoseconds)]
    other = normalised([traces(resource_spans({}, [span], "app"))])
    assert other.rows("kind", "duration_ns") == [("llm", lasts)]
    assert "duration" in other.attributes()


def test_the_first_chunk_is_the_first_token() -> None:
    span = Span(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        start_time_unix_nano=1_795_000_000_000_000_000,
        end_time_unix_nano=1_795_000_001_000_000_000,
        attributes=attributes({"mlflow.spanType": '"CHAT_MODEL"', "stream": "true"}),
    )
    for place in range(2):
        span.events.add(name=f"mlflow.chunk.item.{place}", time_unix_nano=1_795_000_000_400_000_000 + place)
    got = normalised([traces(resource_spans({}, [span], "mlflow.tracing.provider"))])
    assert got.one("time_to_first_token_ns") == 400_000_000


@given(st.dictionaries(st.sampled_from(["generations", "llm_output", "model", "usage", "id"]), OBJECTS))
def test_no_output_is_too_odd_for_a_response(said: dict[str, object]) -> None:
    assert isinstance(response_of(said), dict)


@given(st.text() | OBJECTS.map(repr))
def test_no_text_is_too_odd_for_a_literal(text: str) -> None:
    literal(text)


@given(OBJECTS.map(repr).filter(lambda text: not any(odd in text for odd in ("nan", "inf", "\\")) and len(text) < 4096))
def test_a_literal_is_read_as_python_reads_it(text: str) -> None:
    assert repr(literal(text)) == text
