"""What the wrapper never does to an application: hold back, hold on, stand in the way, or fail it."""

import asyncio
import contextvars
import gc
import gzip
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import httpx2
import openai
import pytest
from openai import _base_client as base
from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler, SamplingResult

from providers import openai as wire
from providers.said import Asked, Failure, Reply, Said
from providers.server import Providers
from spanpulse import _log
from spanpulse._background import Background
from spanpulse._calls import Call, _body
from spanpulse._clients import _stainless
from spanpulse._clients._current import enter, leave
from spanpulse._clients._openai import OPENAI
from spanpulse._clients._watcher import Watcher
from spanpulse._shapes import CHAT_COMPLETIONS
from watching import Watched, watching
from wrapper_openai_modes import ASKED, WITH_USAGE, client_of

SDK = (base, OPENAI)


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_log, "_said", set())


def hurried_by_hand(watched: Watched) -> None:
    """Have nothing told before it is asked for."""
    watched.background = Background(every=60)
    watched.telling._background = watched.background


def test_it_keeps_no_response_and_no_error(providers: Providers) -> None:
    address = providers.answers("kept", Said(), Said(), Failure(400), Said())
    client = client_of("sync", "", address)
    kept: list[weakref.ref[Any]] = []
    with watching(SDK) as watched:
        hurried_by_hand(watched)
        raw = client.chat.completions.with_raw_response.create(**ASKED)
        stream = client.chat.completions.create(**ASKED, stream=True)
        kept += [weakref.ref(raw.http_response), weakref.ref(raw.parse()), weakref.ref(stream.response)]
        for chunk in stream:
            kept.append(weakref.ref(chunk))
        try:
            client.chat.completions.create(**ASKED)
        except openai.APIStatusError as error:
            kept += [weakref.ref(error), weakref.ref(error.response), weakref.ref(error.request)]
        del raw, stream, chunk
        client.close()
        gc.collect()
        assert [each() for each in kept] == [None] * len(kept)
        assert len(watched.spans()) == 3, "they were still to be told"


def test_a_chunk_is_there_before_the_next_one_is_sent(providers: Providers) -> None:
    client = client_of("sync", "", providers.answers("held", Said(stalls_after=2)))
    with watching(SDK), client.chat.completions.create(**WITH_USAGE) as stream:
        assert next(stream).choices[0].delta.role == "assistant"
        assert next(stream).choices[0].delta.content == "The "


def test_nothing_is_read_in_the_application_s_threads(providers: Providers, monkeypatch: pytest.MonkeyPatch) -> None:
    where: set[str] = set()
    loaded = _body._loaded

    def noting(body: bytes) -> object:
        where.add(threading.current_thread().name)
        return loaded(body)

    monkeypatch.setattr(_body, "_loaded", noting)
    client = client_of("sync", "", providers.answers("thread", Said()))
    with watching(SDK) as watched:
        client.chat.completions.create(**ASKED)
        list(client.chat.completions.create(**WITH_USAGE))
        assert len(watched.spans()) == 2
    assert where == {"spanpulse"}


def test_calls_that_run_at_once_are_not_mixed_up(providers: Providers) -> None:
    def echo(asked: Asked) -> Reply:
        return wire.chat(Said(id=asked.json["messages"][0]["content"], chunk_s=0.001), asked)

    address = providers.answers("echo", echo)
    client, concurrent = client_of("sync", "", address), client_of("async", "", address)

    def ask(number: int) -> None:
        messages = [{"role": "user", "content": f"thread-{number}"}]
        answer = client.chat.completions.create(model=f"thread-{number}", messages=messages, stream=number % 2 == 0)
        if number % 2 == 0:
            list(answer)

    async def ask_all() -> None:
        async def one(number: int) -> None:
            messages = [{"role": "user", "content": f"task-{number}"}]
            asked = {"model": f"task-{number}", "messages": messages, "stream": number % 2 == 0}
            answer = await concurrent.chat.completions.create(**asked)
            if number % 2 == 0:
                assert [chunk async for chunk in answer]

        await asyncio.gather(*map(one, range(20)))
        await concurrent.close()

    with watching(SDK) as watched:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(ask, range(20)))
        asyncio.run(ask_all())
        told = [dict(span.attributes or {}) for span in watched.spans()]
    assert len(told) == 40
    assert all(each["gen_ai.request.model"] == each["gen_ai.response.id"] for each in told)
    assert len({each["gen_ai.response.id"] for each in told}) == 40


