"""LangChain's models of OpenAI; OpenInference's instrumentor watches its runs."""

from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

__all__ = ["WAYS", "switch_on"]

QUESTION = "What is the capital of France?"


def switch_on() -> None:
    """Have runs watched."""
    from openinference.instrumentation.langchain import LangChainInstrumentor  # noqa: PLC0415

    LangChainInstrumentor().instrument()


@tool
def look(city: str) -> str:
    """Look a city up."""
    return f"{city} is a city."


def model(address: str, **more: Any) -> ChatOpenAI:
    given = {"base_url": f"{address}/v1", "api_key": "key", "max_retries": 0, "stream_usage": True, **more}
    return ChatOpenAI(model="gpt-4o", **given)


async def plain(address: str) -> Any:
    chain = ChatPromptTemplate.from_messages([("user", "{question}")]) | model(address)
    return said(chain.invoke({"question": QUESTION}))


async def concurrent(address: str) -> Any:
    return said(await model(address).ainvoke(QUESTION))


async def streamed(address: str) -> Any:
    return [said(chunk) for chunk in model(address).stream(QUESTION)]


async def streamed_concurrently(address: str) -> Any:
    return [said(chunk) async for chunk in model(address).astream(QUESTION)]


async def tools(address: str) -> Any:
    able = model(address).bind_tools([look])
    asks = able.invoke([HumanMessage(QUESTION)])
    heard = [look.invoke(call) for call in asks.tool_calls]
    return said(able.invoke([HumanMessage(QUESTION), asks, *heard]))


async def responses(address: str) -> Any:
    return said(model(address, use_responses_api=True).invoke(QUESTION))


async def embeddings(address: str) -> Any:
    given: Any = {"base_url": f"{address}/v1", "api_key": "key", "check_embedding_ctx_length": False}
    return OpenAIEmbeddings(model="text-embedding-3-small", **given).embed_query(QUESTION)


async def failing(address: str) -> Any:
    return said(model(address).invoke(QUESTION))


def said(message: Any) -> Any:
    """Return what a message says."""
    return message.content, message.tool_calls, message.usage_metadata, message.response_metadata.get("finish_reason")


WAYS = {
    "plain": plain,
    "concurrent": concurrent,
    "streamed": streamed,
    "streamed-concurrently": streamed_concurrently,
    "tools": tools,
    "responses": responses,
    "embeddings": embeddings,
    "failing": failing,
}
