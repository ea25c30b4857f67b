"""The ways in which applications use OpenAI's SDK, of whatever version, each with what it is answered."""

import asyncio
import gc
import json
from contextlib import suppress
from typing import Any

import openai
from pydantic import BaseModel

from providers.said import Failure, Reply, Said
from wrapper_driving import STALLED, Mode, entered, first, got, read

__all__ = ["MODES", "client_of"]

ASKED: dict[str, Any] = {"model": "gpt-x", "messages": [{"role": "user", "content": "What is the capital of France?"}]}
WITH_USAGE: dict[str, Any] = {**ASKED, "stream": True, "stream_options": {"include_usage": True}}
RESPONSE: dict[str, Any] = {"model": "gpt-x", "input": "What is the capital of France?"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
REQUEST_SAYS = {"gen_ai.request.temperature": 0.5, "gen_ai.request.max_tokens": 64, "gen_ai.request.seed": 7}


class Capital(BaseModel):
    """What is asked for as structured output."""

    city: str


def client_of(kind: str, which: str, address: str, **given: Any) -> Any:
    """Return a client of the SDK: ``kind`` sync or async, ``which`` one of its platforms."""
    http = openai.DefaultHttpxClient if kind == "sync" else openai.DefaultAsyncHttpxClient
    given = {"api_key": "key", "max_retries": 2, "timeout": 10, "http_client": http(verify=False), **given}
    if which == "azure":
        made = openai.AzureOpenAI if kind == "sync" else openai.AsyncAzureOpenAI
        return made(azure_endpoint=address, api_version="2024-10-21", **given)
    return (openai.OpenAI if kind == "sync" else openai.AsyncOpenAI)(base_url=f"{address}/v1", **given)


async def chat(client: Any) -> Any:
    return await got(client.chat.completions.create(**ASKED, temperature=0.5, max_tokens=64, seed=7))


async def chat_stream(client: Any) -> Any:
    return await read(await got(client.chat.completions.create(**WITH_USAGE)))


async def chat_stream_without_usage(client: Any) -> Any:
    return await read(await got(client.chat.completions.create(**ASKED, stream=True)))


async def chat_raw(client: Any) -> Any:
    return (await got(client.chat.completions.with_raw_response.create(**ASKED))).parse()


async def chat_raw_stream(client: Any) -> Any:
    return await read((await got(client.chat.completions.with_raw_response.create(**WITH_USAGE))).parse())


async def chat_streamed_response(client: Any) -> Any:
    async with entered(client.chat.completions.with_streaming_response.create(**ASKED)) as response:
        return await got(response.parse())


async def chat_streamed_lines(client: Any) -> Any:
    async with entered(client.chat.completions.with_streaming_response.create(**WITH_USAGE)) as response:
        return await read(response.iter_lines())


async def chat_parsed(client: Any) -> Any:
    completions = client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
    return (await got(completions.parse(**ASKED, response_format=Capital))).choices[0].message.parsed


async def chat_helper(client: Any) -> Any:
    completions = (
        client.chat.completions if hasattr(client.chat.completions, "stream") else client.beta.chat.completions
    )
    async with entered(completions.stream(**ASKED, stream_options={"include_usage": True})) as stream:
        await read(stream)
        return await got(stream.get_final_completion())


async def chat_tools(client: Any) -> Any:
    return await got(client.chat.completions.create(**ASKED, tools=[TOOL]))


async def chat_tools_stream(client: Any) -> Any:
    return await read(await got(client.chat.completions.create(**WITH_USAGE, tools=[TOOL])))


async def chat_posted(client: Any) -> Any:
    return await got(client.post("/chat/completions", body=ASKED, cast_to=object))


async def chat_options(client: Any) -> Any:
    return await got(client.with_options(max_retries=1).chat.completions.create(**ASKED, extra_body={"top_p": 0.25}))


async def embeddings(client: Any) -> Any:
    return await got(client.embeddings.create(model="gpt-x", input=["one", "two"], dimensions=4))


async def completions(client: Any) -> Any:
    return await got(client.completions.create(model="gpt-x", prompt="Once"))


async def completions_stream(client: Any) -> Any:
    asked = {"model": "gpt-x", "prompt": "Once", "stream": True, "stream_options": {"include_usage": True}}
    return await read(await got(client.completions.create(**asked)))


async def responses(client: Any) -> Any:
    return await got(client.responses.create(**RESPONSE, instructions="Be brief."))


async def responses_stream(client: Any) -> Any:
    return await read(await got(client.responses.create(**RESPONSE, stream=True)))


async def responses_raw(client: Any) -> Any:
    return (await got(client.responses.with_raw_response.create(**RESPONSE))).parse()


async def responses_helper(client: Any) -> Any:
    async with entered(client.responses.stream(**RESPONSE)) as stream:
        await read(stream)
        return await got(stream.get_final_response())


async def responses_parsed(client: Any) -> Any:
    return (await got(client.responses.parse(**RESPONSE, text_format=Capital))).output_parsed


async def raised(client: Any) -> Any:
    await got(client.with_options(max_retries=0).chat.completions.create(**ASKED))


async def late(client: Any) -> Any:
    await got(client.with_options(max_retries=0, timeout=0.15).chat.completions.create(**ASKED))


async def closed_early(client: Any) -> Any:
    stream = await got(client.chat.completions.create(**WITH_USAGE))
    await first(stream)
    await got(stream.close())


async def dropped(client: Any) -> Any:
    stream = await got(client.chat.completions.create(**WITH_USAGE))
    await first(stream)
    del stream
    for _ in range(3):  # an asynchronous stream is closed by a task of the loop
        gc.collect()
        await asyncio.sleep(0)


async def unread(client: Any) -> Any:
    stream = await got(client.chat.completions.create(**WITH_USAGE))
    del stream
    gc.collect()


async def cancelled(client: Any) -> Any:
    task = asyncio.ensure_future(client.chat.completions.create(**ASKED))
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(task), 0.1)
    task.cancel()
    await task


