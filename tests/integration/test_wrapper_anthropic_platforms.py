"""Anthropic's models through other platforms, and beside the spans that its SDK makes itself."""

import asyncio
import gc
from typing import Any

import anthropic
import pytest
from anthropic import _base_client as base

from providers.said import Said
from providers.server import Providers
from spanpulse import _log
from spanpulse._clients._anthropic import ANTHROPIC, provider_of, watch_client
from spanpulse._privacy import Content
from watching import Watched, watching
from wrapper_anthropic_modes import ASKED

SDK = (base, ANTHROPIC)
SAID = Said(id="msg_7", model="claude-x-20260101", input=900, output=33, cache_read=500, cache_write=100)
QUIET: dict[str, Any] = {"open_telemetry": False, "max_retries": 0}


def says(span: Any, provider: str) -> None:
    """Hold a span against what was answered."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": "claude-x",
        "gen_ai.response.id": "msg_7",
        "gen_ai.response.model": "claude-x-20260101",
        "gen_ai.usage.input_tokens": 900,
        "gen_ai.usage.output_tokens": 33,
        "gen_ai.usage.cache_read.input_tokens": 500,
        "gen_ai.usage.cache_write.input_tokens": 100,
        "gen_ai.response.finish_reasons": ("end_turn",),
    }
    assert {name: span.attributes.get(name) for name in told} == told
    assert span.name == "chat claude-x"


def test_vertex_names_the_model_in_its_address(providers: Providers) -> None:
    given = {"region": "europe-west1", "project_id": "mine", "access_token": "token", **QUIET}
    address = providers.answers("vertex", SAID)
    client = anthropic.AnthropicVertex(base_url=address, **given)
    concurrent = anthropic.AsyncAnthropicVertex(base_url=address, **given)

    async def run() -> None:
        async for _ in await concurrent.messages.create(**ASKED, stream=True):
            pass
        await concurrent.close()

    with watching(SDK) as watched:
        client.messages.create(**ASKED)
        list(client.messages.create(**ASKED, stream=True))
        client.messages.count_tokens(model="claude-x", messages=ASKED["messages"])
        asyncio.run(run())
        spans = watched.spans()
    assert len(spans) == 3
    for span in spans:
        says(span, "gcp.vertex_ai")
    paths = [asked.path for asked in providers.asked("vertex")]
    assert paths[0].endswith("/publishers/anthropic/models/claude-x:rawPredict")


def test_bedrock_s_frames_are_read(providers: Providers) -> None:
    client = anthropic.AnthropicBedrock(
        base_url=providers.answers("bedrock", SAID), aws_region="us-east-1", api_key="key", **QUIET
    )
    with watching(SDK) as watched:
        client.messages.create(**ASKED)
        with client.messages.with_streaming_response.create(**ASKED, stream=True) as response:
            assert b"".join(response.iter_bytes()).startswith(b"\0\0")
        spans = watched.spans()
    assert len(spans) == 2
    for span in spans:
        says(span, "aws.bedrock")
    assert "gen_ai.response.time_to_first_chunk" in (spans[1].attributes or {})
    assert providers.asked("bedrock")[1].path == "/model/claude-x/invoke-with-response-stream"


@pytest.mark.parametrize("stream", [False, True])
def test_where_the_sdk_makes_a_span_ours_is_not_made(
    providers: Providers, stream: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_log, "_said", set())
    address = providers.answers("native", SAID)
    with watching(SDK) as watched:
        given: dict[str, Any] = {"api_key": "key", "base_url": address}
        native = anthropic.Anthropic(**given, open_telemetry={"tracer_provider": watched.provider})
        quiet = anthropic.Anthropic(**given, open_telemetry=False)
        for client in (native, native, quiet):
            answer = client.messages.create(**ASKED, stream=stream)
            list(answer)
        native.post("/v1/messages", body=ASKED, cast_to=object)
        scopes = [span.instrumentation_scope.name for span in watched.spans() if span.instrumentation_scope]
    theirs = "com.anthropic.sdk.python"
    assert scopes == [theirs, theirs, "spanpulse", "spanpulse"], "one that no method of the SDK sends is ours"
    assert sum("spans of its own" in record.message for record in caplog.records) == 1


def test_a_client_that_nobody_told_leaves_its_spans_to_us(monkeypatch: pytest.MonkeyPatch) -> None:
    def enabled(**given: Any) -> object:
        client = anthropic.Anthropic(api_key="key", **given)
        return client.open_telemetry["traces"]["enabled"], client.copy().open_telemetry["traces"]["enabled"]

    before = enabled()
    watched = Watched(Content())
    unwatch = watch_client(base, watched)  # type: ignore[arg-type]
    try:
        assert enabled() == (False, False)
        assert enabled(open_telemetry={"traces": {"enabled": True}}) == (True, True)
        assert anthropic.Anthropic(api_key="key").open_telemetry["propagation"] is True
        monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", "true")
        assert enabled() == before
    finally:
        unwatch()
    monkeypatch.delenv("ANTHROPIC_OPEN_TELEMETRY")
    assert enabled() == before == (True, True)


@pytest.mark.parametrize(
    ("host", "classes", "provider"),
    [
        ("api.anthropic.com", ("Anthropic", "SyncAPIClient"), "anthropic"),
        ("localhost", ("Anthropic",), "anthropic"),
        ("api.deepseek.com", ("Anthropic",), "deepseek"),
        ("mine.services.ai.azure.com", ("AnthropicFoundry", "BaseFoundryClient", "Anthropic"), "anthropic"),
        ("localhost", ("Mine", "AnthropicBedrock", "BaseBedrockClient"), "aws.bedrock"),
    ],
)
def test_the_provider_is_the_platform_s_or_the_one_at_the_address(
    host: str, classes: tuple[str, ...], provider: str
) -> None:
    assert provider_of(host, classes) == provider


@pytest.mark.parametrize("stream", [False, True])
def test_a_middleware_that_asks_twice_makes_one_call_of_the_answer_it_gives(providers: Providers, stream: bool) -> None:
    def twice(request: Any, call_next: Any) -> Any:
        call_next(request)
        gc.collect()
        return call_next(request)

    address = providers.answers("twice", Said(id="msg_6"), SAID)
    client = anthropic.Anthropic(base_url=address, api_key="key", middleware=[twice], **QUIET)
    with watching(SDK) as watched:
        list(client.messages.create(**ASKED, stream=stream))
        (span,) = watched.spans()
    says(span, "anthropic")
    assert (span.attributes or {})["http.request.resend_count"] == 1


def test_a_middleware_that_answers_itself_makes_a_call_without_an_answer(providers: Providers) -> None:
    answer = object()
    address = providers.answers("itself", SAID)
    client = anthropic.Anthropic(base_url=address, api_key="key", middleware=[lambda *_given: answer], **QUIET)
    with watching(SDK) as watched:
        assert client.messages.create(**ASKED) is answer
        (span,) = watched.spans()
    assert span.name == "chat claude-x"
    assert "gen_ai.response.id" not in (span.attributes or {})
    assert not providers.asked("itself")
