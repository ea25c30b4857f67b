"""Calls that only span events tell of, as LlamaIndex's own OpenTelemetry writes them."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from making_spans import messages, one, pairs, text
from normalising import Normalised

SCOPE = "llamaindex.opentelemetry.tracer"
ASKED = {"model_dict.model_name": "gpt-4o-mini"}
KEYS = (
    *("messages", "prompt", "response.raw.choices", "response.raw.usage", "response.raw.usage.prompt_tokens"),
    *("response.raw.usage.prompt_tokens.deeper", "response.raw.", "response.raw.id", "response.raw.model"),
    *("response.text", "response.message.blocks", "response.message.role", "model_dict.model_name"),
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary()
ODD = SCALARS | st.sampled_from(['{"a":[1]}', '[{"blocks":[1,{}]}]', "[[[]]]", "null"]) | st.lists(SCALARS, max_size=2)


def llama(*events: tuple[str, dict[str, Any]], name: str = "OpenAI.chat") -> Normalised:
    return one({}, SCOPE, name=name, events=[Span.Event(name=each, attributes=pairs(told)) for each, told in events])


def test_an_answer_of_another_provider_is_in_its_blocks() -> None:
    call = {"block_type": "tool_call", "tool_call_id": "t", "tool_name": "f", "tool_kwargs": {"a": 1}}
    end = {
        "response.message.role": "assistant",
        "response.message.blocks": json.dumps([{"block_type": "text", "text": "Well."}, call]),
        "response.raw.id": "msg_1",
        "response.raw.model": "claude-sonnet-4-5-20250929",
        "response.raw.usage.input_tokens": 5,
        "response.raw.usage.output_tokens": 7,
        "response.raw.usage.cache_read_input_tokens": 3,
        "response.raw.usage.server_tool_use": "null",
    }
    asked = {"model_dict.model_name": "claude-sonnet-4-5", "messages": '[{"role":"user","blocks":[{"text":"hi"}]}]'}
    got = llama(("LLMChatStartEvent", asked), ("LLMChatEndEvent", end), name="Anthropic.chat")
    assert got.rows("kind", "provider", "request_model", "response_model", "response_id", "usage_rank") == [
        ("llm", "anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "msg_1", 1)
    ]
    assert got.rows("input_tokens", "output_tokens", "cache_read_tokens", "anomalies") == [(8, 7, 3, [])]
    assert messages(got) == [text("user", "hi")]
    parts = [
        {"type": "text", "content": "Well."},
        {"type": "tool_call", "id": "t", "name": "f", "arguments": {"a": 1}},
    ]
    assert messages(got, "output_messages") == [{"role": "assistant", "parts": parts}]


def test_other_events_and_other_emitters_make_no_call() -> None:
    assert llama(("QueryStartEvent", ASKED)).one("kind") == "other"
    event = Span.Event(name="LLMChatStartEvent", attributes=pairs(ASKED))
    assert one({}, "app", events=[event]).one("kind") == "other"


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), ODD))
def test_no_event_is_too_odd(told: dict[str, Any]) -> None:
    assert llama(("LLMChatStartEvent", told), ("LLMChatEndEvent", told)).one("kind") == "llm"
