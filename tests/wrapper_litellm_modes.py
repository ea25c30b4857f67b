"""The ways in which applications use litellm, of whatever version, each with what it is answered.

litellm is imported by those who call it: who holds the spans against the answers need not have it.
"""

import asyncio
import gc
import os
import weakref
from functools import partial
from typing import Any

from providers.said import Failure, Reply, Said
from wrapper_driving import STALLED, Mode, got

__all__ = ["MODES", "client_of"]

ASKED = [{"role": "user", "content": "What is the capital of France?"}]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1000}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
BASES = {"anthropic": "", "gemini": "/v1beta"}


def sdk() -> Any:
    """Return litellm, which else asks the internet for prices."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm  # noqa: PLC0415 -- see above

    return litellm


class Used:
    """litellm's functions of one kind, for a provider's model at an address."""

    def __init__(self, kind: str, provider: str, address: str) -> None:
        self.kind, self.provider = kind, provider
        self.model = f"{provider}/m-x"
        base = address + BASES.get(provider, "/v1")
        if provider == "gemini":
            base = f"{address}/v1beta/models/m-x"
        self.at: dict[str, Any] = {"api_base": base, "api_key": "key", "timeout": 10, "max_retries": 0}

    def call(self, name: str, **given: Any) -> Any:
        """Call a function by its synchronous name."""
        function = getattr(sdk(), name if self.kind == "sync" else f"a{name}")
        return function(**{"model": self.model, **self.at, **given})

    @property
    def closes(self) -> Any:
        """Whether the version's streams can be closed."""
        return getattr(sdk().CustomStreamWrapper, "aclose", None)

    async def close(self) -> None:
        """Have nothing to close: its clients are its own."""


async def read(client: Used, stream: Any) -> list[Any]:
    """Return what a stream gives; it may be read in both ways whatever it comes from."""
    return list(stream) if client.kind == "sync" else [each async for each in stream]


async def first(client: Used, stream: Any) -> Any:
    """Return the first chunk of a stream, and leave the rest."""
    return next(iter(stream)) if client.kind == "sync" else await anext(aiter(stream))


def client_of(kind: str, which: str, address: str) -> Used:
    """Return litellm's functions: ``kind`` sync or async, ``which`` a provider."""
    return Used(kind, which or "openai", address)


async def complete(client: Any) -> Any:
    return await got(client.call("completion", messages=ASKED, temperature=0.5, max_tokens=64))


async def complete_by_position(client: Any) -> Any:
    function = sdk().completion if client.kind == "sync" else sdk().acompletion
    return await got(function(client.model, ASKED, **client.at))


async def stream(client: Any) -> Any:
    return await read(client, await got(client.call("completion", messages=ASKED, stream=True)))


async def stream_with_usage(client: Any) -> Any:
    options = {"include_usage": True}
    return await read(client, await got(client.call("completion", messages=ASKED, stream=True, stream_options=options)))


async def picture(client: Any) -> Any:
    asked = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, PICTURE]}]
    return await got(client.call("completion", messages=asked))


async def tools(client: Any) -> Any:
    return await got(client.call("completion", messages=ASKED, tools=[TOOL]))


async def tools_stream(client: Any) -> Any:
    options = {"include_usage": True}
    given = {"tools": [TOOL], "stream": True, "stream_options": options}
    return await read(client, await got(client.call("completion", messages=ASKED, **given)))


async def text(client: Any) -> Any:
    return await got(client.call("text_completion", prompt="What is the capital of France?"))


async def text_stream(client: Any) -> Any:
    options = {"include_usage": True}
    given = {"prompt": "What is the capital of France?", "stream": True, "stream_options": options}
    return await read(client, await got(client.call("text_completion", **given)))


async def embed(client: Any) -> Any:
    return await got(client.call("embedding", input=["one", "two"]))


async def responses(client: Any) -> Any:
    return await got(client.call("responses", input="What is the capital of France?"))


async def responses_stream(client: Any) -> Any:
    known = {"model": "openai/gpt-4o", "stream": True}  # the streams of models that litellm does not know are its own
    return await read(client, await got(client.call("responses", input="What is the capital of France?", **known)))


async def routed(client: Any, **more: Any) -> Any:
    there = {"model": client.model, **client.at}
    router = sdk().Router([{"model_name": "any", "litellm_params": there}], num_retries=0)
    function = router.completion if client.kind == "sync" else router.acompletion
    return await got(function(model="any", messages=ASKED, **more))


async def routed_stream(client: Any) -> Any:
    return await read(client, await routed(client, stream=True, stream_options={"include_usage": True}))


async def late(client: Any) -> Any:
    await got(client.call("completion", messages=ASKED, timeout=0.2))


async def closed_early(client: Any) -> Any:
    stream = await got(client.call("completion", messages=ASKED, stream=True))
    await first(client, stream)
    await stream.aclose()


