"""Exports captured from real emitters give the calls that really happened, like those of the corpus.

Everything must be equal to what the imitated provider answered, but for what the bytes do not hold: that is listed
below, by file, field and scenario.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from calls import TOKENS, Folder, Story
from normalising import normalised, one_span_requests, shuffled

STREAMS = {"stream_usage", "stream_nousage", "anthropic_stream"}
TURNS = {"multi_turn"}
ERRORS = {"err429", "err500_stream"}
ANTHROPIC = {"anthropic_cached", "anthropic_stream"}
LLAMA_INDEX = {"chat", "complete", "stream_usage", "stream_nousage", "cached_reasoning", "tools", "rag", "multi_turn"}
LLAMA_INDEX_STREAMS = {"stream_usage", "stream_nousage"}
LLAMA_INDEX_EMBEDDINGS = {"rag", "embeddings"}
PYDANTIC_AI = {
    *("chat", "stream", "tools", "cached_reasoning", "responses", "responses_stream"),
    *(ANTHROPIC | ERRORS),
}
MLFLOW_OPENAI = {
    *("chat", "stream_usage", "stream_nousage", "tools", "cached_reasoning", "responses", "responses_stream"),
    *("embeddings", "multi_turn", *ERRORS),
}
# The emitter ends the span of a stream before the stream begins.
MLFLOW_ANTHROPIC_STREAM = {
    field: {"anthropic_stream"}
    for field in ("response_model", "response_id", "usage_status", "input_tokens", "output_tokens")
}

CAPTURES = Folder(
    Path(__file__).parent.parent / "fixtures" / "captures",
    no_span={("openinference-langchain", "embeddings"): [0]},
    not_held={
        "litellm": {
            # the request's model stands in for the response's
            "response_model": STREAMS,
            # an id of its own, or one around the provider's
            "response_id": {*ANTHROPIC, "responses", "embeddings", *ERRORS},
            "provider": {"responses", "embeddings"},
            "first_token": STREAMS,
            "session_id": TURNS,
        },
        "llama-index": {
            "response_model": LLAMA_INDEX | LLAMA_INDEX_EMBEDDINGS,
            "response_id": LLAMA_INDEX,
            **dict.fromkeys(("provider", "usage_status", "input_tokens"), LLAMA_INDEX_EMBEDDINGS),
        },
        "llama-index-otel": {
            **dict.fromkeys(("response_id", "finish_reason", "first_token"), LLAMA_INDEX_STREAMS),
            "response_model": LLAMA_INDEX_STREAMS | LLAMA_INDEX_EMBEDDINGS,
            "usage_status": {"stream_usage"} | LLAMA_INDEX_EMBEDDINGS,
            "input_tokens": {"stream_usage"} | LLAMA_INDEX_EMBEDDINGS,
            "output_tokens": {"stream_usage"},
            # the span ends before the stream begins
            "error": {"err500_stream"},
            "user_id": TURNS,
            "session_id": TURNS,
        },
        "logfire": {
            "response_id": {"stream_usage", "stream_nousage"},
            "first_token": {"stream_usage", "stream_nousage"},
            # the request's model stands in for the response's
            "response_model": {"stream_usage", "stream_nousage", *ERRORS},
            "finish_reason": {"responses"},
            # a conversation of the emitter's own where the application has none
            "session_id": {"agent_tools", "agent_anthropic"},
        },
        "mlflow": {
            **MLFLOW_ANTHROPIC_STREAM,
            "finish_reason": {"anthropic_stream"},
            "first_token": {"anthropic_stream"},
            "provider": {"embeddings"},
            "user_id": TURNS,
            "session_id": TURNS,
        },
        "mlflow-semconv": {
            **MLFLOW_ANTHROPIC_STREAM,
            "usage_status": {"anthropic_stream", "embeddings"},
            "input_tokens": {"anthropic_stream", "embeddings"},
            "cache_read_tokens": {"cached_reasoning", "anthropic_cached"},
            "cache_write_tokens": {"anthropic_cached"},
            "reasoning_tokens": {"cached_reasoning"},
            "finish_reason": ANTHROPIC,
            "first_token": {"anthropic_stream"},
            "provider": MLFLOW_OPENAI,
            "user_id": TURNS,
            "session_id": TURNS,
        },
        "openinference-langchain": {
            "response_id": {"stream_usage", "stream_nousage"},
            "first_token": {"stream_usage", "stream_nousage"},
            "finish_reason": {"responses"},
            # the request's model stands in for the response's
            "response_model": ERRORS,
        },
        "pydantic-ai": {
            # a conversation of the emitter's own where the application has none
            "session_id": PYDANTIC_AI,
            # only the agent's span has the error
            "error": {"err500_stream"},
            # the request's model stands in for the response's
            "response_model": {"err500_stream"},
        },
        "vercel": {"reasoning_tokens": {"cached_reasoning"}, "response_model": {"embeddings"}},
    },
)
"""What the bytes do not hold, or an emitter puts in its place: by file, field and scenario."""

WITHOUT_TEXT = {
    *(("mlflow", "anthropic_stream"), ("mlflow-semconv", "anthropic_stream")),
    *(("llama-index-otel", stream) for stream in LLAMA_INDEX_STREAMS),
}
"""Scenarios of which the bytes do not hold what the model said."""


@pytest.mark.parametrize(("file", "name"), CAPTURES.scenarios())
def test_a_capture_gives_the_calls_that_happened(file: str, name: str) -> None:
    story = Story()
    story.run(CAPTURES.bodies(file, name))
    CAPTURES.check(file, name, story.calls())


@pytest.mark.parametrize(("file", "name"), CAPTURES.scenarios())
def test_it_does_so_span_by_span_in_any_order(file: str, name: str) -> None:
    requests = one_span_requests(CAPTURES.bodies(file, name))
    for seed in range(3):
        story = Story()
        for request in shuffled(requests, seed):
            story.run([request])
        CAPTURES.check(file, name, story.calls())


@pytest.mark.parametrize(("file", "name"), CAPTURES.scenarios())
def test_what_the_model_said_is_in_the_messages(file: str, name: str) -> None:
    columns = normalised(CAPTURES.bodies(file, name))
    texts = {
        part.get("content")
        for messages in columns.column("output_messages")
        for message in json.loads(str(messages or "[]"))
        for part in message["parts"]
    }
    said = {text for text in CAPTURES.answers(file, name) if text}
    assert (said <= texts) == ((file, name) not in WITHOUT_TEXT)


@pytest.mark.parametrize("file", sorted({file for file, _ in CAPTURES.scenarios()}))
def test_all_captures_of_an_emitter_are_one_batch_as_well(file: str) -> None:
    story = Story()
    names = [name for own, name in CAPTURES.scenarios() if own == file]
    story.run([body for name in names for body in CAPTURES.bodies(file, name)])
    true = [call for name in names for call in CAPTURES.true_calls(file, name)]
    assert len(story.calls()) == len(true)
    for field in TOKENS:
        if field not in CAPTURES.not_held.get(file, {}):
            assert sum(call[field] or 0 for call in story.calls()) == sum(call[field] or 0 for call in true)


def test_nothing_is_excepted_that_the_bytes_hold() -> None:
    """An exception that is not needed (any more) hides a mistake."""
    for file, fields in CAPTURES.not_held.items():
        for field, names in fields.items():
            for name in names:
                story = Story()
                story.run(CAPTURES.bodies(file, name))
                got = Counter(str(call[field]) for call in story.calls())
                wanted = Counter(str(call[field]) for call in CAPTURES.true_calls(file, name))
                assert got != wanted, (file, field, name)
