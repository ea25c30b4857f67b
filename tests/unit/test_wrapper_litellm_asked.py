"""What litellm is asked for: whose model it is, and the request as it is told; and where its functions are replaced."""

import asyncio
import base64
import json
import sys
from collections.abc import Iterator
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from spanpulse import _log
from spanpulse._clients._litellm import watch
from spanpulse._clients._litellm_asked import KINDS, address_of, body_of, named, provider_name, split_model
from spanpulse._clients._litellm_begin import Litellm
from spanpulse._clients._litellm_said import said_by, usage_among
from watching import Watched

PROVIDERS = frozenset({"openai", "anthropic", "bedrock", "openrouter", "xai"})
COSTS = {"gpt-4o": {"litellm_provider": "openai"}, "odd": {"litellm_provider": "vertex_ai-language-models"}, "none": 5}


@pytest.mark.parametrize(
    ("model", "said", "expected"),
    [
        ("openai/gpt-x", None, ("openai", "gpt-x")),
        ("openai/gpt-x", "openai", ("openai", "gpt-x")),
        ("bedrock/anthropic.claude-x", None, ("bedrock", "anthropic.claude-x")),
        ("openrouter/anthropic/claude-x", None, ("openrouter", "anthropic/claude-x")),
        ("meta/llama", "xai", ("xai", "meta/llama")),
        ("meta/llama", None, ("", "meta/llama")),
        ("gpt-4o", None, ("openai", "gpt-4o")),
        ("odd", None, ("", "odd")),
        ("none", None, ("", "none")),
        ("", None, ("", "")),
    ],
)
def test_a_model_tells_its_provider(model: str, said: Any, expected: tuple[str, str]) -> None:
    assert split_model(model, said, PROVIDERS, COSTS) == expected
    assert split_model("gpt-4o", None, PROVIDERS, None) == ("", "gpt-4o")


@pytest.mark.parametrize(
    ("known", "host", "name"),
    [
        ("openai", "", "openai"),
        ("openai", "api.groq.com", "groq"),
        ("custom_openai", "10.0.0.1", "openai"),
        ("azure", "", "azure.ai.openai"),
        ("vertex_ai_beta", "", "gcp.vertex_ai"),
        ("gemini", "", "gcp.gemini"),
        ("bedrock_converse", "", "aws.bedrock"),
        ("groq", "", "groq"),
        ("", "", ""),
        (None, "", ""),
        (5, "", ""),
    ],
)
def test_providers_have_the_names_of_the_conventions(known: Any, host: str, name: str) -> None:
    assert provider_name(known, host) == name


def test_an_address_is_told_only_where_it_is_one() -> None:
    assert address_of("https://host.example/v1") == {"server.address": "host.example", "server.port": 443}
    assert address_of("http://[::1]:8000") == {"server.address": "::1", "server.port": 8000}
    assert address_of("no address") == address_of(None) == address_of(5) == {}


class Message(BaseModel):
    """A message that is no dictionary."""

    role: str
    content: str
    name: str | None = None


def test_a_request_is_told_without_the_files_in_it() -> None:
    data = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10_000}}
    there = {"type": "image_url", "image_url": {"url": "https://host.example/a.png"}}
    sound = {"type": "input_audio", "input_audio": {"data": "A" * 10_000, "format": "wav"}}
    file = {"type": "file", "file": {"file_data": "A" * 10_000}}
    asked = {
        "messages": [{"role": "user", "content": ["odd", data, there, sound, file]}, Message(role="user", content="a")],
        "response_format": Message,
        "temperature": 0.5,
        "tools": None,
        "api_key": "secret",
    }
    body = json.loads(body_of(KINDS["completion"], asked, "gpt-x"))
    assert body["messages"][0]["content"] == [
        "odd",
        {"type": "image_url"},
        there,
        {"type": "input_audio"},
        {"type": "file"},
    ]
    assert body["messages"][1] == {"role": "user", "content": "a"}
    assert body["response_format"] == {"type": "json_schema"}
    assert set(body) == {"model", "messages", "response_format", "temperature"}
    assert asked["messages"][0]["content"][1] is data


def test_positions_have_names() -> None:
    assert named(KINDS["completion"], ("m", [1]), {"n": 2}) == {"model": "m", "messages": [1], "n": 2}
    assert named(KINDS["responses"], ("said",), {"model": "m"}) == {"input": "said", "model": "m"}


