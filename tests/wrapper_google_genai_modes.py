"""The ways in which applications use Google's SDK, of whatever version, each with what it is answered."""

import asyncio
import gc
import ssl
from dataclasses import dataclass
from functools import partial
from typing import Any

from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

from providers.said import Failure, Reply, Said
from wrapper_driving import STALLED, Mode, first, got, read

__all__ = ["MODES", "client_of"]

MODEL = "gemini-x"
QUESTION = "What is the capital of France?"
SCHEMA = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}
TLS = ssl.create_default_context()
PICTURE = b"\x89PNG" + b"\0" * 100_000


@dataclass
class Used:
    """A client's parts of one kind."""

    client: Any
    parts: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.parts, name)

    @property
    def retries(self) -> Any:
        """Whether the version tries again."""
        return getattr(types, "HttpRetryOptions", None)

    @property
    def called_streams(self) -> Any:
        """Whether it calls functions while it streams."""
        return self.retries

    async def close(self) -> None:
        """Close both, for each has sockets of its own."""
        if hasattr(self.client, "close"):
            self.client.close()
            await self.client.aio.aclose()


def client_of(kind: str, which: str, address: str, **given: Any) -> Used:
    """Return a client of the SDK: ``kind`` sync or async, ``which`` one of its platforms or its settings."""
    options: dict[str, Any] = {"base_url": address, "timeout": 150 if which == "hasty" else 10_000, **given}
    if which == "retrying" and hasattr(types, "HttpRetryOptions"):
        options["retry_options"] = {"attempts": 3, "initial_delay": 0.001, "exp_base": 1.0, "jitter": 0.001}
    if "client_args" in types.HttpOptions.model_fields:  # making certificates ready takes longer than all calls
        options |= {"client_args": {"verify": TLS}, "async_client_args": {"verify": TLS, "ssl": TLS}}
    whom: dict[str, Any] = {"api_key": "key"}
    if which == "vertex":
        whom = {"vertexai": True, "project": "p", "location": "here", "credentials": Credentials("token")}
    client = genai.Client(**whom, http_options=types.HttpOptions(**options))
    return Used(client, client if kind == "sync" else client.aio)


