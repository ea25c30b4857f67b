"""Pydantic AI, whose agents make spans of their own when they are told to."""

from typing import Any

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

__all__ = ["WAYS", "switch_on"]

QUESTION = "What is the capital of France?"


def switch_on() -> None:
    """Have agents make spans."""
    Agent.instrument_all()


def agent(address: str, model: Any = OpenAIChatModel) -> Agent[None, str]:
    return Agent(model("gpt-4o", provider=OpenAIProvider(base_url=f"{address}/v1", api_key="key")))


async def plain(address: str) -> Any:
    return said(await agent(address).run(QUESTION))


async def streamed(address: str) -> Any:
    async with agent(address).run_stream(QUESTION) as result:
        return [text async for text in result.stream_text(delta=True, debounce_by=None)], result.usage


async def tools(address: str) -> Any:
    made = agent(address)

    @made.tool_plain
    def look(city: str) -> str:
        """Look a city up."""
        return f"{city} is a city."

    return said(await made.run(QUESTION))


async def responses(address: str) -> Any:
    return said(await agent(address, OpenAIResponsesModel).run(QUESTION))


async def message(address: str) -> Any:
    provider = AnthropicProvider(base_url=address, api_key="key")
    return said(await Agent(AnthropicModel("claude-sonnet-4-5", provider=provider)).run(QUESTION))


async def failing(address: str) -> Any:
    return said(await agent(address).run(QUESTION))


def said(result: Any) -> Any:
    """Return what a run came to."""
    return result.output, result.usage


WAYS = {
    "plain": plain,
    "streamed": streamed,
    "tools": tools,
    "responses": responses,
    "message": message,
    "failing": failing,
}
