"""Google's SDK, watched: an application sees nothing of it, and nothing of what it gets is held."""

import asyncio
import gc
import inspect
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import _api_client

import wrapper_google_genai_modes as google_modes
from providers.said import Reply, Said
from providers.server import Providers
from spanpulse import _log
from spanpulse._clients._google import watch
from spanpulse._clients._google_begin import Google
from spanpulse._privacy import Content
from watching import Watched
from wrapper_google_genai_modes import MODES, client_of
from wrapper_matrix import names_of
from wrapper_same import asked_for, seen


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched(Content())
    undo = watch(_api_client, Google(watched.tracer, watched.telling))
    yield watched
    undo()


def test_an_application_sees_the_same(providers: Providers) -> None:
    for name in names_of(MODES):
        mode, kind = MODES[name.partition("/")[0]], name.partition("/")[2]
        script = f"same-{name}".replace("/", "-")
        runs = []
        for is_watched in (False, True):
            watched = Watched(Content())
            undo = watch(_api_client, Google(watched.tracer, watched.telling)) if is_watched else list
            address = providers.answers(script, *mode.turns)
            saw = asyncio.run(seen(google_modes, mode, kind, address))
            runs.append((saw, asked_for(providers.asked(script))))
            undo()
            assert len(watched.spans()) == (mode.spans if is_watched else 0), name
        assert runs[0] == runs[1], name


def test_streams_look_like_the_generators_that_they_are(watched: Watched, providers: Providers) -> None:
    client = client_of("sync", "", providers.answers("generator", Said())).client
    stream = client.models.generate_content_stream(model="gemini-x", contents="hello")
    assert inspect.isgenerator(stream)
    below = client._api_client.request_streamed(
        "post", "models/gemini-x:streamGenerateContent?alt=sse", {"contents": []}
    )
    assert below.gi_frame is not None
    assert list(stream)
    assert list(below)


def test_nothing_of_an_answer_is_held(watched: Watched, providers: Providers) -> None:
    client = client_of("sync", "", providers.answers("held", Said())).client
    held = [weakref.ref(client._api_client.request("post", "models/gemini-x:generateContent", {"contents": []}))]
    below = client._api_client.request_streamed(
        "post", "models/gemini-x:streamGenerateContent?alt=sse", {"contents": []}
    )
    held += map(weakref.ref, list(below))
    gc.collect()
    assert [each() for each in held] == [None] * len(held)
    assert len(watched.spans()) == 2


def test_nothing_of_an_asynchronous_answer_is_held(watched: Watched, providers: Providers) -> None:
    held = asyncio.run(_held(providers.answers("held-too", Said())))
    gc.collect()
    assert [each() for each in held] == [None] * len(held)
    assert len(watched.spans()) == 2


async def _held(address: str) -> list[Any]:
    client = client_of("async", "", address)
    api, asked = client.client._api_client, {"contents": []}
    held = [weakref.ref(await api.async_request("post", "models/gemini-x:generateContent", dict(asked)))]
    stream = await api.async_request_streamed("post", "models/gemini-x:streamGenerateContent?alt=sse", dict(asked))
    held += [weakref.ref(each) async for each in stream]
    await client.close()
    return held


def test_a_client_of_another_shape_is_told_as_far_as_it_goes(
    providers: Providers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_log, "_said", set())
    address = providers.answers("other-shape", Said())
    client = client_of("sync", "", address).client
    monkeypatch.delattr(_api_client.BaseApiClient, "_request_once")
    monkeypatch.setattr(_api_client.BaseApiClient, "request", lambda *_given: Odd())
    watched = Watched(Content())
    undo = watch(_api_client, Google(watched.tracer, watched.telling))
    for _ in range(2):
        answer = client._api_client.request("post", "models/gemini-x:generateContent", {"contents": [5]})
        assert isinstance(answer, Odd)
    undo()
    spans = watched.spans()
    assert [span.name for span in spans] == ["generate_content gemini-x"] * 2
    assert "gen_ai.response.id" not in (spans[0].attributes or {})
    assert len([each for each in caplog.records if "google-genai" in each.getMessage()]) == 1


class Odd:
    """An answer of no known form."""

    body = object()


def test_who_has_no_methods_that_send_is_refused() -> None:
    with pytest.raises(AttributeError):
        watch(genai.types, Google(Watched().tracer, Watched().telling))


def test_undone_it_is_as_it_was(providers: Providers) -> None:
    before = dict(vars(_api_client.BaseApiClient))
    watched = Watched()
    undo = watch(_api_client, Google(watched.tracer, watched.telling))
    assert dict(vars(_api_client.BaseApiClient)) != before
    undo()
    assert dict(vars(_api_client.BaseApiClient)) == before


def test_a_large_batch_of_vectors_costs_what_it_costs(watched: Watched, providers: Providers) -> None:
    vector = b'{"embeddings": {"values": [%b], "statistics": {"truncated": false, "token_count": 7}}}'
    vectors = b",".join([vector % b",".join([b"0.12345"] * 3000)] * 100)
    reply = Reply([b'{"predictions": [%b]}' % vectors], headers={"content-type": "application/json"})
    client = client_of("sync", "vertex", providers.answers("vectors", reply)).client
    client.models.embed_content(model="text-x", contents=["word"] * 100)
    (span,) = watched.spans()
    assert (span.attributes or {})["gen_ai.usage.input_tokens"] == 700