def test_usage_that_comes_in_parts_adds_up() -> None:
    details = SimpleNamespace(cached_tokens=5)
    first = SimpleNamespace(usage=SimpleNamespace(prompt_tokens=9, completion_tokens=0, prompt_tokens_details=details))
    nothing = SimpleNamespace(usage=None)
    last = SimpleNamespace(usage=SimpleNamespace(prompt_tokens=0, completion_tokens=4, prompt_tokens_details=None))
    whole = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}}
    assert usage_among([first, nothing, last]) == whole
    assert usage_among([nothing]) == {}


class Response(BaseModel):
    """A response with an id of litellm's own making."""

    id: str
    output: list[Any] = []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "resp_" + base64.b64encode(b"litellm:custom_llm_provider:openai;model_id:1;response_id:resp_7").decode(),
            "resp_7",
        ),
        ("resp_" + base64.b64encode(b"something").decode(), "resp_" + base64.b64encode(b"something").decode()),
        ("resp_!", "resp_!"),
        ("other", "other"),
    ],
)
def test_a_response_has_the_id_of_its_provider(name: str, told: str) -> None:
    assert said_by(Response(id=name))["id"] == told


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """Have modules of the names that litellm has, and one that has taken functions from them."""
    made = {name: ModuleType(name) for name in ("litellm", "litellm.main", "litellm.responses.main", "application")}
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)

    def completion(*_given: Any, **_names: Any) -> Any:
        return made["litellm"].answer

    async def acompletion(*_given: Any, **names: Any) -> Any:
        return made["litellm"].completion(**names)

    monkeypatch.setattr(_log, "_said", set())
    made["litellm"].completion = made["application"].completion = completion
    made["litellm.main"].acompletion = made["litellm"].acompletion = acompletion
    made["litellm"].answer = object()
    return made


def test_functions_are_watched_wherever_they_are_and_given_back(modules: dict[str, ModuleType]) -> None:
    litellm, application, watched = modules["litellm"], modules["application"], Watched()
    plain = [litellm.completion, litellm.acompletion]
    undo = watch(litellm, Litellm(litellm, watched.tracer, watched.telling))
    assert application.completion is litellm.completion is not plain[0]
    assert modules["litellm.main"].acompletion is litellm.acompletion is not plain[1]
    assert application.completion(model="openai/m") is litellm.answer
    assert asyncio.run(litellm.acompletion(model="openai/m")) is litellm.answer
    assert len(watched.spans()) == 2
    undo()
    assert [application.completion, litellm.acompletion] == plain
    assert litellm.completion is plain[0]


def test_what_others_have_put_around_a_function_stays(modules: dict[str, ModuleType]) -> None:
    litellm, watched = modules["litellm"], Watched()
    undo = watch(litellm, Litellm(litellm, watched.tracer, watched.telling))
    inner = litellm.completion
    litellm.completion = partial(inner, n=1)
    undo()
    assert litellm.completion() is litellm.answer
    assert watched.spans() == []


@pytest.mark.parametrize("answer", [object(), iter([1]), SimpleNamespace(choices=5), SimpleNamespace(output=1)])
def test_an_answer_of_another_shape_is_handed_on_and_said_once(
    modules: dict[str, ModuleType], answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    litellm, watched = modules["litellm"], Watched()
    litellm.answer = answer
    undo = watch(litellm, Litellm(litellm, watched.tracer, watched.telling))
    caplog.clear()
    for _ in range(2):
        assert litellm.completion(model="m", messages=[], stream=True) is answer
    undo()
    assert [span.name for span in watched.spans()] == ["chat m"] * 2
    assert len(caplog.records) <= 1


def test_another_instrumentation_keeps_its_calls(modules: dict[str, ModuleType]) -> None:
    litellm, watched = modules["litellm"], Watched()
    undo = watch(litellm, Litellm(litellm, watched.tracer, watched.telling, aside=lambda: True))
    assert litellm.completion(model="m") is litellm.answer
    undo()
    assert watched.spans() == []


def test_a_module_without_such_functions_is_refused() -> None:
    with pytest.raises(AttributeError):
        watch(json, Litellm(json, Watched().tracer, Watched().telling))