def test_the_span_is_the_current_one_while_it_runs_and_no_longer(providers: Providers) -> None:
    during: list[Any] = []
    http = httpx2.Client(event_hooks={"request": [lambda _request: during.append(trace.get_current_span())]})
    client = client_of("sync", "", providers.answers("current", Said()), http_client=http)
    with watching(SDK) as watched, watched.tracer.start_as_current_span("outer") as outer:
        client.chat.completions.create(**ASKED)
        assert trace.get_current_span() is outer
        (span,) = watched.spans()
    assert during[0].get_span_context() == span.context
    assert span.parent == outer.get_span_context()


def test_it_steps_aside_and_goes_silent_when_asked(providers: Providers) -> None:
    client = client_of("sync", "", providers.answers("aside", Said()))
    with watching(SDK, aside=lambda: True) as watched:
        client.chat.completions.create(**ASKED)
        assert not watched.spans()
    with watching(SDK) as watched:
        for key in ("suppress_instrumentation", otel._SUPPRESS_INSTRUMENTATION_KEY):
            token = otel.attach(otel.set_value(key, True))
            client.chat.completions.create(**ASKED)
            otel.detach(token)
        assert not watched.spans()


def test_what_calls_the_sdk_has_the_span(providers: Providers) -> None:
    client = client_of("sync", "", providers.answers("nested", Said()))
    with watching(SDK) as watched:
        outer = _call(watched)
        entered = enter(outer)
        client.chat.completions.create(**ASKED)
        leave(entered)
        assert outer.request == outer.answer == b""
        assert not watched.spans()
        entered = enter(outer)
        outer.end()
        client.chat.completions.create(**ASKED)
        leave(entered)
        assert len(watched.spans()) == 2, "what has ended is in nobody's way"


def _call(watched: Watched) -> Call:
    return Call(watched.tracer.start_span("outer"), CHAT_COMPLETIONS, watched.telling)


def test_a_coroutine_that_is_dropped_where_it_did_not_begin_disturbs_nobody(
    providers: Providers, caplog: pytest.LogCaptureFixture
) -> None:
    address = providers.answers("dropped", Reply([b""], stall_at=0))

    async def run() -> None:
        client = client_of("async", "", address)
        coroutine = client.chat.completions.create(**ASKED)
        contextvars.copy_context().run(coroutine.send, None)
        coroutine.close()
        assert trace.get_current_span() is trace.INVALID_SPAN
        await client.close()

    with watching(SDK) as watched:
        asyncio.run(run())
        (span,) = watched.spans()
        assert (span.attributes or {})["error.type"] == "GeneratorExit"
    assert not caplog.records


