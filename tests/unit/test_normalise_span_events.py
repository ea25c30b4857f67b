"""What emitters tell in span events: messages in forms of their own, and the details of the conventions."""

import json
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from making_spans import CHAT, messages, one, pairs, text

DETAILS = "gen_ai.client.inference.operation.details"
STRANDS = "strands.telemetry.tracer"


def event(name: str, attributes: dict[str, Any]) -> Span.Event:
    return Span.Event(name=name, attributes=pairs(attributes))


def test_the_body_in_an_attribute_of_azures_events() -> None:
    bodies = [
        ("gen_ai.system.message", {"content": "S", "role": "system"}),
        ("gen_ai.user.message", {"content": "Q"}),
        ("gen_ai.choice", {"message": {"content": "A"}, "finish_reason": "stop", "index": 0}),
    ]
    own = {"gen_ai.system": "az.ai.inference"}
    events = [event(name, own | {"gen_ai.event.content": json.dumps(body)}) for name, body in bodies]
    got = one(CHAT | own, "azure.ai.inference", events=events)
    assert messages(got) == [text("system", "S"), text("user", "Q")]
    assert messages(got, "output_messages") == [text("assistant", "A") | {"finish_reason": "stop"}]
    assert got.rows("finish_reasons", "provider") == [(["stop"], "azure.ai.inference")]


def test_a_body_that_is_no_json_costs_nothing() -> None:
    got = one(CHAT, events=[event("gen_ai.choice", {"gen_ai.event.content": "{", "message": "A"})])
    assert messages(got, "output_messages") == [text("assistant", "A")]


def test_the_choice_of_strands_is_its_content_alone() -> None:
    call = [{"text": "A"}, {"toolUse": {"toolUseId": "c", "name": "f", "input": {"a": 1}}}]
    events = [
        event("gen_ai.user.message", {"content": '[{"text": "Q"}]'}),
        event("gen_ai.choice", {"finish_reason": "tool_use", "message": json.dumps(call)}),
    ]
    got = one(CHAT | {"gen_ai.system": "strands-agents"}, STRANDS, events=events)
    assert messages(got) == [text("user", "Q")]
    (answer,) = messages(got, "output_messages")
    tool = {"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}}
    assert answer["parts"] == [{"type": "text", "content": "A"}, tool]
    assert got.one("finish_reasons") == ["tool_call"]


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock"),
        ("amazon.nova-pro-v1:0", "aws.bedrock"),
        ("gpt-4o", "openai"),
        ("o3-mini", "openai"),
        ("claude-sonnet-4-5", "anthropic"),
        ("gemini-2.5-pro", "gcp.gemini"),
        ("llama3", "strands-agents"),
    ],
)
def test_a_framework_is_no_provider_where_the_model_tells(model: str, provider: str) -> None:
    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": model}
    assert one(asked | {"gen_ai.system": "strands-agents"}, STRANDS).one("provider") == provider
    assert one(asked | {"gen_ai.system": "gateway"}).one("provider") == "gateway"


def test_details_in_an_event_fill_what_the_span_has_not() -> None:
    told = {
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-5-2025",
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.output.messages": json.dumps([text("assistant", "A") | {"finish_reason": "stop"}]),
    }
    got = one(CHAT, events=[event(DETAILS, told)])
    assert got.rows("response_id", "response_model", "usage_status") == [("chatcmpl-1", "gpt-5-2025", "reported")]
    tokens = ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens")
    assert got.rows(*tokens, "finish_reasons") == [(11, 4, 10, 3, ["stop"])]
    own = CHAT | {"gen_ai.usage.input_tokens": 12, "gen_ai.response.id": "mine", "gen_ai.usage.output_tokens": 5}
    got = one(own, events=[event(DETAILS, told)])
    assert got.rows("response_id", "input_tokens", "output_tokens") == [("mine", 12, 5)]

    agent = one({"gen_ai.operation.name": "invoke_agent"}, events=[event(DETAILS, told)])
    assert agent.rows("response_id", "input_tokens", "usage_status") == [(None, None, None)]


@pytest.mark.parametrize("value", ["", [1], {"a": 1}, -1, 2.5, True])
def test_details_that_make_no_sense_are_noted(value: Any) -> None:
    got = one(CHAT, events=[event(DETAILS, {"gen_ai.usage.input_tokens": value, "gen_ai.response.id": value})])
    assert got.rows("response_id", "input_tokens", "usage_status") == [(None, None, "invalid")]