def look(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


async def generate(client: Any) -> Any:
    config = {"temperature": 0.5, "max_output_tokens": 64, "top_k": 5, "system_instruction": "Be brief."}
    return await got(client.models.generate_content(model=MODEL, contents=QUESTION, config=config))


async def stream(client: Any) -> Any:
    return await read(await got(client.models.generate_content_stream(model=MODEL, contents=QUESTION)))


async def structured(client: Any) -> Any:
    config = {"response_mime_type": "application/json", "response_schema": SCHEMA}
    return await got(client.models.generate_content(model=f"models/{MODEL}", contents=QUESTION, config=config))


async def with_picture(client: Any) -> Any:
    picture = types.Part.from_bytes(data=PICTURE, mime_type="image/png")
    return await got(client.models.generate_content(model=MODEL, contents=[picture, QUESTION]))


async def cached(client: Any) -> Any:
    config = {"cached_content": "cachedContents/1"}
    return await got(client.models.generate_content(model=MODEL, contents=QUESTION, config=config))


async def chat(client: Any) -> Any:
    return await got(client.chats.create(model=MODEL).send_message(QUESTION))


async def chat_stream(client: Any) -> Any:
    return await read(await got(client.chats.create(model=MODEL).send_message_stream(QUESTION)))


async def tools(client: Any) -> Any:
    declared = {"function_declarations": [{"name": "look", "description": "", "parameters": SCHEMA}]}
    return await got(client.models.generate_content(model=MODEL, contents=QUESTION, config={"tools": [declared]}))


async def called_tools(client: Any) -> Any:
    return await got(client.chats.create(model=MODEL, config={"tools": [look]}).send_message(QUESTION))


async def called_tools_stream(client: Any) -> Any:
    chat = client.chats.create(model=MODEL, config={"tools": [look]})
    return await read(await got(chat.send_message_stream(QUESTION)))


async def embed(client: Any) -> Any:
    return await got(client.models.embed_content(model=MODEL, contents=["one", "two"]))


async def embed_predicted(client: Any) -> Any:
    config = {"output_dimensionality": 4}
    return await got(client.models.embed_content(model="text-x", contents=["one", "two"], config=config))


async def tuned(client: Any) -> Any:
    at = "projects/p/locations/here/endpoints/77"
    return await got(client.models.generate_content(model=at, contents=QUESTION))


async def closed_early(client: Any) -> Any:
    stream = await got(client.models.generate_content_stream(model=MODEL, contents=QUESTION))
    await first(stream)
    await got(stream.aclose() if hasattr(stream, "aclose") else stream.close())


async def dropped(client: Any) -> Any:
    stream = await got(client.models.generate_content_stream(model=MODEL, contents=QUESTION))
    await first(stream)
    del stream
    for _ in range(3):  # an asynchronous stream is closed by a task of the loop
        gc.collect()
        await asyncio.sleep(0)


async def cancelled(client: Any) -> Any:
    await asyncio.wait_for(client.models.generate_content(model=MODEL, contents=QUESTION), 0.1)


async def cancelled_stream(client: Any) -> Any:
    began = asyncio.Event()

    async def reading() -> None:
        async for _ in await client.models.generate_content_stream(model=MODEL, contents=QUESTION):
            began.set()

    task = asyncio.create_task(reading())
    await began.wait()
    task.cancel()
    await task


async def no_models(client: Any) -> Any:
    await got(client.models.count_tokens(model=MODEL, contents=QUESTION))
    await got(client.caches.create(model=MODEL, config={"contents": [QUESTION]}))


async def drawn(client: Any) -> Any:
    await got(client.models.generate_images(model="imagen-x", prompt="a cat"))


def said(number: int, **more: Any) -> Said:
    """Return an answer with counts of its own."""
    counts = {"input": 3000 + number, "output": 200 + number, "cache_read": 1000 + number, "reasoning": 50 + number}
    return Said(id=f"r{number}", model="gemini-x-001", **{**counts, **more})


CALL = ("look", {"city": "Paris"})
SO_FAR = {"gen_ai.usage.output_tokens": 92, "gen_ai.response.finish_reasons": None}
NO_ANSWER = {
    "gen_ai.response.id": None,
    "gen_ai.response.model": None,
    "gen_ai.response.finish_reasons": None,
    "gen_ai.usage.input_tokens": None,
}
REQUEST_SAYS = {"gen_ai.request.temperature": 0.5, "gen_ai.request.top_k": 5, "gen_ai.request.max_tokens": 64}
VECTORS = {**NO_ANSWER, "gen_ai.usage.output_tokens": None}
TEXT_VECTORS = {"gen_ai.request.model": "text-x", "gen_ai.embeddings.dimension.count": 4}
mode = partial(Mode, operation="generate_content")
BUSY = Failure(200, "unavailable", "The model is overloaded")

MODES = {
    "generate": mode(generate, (said(1),), says=REQUEST_SAYS),
    "stream": mode(stream, (said(2),)),
    "stream-slow": mode(stream, (said(3, first_s=0.08, chunk_s=0.05),)),
    "structured": mode(structured, (said(4, text='{"city": "Paris"}'),), says={"gen_ai.output.type": "json"}),
    "picture": mode(with_picture, (said(5, cache_read=0, reasoning=0),)),
    "cached": mode(cached, (said(6),)),
    "chat": mode(chat, (said(7),)),
    "chat-stream": mode(chat_stream, (said(8),)),
    "too-long": mode(stream, (said(9, finish="length"),)),
    "filtered": mode(generate, (said(10, finish="filter"),)),
    "tools": mode(tools, (said(11, tool=CALL),)),
    "called-tools": mode(called_tools, (said(12, tool=CALL), said(12)), spans=2),
    "called-tools-stream": mode(called_tools_stream, (said(13, tool=CALL), said(13)), spans=2, needs="called_streams"),
    "thinking": mode(generate, (said(14, thinking="Hm, France."),)),
    "thinking-stream": mode(stream, (said(15, thinking="Hm, France."),)),
    "embed": mode(embed, (said(16),), operation="embeddings", says=VECTORS),
    "vertex": mode(generate, (said(21),), client="vertex"),
    "vertex-stream": mode(stream, (said(22),), client="vertex"),
    "vertex-tuned": mode(tuned, (said(23),), client="vertex", says={"gen_ai.request.model": "77"}),
    "vertex-embed": mode(
        embed_predicted,
        (said(24),),
        operation="embeddings",
        client="vertex",
        says={**VECTORS, **TEXT_VECTORS, "gen_ai.usage.input_tokens": 3024},
    ),
    "retried": mode(
        generate,
        (Failure(503, "unavailable"), Failure(429, "busy"), said(25)),
        client="retrying",
        needs="retries",
        says={"http.request.resend_count": 2},
    ),
    "bad-request": mode(generate, (Failure(400, "bad"),), raises="ClientError", says=NO_ANSWER),
    "no-key": mode(generate, (Failure(401, "no"),), raises="ClientError", says=NO_ANSWER),
    "too-many": mode(generate, (Failure(429, "busy"),), raises="ClientError", says=NO_ANSWER),
    "failing": mode(generate, (Failure(500, "internal"),), raises="ServerError", says=NO_ANSWER),
    "stream-refused": mode(stream, (Failure(429, "busy"),), raises="ClientError", says=NO_ANSWER),
    "late": mode(generate, (STALLED,), client="hasty", raises="*", says=NO_ANSWER),
    "cut-off": mode(generate, (Reply([b"{}"], cut_at=0),), raises="*", says=NO_ANSWER, kinds=("sync",)),
    "stream-cut-off": mode(stream, (said(41, cut_after=3),), raises="*", says=SO_FAR),
    "stream-failing": mode(stream, (said(41, fails_after=3, failure=BUSY),), raises="*", says=SO_FAR),
    "closed-early": mode(closed_early, (said(41, stalls_after=4),), says=SO_FAR),
    "dropped": mode(dropped, (said(41, stalls_after=4),), says=SO_FAR),
    "cancelled": mode(
        cancelled,
        (STALLED,),
        raises="TimeoutError",
        says={**NO_ANSWER, "error.type": "CancelledError"},
        kinds=("async",),
    ),
    "cancelled-stream": mode(
        cancelled_stream,
        (said(41, stalls_after=4),),
        raises="CancelledError",
        says=SO_FAR,
        kinds=("async",),
    ),
    "no-models": mode(no_models, (said(42),), spans=0),
    "drawn": mode(drawn, (said(43),), client="vertex", spans=0),
}
"""By a name that is the script's of the server too."""