@pytest.mark.parametrize("broken", ["start", "tell", "tap", "take"])
def test_its_own_failures_are_not_the_application_s(
    providers: Providers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    def fail(*_given: Any, **_named: Any) -> Any:
        raise OSError("of the wrapper's own")

    client = client_of("sync", "", providers.answers("broken", Said()))
    with watching(SDK) as watched:
        if broken == "start":
            monkeypatch.setattr(type(watched.tracer), "start_span", fail)
        elif broken == "tell":
            monkeypatch.setattr(watched.telling, "ended", fail)
        elif broken == "tap":
            monkeypatch.setattr(_stainless, "tap", fail)
        else:
            monkeypatch.setattr(Background, "put", fail)
        for _ in range(2):
            assert client.chat.completions.create(**ASKED).id == "answer-1"
            assert len(list(client.chat.completions.create(**WITH_USAGE))) == 9
    assert len(caplog.records) == 1, "it is said once"


def test_an_sdk_that_takes_answers_elsewhere_is_told_as_far_as_it_goes(
    providers: Providers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of("sync", "", providers.answers("shape", Said()))
    client._process_response = client._process_response
    monkeypatch.delattr(base.SyncAPIClient, "_process_response")
    no_builder = SimpleNamespace(SyncAPIClient=base.SyncAPIClient, AsyncAPIClient=base.AsyncAPIClient, BaseClient=type)
    with watching((no_builder, OPENAI)) as watched:
        for _ in range(2):
            assert client.chat.completions.create(**ASKED).id == "answer-1"
        spans = watched.spans()
    assert [span.name for span in spans] == ["chat gpt-x"] * 2
    assert all("gen_ai.response.id" not in (span.attributes or {}) for span in spans)
    said = [record.message.partition(":")[0] for record in caplog.records]
    assert said == ["openai has no SyncAPIClient._process_response", "openai has no type._build_request"]


def test_requests_and_clients_of_another_shape_are_begun_as_far_as_it_goes(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    watcher = Watcher(OPENAI, watched.tracer, watched.telling)
    for _ in range(2):
        assert watcher.begin(object(), object()) is None
        assert watcher.begin(object(), None) is None
    bare = watcher.begin(object(), SimpleNamespace(url="/chat/completions", method="POST"))
    assert bare is not None
    bare.end()
    (span,) = watched.spans()
    assert span.name == "chat"
    told = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "openai.api.type": "chat_completions"}
    assert dict(span.attributes or {}) == told
    assert len(caplog.records) == 1


def test_a_client_without_what_sends_requests_cannot_be_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    before = base.AsyncAPIClient.request
    monkeypatch.delattr(base.SyncAPIClient, "request")
    with pytest.raises(AttributeError), watching(SDK):
        pass
    assert base.AsyncAPIClient.request is before


def test_undoing_leaves_what_others_have_put_around_it(providers: Providers, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [(base.SyncAPIClient, "request"), (base.AsyncAPIClient, "request"), (base.BaseClient, "_build_request")]
    before = [getattr(owner, name) for owner, name in names]
    client = client_of("sync", "", providers.answers("undone", Said()))
    with watching(SDK) as watched:
        ours, seen = base.SyncAPIClient.request, []

        def theirs(self: Any, *given: Any, **named: Any) -> Any:
            seen.append(given)
            return ours(self, *given, **named)

        monkeypatch.setattr(base.SyncAPIClient, "request", theirs)
        client.chat.completions.create(**ASKED)
        assert len(watched.spans()) == 1
    assert base.SyncAPIClient.request is theirs
    client.chat.completions.create(**ASKED)
    assert len(seen) == 2
    assert not watched.spans()
    monkeypatch.setattr(base.SyncAPIClient, "request", before[0])
    assert [getattr(owner, name) for owner, name in names] == before


class Redirecting(httpx2.HTTPTransport):
    """Sends to the imitated providers what is meant for others."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = httpx2.URL(address)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        path = self._address.raw_path.rstrip(b"/") + request.url.raw_path
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._address.port, raw_path=path)
        return super().handle_request(request)


@pytest.mark.parametrize(
    ("url", "provider", "port"),
    [
        ("https://api.openai.com/v1", "openai", 443),
        ("https://api.deepseek.com/v1", "deepseek", 443),
        ("https://api.groq.com/openai/v1", "groq", 443),
        ("https://me.openai.azure.com/openai/v1", "azure.ai.openai", 443),
        ("http://localhost.example:8000/v1", "openai", 8000),
        ("https://notapi.deepseek.com/v1", "openai", 443),
        ("https://europe-west1-aiplatform.googleapis.com/v1", "gcp.vertex_ai", 443),
    ],
)
def test_the_provider_is_the_one_at_the_address(providers: Providers, url: str, provider: str, port: int) -> None:
    http = httpx2.Client(transport=Redirecting(providers.answers("host", Said())))
    client = openai.OpenAI(base_url=url, api_key="key", http_client=http)
    with watching(SDK) as watched:
        client.chat.completions.create(**ASKED)
        (span,) = watched.spans()
    told = span.attributes or {}
    assert told["gen_ai.provider.name"] == provider
    assert told["server.address"] == httpx2.URL(url).host
    assert told["server.port"] == port


def test_a_compressed_stream_is_read(providers: Providers) -> None:
    def compressed(asked: Asked) -> Reply:
        plain = wire.chat(Said(input=77), asked)
        packed = gzip.compress(b"".join(plain.parts))
        parts = [packed[:40], packed[40:90], packed[90:]]
        return Reply(parts, headers={**plain.headers, "content-encoding": "gzip"}, stream=True)

    client = client_of("sync", "", providers.answers("gzip", compressed))
    with watching(SDK) as watched:
        assert len(list(client.chat.completions.create(**WITH_USAGE))) == 9
        (span,) = watched.spans()
    assert (span.attributes or {})["gen_ai.usage.input_tokens"] == 77


def test_a_sampler_sees_what_it_needs(providers: Providers) -> None:
    seen: list[Any] = []

    class Noting(Sampler):
        def should_sample(self, *given: Any, **named: Any) -> SamplingResult:
            seen.append((given[2], given[3], dict(given[4])))
            return ALWAYS_ON.should_sample(*given, **named)

        def get_description(self) -> str:
            return "noting"

    client = client_of("sync", "", providers.answers("sampled", Said()))
    with watching(SDK) as watched:
        watched.tracer.sampler = Noting()
        client.chat.completions.create(**ASKED)
        watched.spans()
    port = int(providers.address.rpartition(":")[2])
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-x",
        "server.address": "127.0.0.1",
        "server.port": port,
    }
    assert seen == [("chat gpt-x", trace.SpanKind.CLIENT, attributes)]