async def cancelled_stream(client: Any) -> Any:
    began = asyncio.Event()

    async def reading() -> None:
        async for _ in await client.chat.completions.create(**WITH_USAGE):
            began.set()

    task = asyncio.create_task(reading())
    await began.wait()
    task.cancel()
    await task


async def many(client: Any) -> Any:
    return await asyncio.gather(*(client.chat.completions.create(**ASKED) for _ in range(10)))


async def no_models(client: Any) -> Any:
    with suppress(openai.APIError):
        await got(client.models.list())
    with suppress(openai.APIError):
        await got(client.moderations.create(input="x"))


def said(number: int, **more: Any) -> Said:
    """Return an answer with counts of its own."""
    counts = {"input": 1000 + number, "output": 200 + number, "cache_read": 100 + number, "reasoning": 10 + number}
    return Said(id=f"answer-{number}", model="gpt-x-2026-01-01", **{**counts, **more})


JSON = '{"city": "Paris"}'
CALL = ("look", {"city": "Paris"})
NO_USAGE = {"gen_ai.usage.input_tokens": None, "gen_ai.usage.output_tokens": None}
CUT = {**NO_USAGE, "gen_ai.response.finish_reasons": None}
NO_ANSWER = {**CUT, "gen_ai.response.id": None, "gen_ai.response.model": None}
JSON_OUT = {"gen_ai.output.type": "json"}
REFUSED = Failure(400, "invalid_value", "Bad request")
SLOW = {"first_s": 0.08, "chunk_s": 0.05}

