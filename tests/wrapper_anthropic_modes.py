"""The ways in which applications use Anthropic's SDK, of whatever version, each with what it is answered."""

import asyncio
import gc
from typing import Any

import anthropic

from providers.said import Failure, Reply, Said
from wrapper_driving import STALLED, Mode, entered, first, got, read

__all__ = ["MODES", "client_of"]

ASKED: dict[str, Any] = {
    "model": "claude-x",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
}
SYSTEM = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
TOOL = {"name": "look", "description": "", "input_schema": {"type": "object", "properties": {}}}


def client_of(kind: str, which: str, address: str, **given: Any) -> Any:
    """Return a client of the SDK that makes no spans of its own, unless ``which`` is "native"."""
    http = anthropic.DefaultHttpxClient if kind == "sync" else anthropic.DefaultAsyncHttpxClient
    given = {"api_key": "key", "max_retries": 2, "timeout": 10, "http_client": http(verify=False), **given}
    if hasattr(anthropic, "_tracing"):
        given["open_telemetry"] = {} if which == "native" else False
    return (anthropic.Anthropic if kind == "sync" else anthropic.AsyncAnthropic)(base_url=address, **given)


async def create(client: Any) -> Any:
    return await got(client.messages.create(**ASKED, system=SYSTEM, extra_body={"temperature": 0.5, "top_k": 5}))


async def stream(client: Any) -> Any:
    return await read(await got(client.messages.create(**ASKED, stream=True)))


async def raw(client: Any) -> Any:
    return await got((await got(client.messages.with_raw_response.create(**ASKED))).parse())


async def raw_stream(client: Any) -> Any:
    return await read(await got((await got(client.messages.with_raw_response.create(**ASKED, stream=True))).parse()))


async def streamed_response(client: Any) -> Any:
    async with entered(client.messages.with_streaming_response.create(**ASKED)) as response:
        return await got(response.parse())


async def streamed_lines(client: Any) -> Any:
    async with entered(client.messages.with_streaming_response.create(**ASKED, stream=True)) as response:
        return await read(response.iter_lines())


async def helper(client: Any) -> Any:
    async with entered(client.messages.stream(**ASKED)) as stream:
        return await got(stream.get_final_message())


async def helper_text(client: Any) -> Any:
    async with entered(client.messages.stream(**ASKED)) as stream:
        return await read(stream.text_stream)


async def tools(client: Any) -> Any:
    return await got(client.messages.create(**ASKED, tools=[TOOL]))


async def tools_stream(client: Any) -> Any:
    async with entered(client.messages.stream(**ASKED, tools=[TOOL])) as stream:
        return await read(stream)


async def thinking(client: Any) -> Any:
    asked = {**ASKED, "max_tokens": 2048, "extra_body": {"thinking": {"type": "enabled", "budget_tokens": 1024}}}
    return await got(client.messages.create(**asked))


async def beta(client: Any) -> Any:
    return await got(client.beta.messages.create(**ASKED, betas=["context-1m-2025-08-07"]))


async def beta_stream(client: Any) -> Any:
    return await read(await got(client.beta.messages.create(**ASKED, stream=True, betas=["x"])))


async def posted(client: Any) -> Any:
    return await got(client.post("/v1/messages", body=ASKED, cast_to=object))


async def raised(client: Any) -> Any:
    await got(client.with_options(max_retries=0).messages.create(**ASKED))


async def late(client: Any) -> Any:
    await got(client.with_options(max_retries=0, timeout=0.15).messages.create(**ASKED))


async def closed_early(client: Any) -> Any:
    stream = await got(client.messages.create(**ASKED, stream=True))
    await first(stream)
    await got(stream.close())


async def left_early(client: Any) -> Any:
    async with entered(client.messages.stream(**ASKED)) as stream:
        await first(stream)


async def dropped(client: Any) -> Any:
    stream = await got(client.messages.create(**ASKED, stream=True))
    await first(stream)
    del stream
    for _ in range(3):  # an asynchronous stream is closed by a task of the loop
        gc.collect()
        await asyncio.sleep(0)


async def cancelled(client: Any) -> Any:
    await asyncio.wait_for(client.messages.create(**ASKED), 0.1)


async def cancelled_stream(client: Any) -> Any:
    began = asyncio.Event()

    async def reading() -> None:
        async for _ in await client.messages.create(**ASKED, stream=True):
            began.set()

    task = asyncio.create_task(reading())
    await began.wait()
    task.cancel()
    await task


