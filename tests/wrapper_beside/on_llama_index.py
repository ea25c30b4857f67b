"""LlamaIndex's models of OpenAI; OpenInference's instrumentor watches its dispatchers."""

from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI

__all__ = ["WAYS", "switch_on"]

ASKED = [ChatMessage(role="user", content="What is the capital of France?")]


def switch_on() -> None:
    """Have models watched."""
    from openinference.instrumentation.llama_index import LlamaIndexInstrumentor  # noqa: PLC0415

    LlamaIndexInstrumentor().instrument()


def model(address: str) -> OpenAI:
    told = {"stream_options": {"include_usage": True}}
    return OpenAI(model="gpt-4o", api_base=f"{address}/v1", api_key="key", max_retries=0, additional_kwargs=told)


def quiet(address: str) -> OpenAI:
    return OpenAI(model="gpt-4o", api_base=f"{address}/v1", api_key="key", max_retries=0)


def look(city: str) -> str:
    """Look a city up."""
    return f"{city} is a city."


async def plain(address: str) -> Any:
    return said(quiet(address).chat(ASKED))


async def concurrent(address: str) -> Any:
    return said(await quiet(address).achat(ASKED))


async def streamed(address: str) -> Any:
    return [said(each) for each in model(address).stream_chat(ASKED)]


async def streamed_concurrently(address: str) -> Any:
    return [said(each) async for each in await model(address).astream_chat(ASKED)]


async def tools(address: str) -> Any:
    return said(quiet(address).chat_with_tools([FunctionTool.from_defaults(look)], chat_history=ASKED))


async def failing(address: str) -> Any:
    return said(quiet(address).chat(ASKED))


def said(answer: Any) -> Any:
    """Return what an answer says."""
    return answer.delta, answer.message.content, sorted(answer.additional_kwargs.items())


WAYS = {
    "plain": plain,
    "concurrent": concurrent,
    "streamed": streamed,
    "streamed-concurrently": streamed_concurrently,
    "tools": tools,
    "failing": failing,
}
