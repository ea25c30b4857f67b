"""An application sees the same with the wrapper and without: results, chunks, errors, attributes, requests.

Whatever a server answers, and wherever it breaks off; however an application reads, and whenever it leaves.
"""

import asyncio
import gc
import json
from typing import Any

import anthropic
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan

from providers import anthropic as anthropic_wire
from providers import openai as openai_wire
from providers.said import Asked, Failure, Reply, Said
from providers.server import Providers
from same_behaviour import WAYS, Recording, requests_of
from spanpulse._clients._anthropic import ANTHROPIC
from spanpulse._clients._openai import OPENAI
from spanpulse._privacy import Content
from watching import Watched, watching
from wrapper_driving import got

EXAMPLES = 60
TRIES = 8  # where a task is cancelled it is by chance how much has come by then, with the wrapper or without
ASKED: dict[str, Any] = {"model": "m-1", "messages": [{"role": "user", "content": "What?"}], "max_tokens": 9}
SDKS = [(openai._base_client, OPENAI), (anthropic._base_client, ANTHROPIC)]
WORDS = st.lists(st.sampled_from(["one", "zwei", "три", "四", '"', "\\", "\n"]), max_size=6).map(" ".join)
SAID = st.builds(
    Said,
    text=WORDS,
    finish=st.sampled_from(["stop", "length", "filter"]),
    tool=st.none() | st.tuples(st.just("look"), st.dictionaries(st.just("q"), WORDS)),
    fails_after=st.none() | st.integers(0, 6),
)
ODD = st.sampled_from(
    [
        b"",
        b"data:\n\n",
        b"data: {}\n\n",
        b"data: null\n\n",
        b"data: {\n\n",
        b": ping\n\n",
        b"data: [1]\n\n",
        b"\xff\n\n",
    ]
)
FAILURES = st.builds(
    Failure,
    status=st.sampled_from([400, 401, 404, 408, 409, 429, 500, 503]),
    code=st.sampled_from(["invalid_value", "overloaded_error"]),
    headers=st.just({"retry-after-ms": "1"}),
)
BODIES = st.sampled_from([b"", b"null", b"[]", b"{}", b"{", b'"text"', b'{"id": 7, "choices": 1, "content": {}}'])


@st.composite
def streams(draw: Any, wire: Any, path: str) -> Reply:
    """Draw a stream: the events of an answer, some odd ones among them, in chunks of any size, perhaps broken off."""
    asked = Asked("POST", path, {}, json.dumps({**ASKED, "stream": True}).encode())
    reply = (wire.chat if wire is openai_wire else wire.messages)(draw(SAID), asked)
    parts = list(reply.parts)
    for place, odd in draw(st.lists(st.tuples(st.integers(0, len(parts)), ODD), max_size=2)):
        parts.insert(place, odd)
    sent = b"".join(parts)
    ends = sorted(draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    chunks = [sent[a:b] for a, b in zip([0, *ends], [*ends, len(sent)], strict=True) if a < b]
    breaks = draw(
        st.none() | st.tuples(st.sampled_from(["cut_at", "cut_at", "cut_at", "stall_at"]), st.integers(0, len(chunks)))
    )
    broken = {breaks[0]: breaks[1]} if breaks else {}
    return Reply(chunks, headers=reply.headers, stream=True, **broken)


@st.composite
def wholes(draw: Any, wire: Any, path: str) -> Reply:
    """Draw an answer in one piece, of which some are odd."""
    asked = Asked("POST", path, {}, json.dumps(ASKED).encode())
    good = (wire.chat if wire is openai_wire else wire.messages)(draw(SAID), asked)
    body = draw(st.just(good.parts[0]) | BODIES)
    kind = draw(st.sampled_from(["application/json", "application/json", "text/plain"]))
    breaks = draw(st.sampled_from([{}, {}, {}, {"cut_at": 0}, {"stall_at": 0}]))
    return Reply([body], headers={"content-type": kind}, **breaks)


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_an_application_sees_the_same(providers: Providers, sdk: str, kind: str) -> None:
    wire, path = (openai_wire, "/v1/chat/completions") if sdk == "openai" else (anthropic_wire, "/v1/messages")

    @settings(max_examples=EXAMPLES)
    @given(
        way=st.sampled_from(sorted(WAYS)),
        failing=st.lists(FAILURES, max_size=2),
        leave=st.sampled_from(["", "close", "raise", *(["cancel"] if kind == "async" else [])]),
        stop=st.none() | st.integers(0, 5),
        data=st.data(),
    )
    def same(way: str, failing: list[Failure], leave: str, stop: int | None, data: st.DataObject) -> None:
        last = data.draw((wholes if way in {"whole", "raw", "streamed_response"} else streams)(wire, path))

        def seen() -> tuple[Any, Any]:
            address = providers.answers("same", *failing, last)
            saw = asyncio.run(use(client_of(sdk, kind, address, last), sdk, way, stop, leave))
            return saw, requests_of(providers.asked("same"))

        plain, ours = [], []
        for _ in range(TRIES if leave == "cancel" else 1):
            plain.append(seen())
            with watching(*SDKS, content=Content()) as watched:
                ours.append(seen())
                assert len(spans_of(watched)) == 1
            if any(each in plain for each in ours):
                break
        else:
            assert ours == plain

    same()


def spans_of(watched: Watched) -> list[ReadableSpan]:
    """Return the spans; that of a stream which nobody closed ends when the collector finds it."""
    if spans := watched.spans():
        return spans
    gc.collect()
    return watched.spans()


async def use(client: Any, sdk: str, way: str, stop: int | None, leave: str) -> list[Any]:
    """Return what one application sees."""
    api = client.chat.completions if sdk == "openai" else client.messages
    saw = await Recording(stop, leave).of(WAYS[way], api, ASKED)
    await got(client.close())
    return saw


def client_of(sdk: str, kind: str, address: str, last: Reply) -> Any:
    """Return a client that waits no longer than it has to for what is answered."""
    retries = 0 if 0 in {last.stall_at, last.cut_at} else 1
    given: dict[str, Any] = {"api_key": "key", "max_retries": retries, "timeout": 20 if last.stall_at is None else 0.4}
    if sdk == "openai":
        http = (openai.DefaultHttpxClient if kind == "sync" else openai.DefaultAsyncHttpxClient)(verify=False)
        made = openai.OpenAI if kind == "sync" else openai.AsyncOpenAI
        return made(base_url=f"{address}/v1", http_client=http, **given)
    http = (anthropic.DefaultHttpxClient if kind == "sync" else anthropic.DefaultAsyncHttpxClient)(verify=False)
    made = anthropic.Anthropic if kind == "sync" else anthropic.AsyncAnthropic
    return made(base_url=address, http_client=http, open_telemetry=False, **given)