async def no_models(client: Any) -> Any:
    counting = client.messages if hasattr(client.messages, "count_tokens") else client.beta.messages
    await got(counting.count_tokens(model="claude-x", messages=ASKED["messages"]))
    batches = client.messages.batches if hasattr(client.messages, "batches") else client.beta.messages.batches
    await got(batches.create(requests=[{"custom_id": "1", "params": ASKED}]))


def said(number: int, **more: Any) -> Said:
    """Return an answer with counts of its own."""
    counts = {"input": 3000 + number, "output": 200 + number, "cache_read": 1000 + number, "cache_write": 500 + number}
    return Said(id=f"msg_{number}", model="claude-x-20260101", **{**counts, **more})


CALL = ("look", {"city": "Paris"})
PLAIN = {"cache_read": 0, "cache_write": 0}
CUT = {"gen_ai.usage.output_tokens": 1, "gen_ai.response.finish_reasons": None}
NO_ANSWER = {
    "gen_ai.response.id": None,
    "gen_ai.response.model": None,
    "gen_ai.response.finish_reasons": None,
    "gen_ai.usage.input_tokens": None,
}
REQUEST_SAYS = {"gen_ai.request.temperature": 0.5, "gen_ai.request.top_k": 5, "gen_ai.request.max_tokens": 64}
RETRY = {"retry-after-ms": "1"}
TOO_BUSY = Failure(200, "overloaded_error", "Overloaded")

MODES = {
    "create": Mode(create, (said(1),), says=REQUEST_SAYS),
    "stream": Mode(stream, (said(2),)),
    "stream-slow": Mode(stream, (said(3, first_s=0.08, chunk_s=0.05),)),
    "raw": Mode(raw, (said(4, **PLAIN),)),
    "raw-stream": Mode(raw_stream, (said(5),)),
    "streamed-response": Mode(streamed_response, (said(6),)),
    "streamed-lines": Mode(streamed_lines, (said(7),)),
    "helper": Mode(helper, (said(8, finish="length"),)),
    "helper-text": Mode(helper_text, (said(9),)),
    "tools": Mode(tools, (said(10, tool=CALL, finish="tool"),)),
    "tools-stream": Mode(tools_stream, (said(11, tool=CALL, finish="tool"),)),
    "thinking": Mode(thinking, (said(12, thinking="Hm, France."),)),
    "thinking-stream": Mode(stream, (said(13, thinking="Hm, France.", reasoning=7),)),
    "beta": Mode(beta, (said(14),)),
    "beta-stream": Mode(beta_stream, (said(15),)),
    "posted": Mode(posted, (said(16),)),
    "retried": Mode(
        create, (Failure(529, "overloaded_error", headers=RETRY), said(17)), says={"http.request.resend_count": 1}
    ),
    "bad-request": Mode(raised, (Failure(400, "invalid_request_error"),), raises="BadRequestError", says=NO_ANSWER),
    "no-key": Mode(raised, (Failure(401, "authentication_error"),), raises="AuthenticationError", says=NO_ANSWER),
    "too-many": Mode(raised, (Failure(429, "rate_limit_error"),), raises="RateLimitError", says=NO_ANSWER),
    "failing": Mode(raised, (Failure(500, "api_error"),), raises="InternalServerError", says=NO_ANSWER),
    "late": Mode(late, (STALLED,), raises="APITimeoutError", says=NO_ANSWER),
    "cut-off": Mode(raised, (Reply([b"{}"], cut_at=0),), raises="APIConnectionError", says=NO_ANSWER),
    "stream-cut-off": Mode(
        stream, (said(41, cut_after=3),), raises="*", says={**CUT, "error.type": "RemoteProtocolError"}
    ),
    "stream-failing": Mode(
        stream,
        (said(41, fails_after=3, failure=TOO_BUSY),),
        raises="*",
        says={**CUT, "error.type": "overloaded_error"},
    ),
    "closed-early": Mode(closed_early, (said(41, stalls_after=4),), says=CUT),
    "left-early": Mode(left_early, (said(41, stalls_after=4),), says=CUT),
    "dropped": Mode(dropped, (said(41, stalls_after=4),), says=CUT),
    "cancelled": Mode(
        cancelled,
        (STALLED,),
        raises="TimeoutError",
        says={**NO_ANSWER, "error.type": "CancelledError"},
        kinds=("async",),
    ),
    "cancelled-stream": Mode(
        cancelled_stream,
        (said(41, stalls_after=4),),
        raises="CancelledError",
        says={**CUT, "error.type": "CancelledError"},
        kinds=("async",),
    ),
    "no-models": Mode(no_models, (said(42),), spans=0),
    "native": Mode(create, (said(43),), needs="_tracer", client="native", spans=0),
}
"""By a name that is the script's of the server too."""