MODES = {
    "chat": Mode(chat, (said(1),), says=REQUEST_SAYS),
    "chat-stream": Mode(chat_stream, (said(2),)),
    "chat-stream-slow": Mode(chat_stream, (said(3, **SLOW),)),
    "chat-stream-without-usage": Mode(chat_stream_without_usage, (said(4),), says=NO_USAGE),
    "chat-raw": Mode(chat_raw, (said(5),)),
    "chat-raw-stream": Mode(chat_raw_stream, (said(6),)),
    "chat-streamed-response": Mode(chat_streamed_response, (said(7),)),
    "chat-streamed-lines": Mode(chat_streamed_lines, (said(8),)),
    "chat-parsed": Mode(chat_parsed, (said(9, text=JSON),), says=JSON_OUT),
    "chat-helper": Mode(chat_helper, (said(10),)),
    "chat-tools": Mode(chat_tools, (said(11, tool=CALL, finish="tool"),)),
    "chat-tools-stream": Mode(chat_tools_stream, (said(12, tool=CALL, finish="tool"),)),
    "chat-posted": Mode(chat_posted, (said(13),)),
    "chat-options": Mode(chat_options, (said(14, finish="length"),), says={"gen_ai.request.top_p": 0.25}),
    "embeddings": Mode(embeddings, (said(15),), "embeddings", says={"gen_ai.embeddings.dimension.count": 4}),
    "completions": Mode(completions, (said(16),), "text_completion"),
    "completions-stream": Mode(completions_stream, (said(17),), "text_completion"),
    "responses": Mode(responses, (said(18),), needs="responses"),
    "responses-stream": Mode(responses_stream, (said(19, thinking="Hm."),), needs="responses"),
    "responses-incomplete": Mode(responses_stream, (said(20, finish="length"),), needs="responses"),
    "responses-tools": Mode(responses, (said(21, tool=CALL),), needs="responses"),
    "responses-raw": Mode(responses_raw, (said(22),), needs="responses"),
    "responses-helper": Mode(responses_helper, (said(23),), needs="responses.stream"),
    "responses-parsed": Mode(responses_parsed, (said(24, text=JSON),), needs="responses.parse", says=JSON_OUT),
    "azure": Mode(chat, (said(25),), client="azure"),
    "azure-stream": Mode(chat_stream, (said(26),), client="azure"),
    "retried": Mode(
        chat,
        (Failure(429, headers={"retry-after-ms": "1"}), Failure(500, headers={"retry-after-ms": "1"}), said(27)),
        says={"http.request.resend_count": 2},
    ),
    "bad-request": Mode(raised, (REFUSED,), raises="BadRequestError", says=NO_ANSWER),
    "no-key": Mode(raised, (Failure(401, "invalid_api_key"),), raises="AuthenticationError", says=NO_ANSWER),
    "too-many": Mode(raised, (Failure(429, "rate_limit_exceeded"),), raises="RateLimitError", says=NO_ANSWER),
    "failing": Mode(raised, (Failure(500),), raises="InternalServerError", says=NO_ANSWER),
    "late": Mode(late, (STALLED,), raises="APITimeoutError", says=NO_ANSWER),
    "cut-off": Mode(raised, (Reply([b"{}"], cut_at=0),), raises="APIConnectionError", says=NO_ANSWER),
    "stream-cut-off": Mode(
        chat_stream, (said(41, cut_after=3),), raises="*", says={**CUT, "error.type": "RemoteProtocolError"}
    ),
    "stream-failing": Mode(
        chat_stream,
        (said(41, fails_after=3, failure=Failure(200, "overloaded", "Too busy")),),
        raises="APIError",
        says={**CUT, "error.type": "overloaded"},
    ),
    "responses-stream-failing": Mode(
        responses_stream,
        (said(41, fails_after=4, failure=Failure(200, "overloaded", "Too busy")),),
        needs="responses",
        says={**CUT, "error.type": "overloaded"},
    ),
    "closed-early": Mode(closed_early, (said(41, stalls_after=4),), says=CUT),
    "dropped": Mode(dropped, (said(41, stalls_after=4),), says=CUT),
    "unread": Mode(unread, (said(42, stalls_after=0),), says=NO_ANSWER),
    "cancelled": Mode(cancelled, (STALLED,), raises="CancelledError", says=NO_ANSWER, kinds=("async",)),
    "cancelled-stream": Mode(
        cancelled_stream,
        (said(41, stalls_after=4),),
        raises="CancelledError",
        says={**CUT, "error.type": "CancelledError"},
        kinds=("async",),
    ),
    "many": Mode(many, (said(43),), kinds=("async",), spans=10),
    "no-models": Mode(no_models, (Reply([json.dumps({"object": "list", "data": []}).encode()]),), spans=0),
}
"""By a name that is the script's of the server too."""