async def dropped(client: Any) -> Any:
    stream = await got(client.call("completion", messages=ASKED, stream=True))
    await first(client, stream)
    held = weakref.ref(stream)
    del stream
    for _ in range(20):  # threads of litellm's own may hold it for a moment, and some versions the last one for good
        getattr(sdk(), "error_logs", {}).clear()
        gc.collect()
        if held() is None:
            return
        await asyncio.sleep(0.05)


async def cancelled(client: Any) -> Any:
    await asyncio.wait_for(client.call("completion", messages=ASKED), 0.2)


async def cancelled_stream(client: Any) -> Any:
    began = asyncio.Event()

    async def reading() -> None:
        async for _ in await client.call("completion", messages=ASKED, stream=True):
            began.set()

    task = asyncio.create_task(reading())
    await began.wait()
    task.cancel()
    await task


def said(number: int, **more: Any) -> Said:
    """Return an answer with counts of its own."""
    counts = {"input": 3000 + number, "output": 200 + number, "cache_read": 1000 + number, "reasoning": 50 + number}
    return Said(id=f"answer-{number}", model="m-x-001", **{**counts, **more})


CALL = ("look", {"city": "Paris"})
NO_ANSWER = {
    "gen_ai.response.id": None,
    "gen_ai.response.model": None,
    "gen_ai.response.finish_reasons": None,
    "gen_ai.usage.input_tokens": None,
}
LEFT = {**NO_ANSWER, "gen_ai.response.id": "answer-41", "gen_ai.response.model": "m-x"}
REQUEST_SAYS = {"gen_ai.request.temperature": 0.5, "gen_ai.request.max_tokens": 64}
VECTORS = {**NO_ANSWER, "gen_ai.response.model": "m-x-001"}
claude = partial(Mode, client="anthropic")
gemini = partial(Mode, client="gemini")

MODES = {
    "complete": Mode(complete, (said(1),), says=REQUEST_SAYS),
    "by-position": Mode(complete_by_position, (said(2),)),
    "stream": Mode(stream_with_usage, (said(3),)),
    "stream-slow": Mode(stream_with_usage, (said(4, first_s=0.06, chunk_s=0.02),)),
    "stream-without-usage": Mode(stream, (said(5, usage=False),), says={"gen_ai.usage.input_tokens": None}),
    "picture": Mode(picture, (said(6),)),
    "tools": Mode(tools, (said(7, tool=CALL, finish="tool"),)),
    "tools-stream": Mode(tools_stream, (said(8, tool=CALL, finish="tool"),)),
    "too-long": Mode(stream_with_usage, (said(9, finish="length"),)),
    "text": Mode(text, (said(10),), operation="text_completion"),
    "text-stream": Mode(text_stream, (said(11),), operation="text_completion"),
    "embed": Mode(embed, (said(12),), operation="embeddings", says={**VECTORS, "gen_ai.usage.input_tokens": 3012}),
    "responses": Mode(responses, (said(13),)),
    "responses-stream": Mode(responses_stream, (said(14),), says={"gen_ai.request.model": "gpt-4o"}),
    "routed": Mode(routed, (said(15),)),
    "routed-stream": Mode(routed_stream, (said(16),)),
    "claude": claude(complete, (said(17, cache_write=500, reasoning=0),)),
    "claude-stream": claude(stream, (said(18, cache_write=500, reasoning=0),)),
    "gemini": gemini(complete, (said(19),)),
    "gemini-stream": gemini(stream, (said(20),)),
    "bad-request": Mode(complete, (Failure(400, "bad"),), raises="BadRequestError", says=NO_ANSWER),
    "no-key": Mode(complete, (Failure(401, "no"),), raises="*", says=NO_ANSWER),
    "too-many": Mode(stream, (Failure(429, "busy"),), raises="RateLimitError", says=NO_ANSWER),
    "failing": Mode(complete, (Failure(500, "internal"),), raises="InternalServerError", says=NO_ANSWER),
    "late": Mode(late, (STALLED,), raises="Timeout", says=NO_ANSWER),
    "cut-off": Mode(complete, (Reply([b"{}"], cut_at=0),), raises="*", says=NO_ANSWER),
    "stream-cut-off": Mode(stream, (said(41, cut_after=3),), raises="*", says=LEFT),
    "closed-early": Mode(closed_early, (said(41, stalls_after=4),), says=LEFT, kinds=("async",), needs="closes"),
    "dropped": Mode(dropped, (said(41, stalls_after=4),), says=LEFT),
    "cancelled": Mode(
        cancelled,
        (STALLED,),
        raises="TimeoutError",
        says={**NO_ANSWER, "error.type": "CancelledError"},
        kinds=("async",),
    ),
    "cancelled-stream": Mode(
        cancelled_stream, (said(41, stalls_after=4),), raises="CancelledError", says=LEFT, kinds=("async",)
    ),
}
"""By a name that is the script's of the server too."""
