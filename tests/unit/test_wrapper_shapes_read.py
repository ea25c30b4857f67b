"""What bodies say in particular: defaults that say nothing, streams that were left, requests that are no calls."""

from types import SimpleNamespace
from typing import Any

import pytest

from spanpulse._clients._openai import OPENAI
from spanpulse._clients._providers import provider_at
from spanpulse._clients._watcher import Watcher
from spanpulse._shapes import CHAT_COMPLETIONS, MESSAGES, RESPONSES
from watching import Watched


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://h/a.png?page=2&size=9", "https://h/a.png?page=2&size=9"),
        ("https://h/a.png?X-Amz-Credential=A&X-Amz-Signature=b", "https://h/a.png"),
        ("https://h/a.png?se=2&sig=b%3D", "https://h/a.png"),
        ("https://h/a.png?access_token=b", "https://h/a.png"),
        ("https://u:p@h/a@b.png", "https://h/a@b.png"),
        ("gs://bucket/a.png", "gs://bucket/a.png"),
    ],
)
def test_what_lets_anybody_read_is_no_part_of_an_address(address: str, told: str) -> None:
    content = [{"type": "image_url", "image_url": {"url": address}}]
    (said,) = CHAT_COMPLETIONS.read_request({"messages": [{"role": "user", "content": content}]}).messages
    assert said["parts"] == [{"type": "uri", "modality": "image", "uri": told}]
    source = {"type": "image", "source": {"type": "url", "url": address}}
    (said,) = MESSAGES.read_request({"messages": [{"role": "user", "content": [source]}]}).messages
    assert said["parts"] == [{"type": "uri", "modality": "image", "uri": told}]


def test_a_null_in_a_later_event_takes_no_tokens_back() -> None:
    usage = {"input_tokens": 7, "cache_read_input_tokens": 3, "output_tokens": 1}
    later = {"output_tokens": 9, "input_tokens": None, "cache_read_input_tokens": None}
    events = [{"type": "message_start", "message": {"usage": usage}}, {"type": "message_delta", "usage": later}]
    told = MESSAGES.read_answer(MESSAGES.join(events)).attributes
    assert told["gen_ai.usage.input_tokens"] == 10
    assert told["gen_ai.usage.output_tokens"] == 9


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"service_tier": "auto", "n": 1}, {}),
        ({"service_tier": "flex", "n": 2}, {"openai.request.service_tier": "flex", "gen_ai.request.choice.count": 2}),
        ({"stop": "END"}, {"gen_ai.request.stop_sequences": ["END"]}),
        ({"max_tokens": 5, "max_completion_tokens": 0}, {"gen_ai.request.max_tokens": 0}),
    ],
)
def test_defaults_of_a_chat_say_nothing(body: dict[str, Any], told: dict[str, Any]) -> None:
    assert CHAT_COMPLETIONS.read_request(body).attributes == {"openai.api.type": "chat_completions", **told}


def test_a_response_that_was_left_has_what_was_said_once_and_no_finish_reason() -> None:
    done = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "one"}]}
    events = [
        {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "one"},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.output_text.delta", "output_index": 1, "delta": "tw"},
    ]
    told = RESPONSES.read_answer(RESPONSES.join(events))
    assert told.attributes == {"gen_ai.response.id": "resp_1"}
    assert [part["content"] for said in told.messages for part in said["parts"]] == ["one", "tw"]


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("get", "/chat/completions"),  # those that were stored
        ("post", "/responses/resp_1/cancel"),
        ("post", "/files"),
    ],
)
def test_requests_that_are_no_calls_begin_none(method: str, url: str) -> None:
    watched = Watched()
    watcher = Watcher(OPENAI, watched.tracer, watched.telling)
    assert watcher.begin(SimpleNamespace(), SimpleNamespace(url=url, method=method)) is None


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("openrouter.ai", "openrouter"),
        ("API.MISTRAL.AI", "mistral_ai"),
        ("api.x.ai", "x_ai"),
        ("me.services.ai.azure.com", "azure.ai.inference"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "aws.bedrock"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("api.x.ai.example.com", "mine"),
        ("", "mine"),
    ],
)
def test_who_answers_is_told_by_the_end_of_the_host(host: str, provider: str) -> None:
    assert provider_at(host, "mine") == provider
