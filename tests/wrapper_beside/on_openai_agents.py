"""The OpenAI Agents SDK; OpenInference's instrumentor takes its traces, which else would go to OpenAI."""

from typing import Any

from openai import AsyncOpenAI

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_trace_processors,
)

__all__ = ["WAYS", "switch_on"]

QUESTION = "What is the capital of France?"
set_trace_processors([])


def switch_on() -> None:
    """Have traces taken."""
    from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor  # noqa: PLC0415

    OpenAIAgentsInstrumentor().instrument()


@function_tool
def look(city: str) -> str:
    """Look a city up."""
    return f"{city} is a city."


def agent(address: str, kind: Any = OpenAIResponsesModel, **more: Any) -> Agent[Any]:
    client = AsyncOpenAI(base_url=f"{address}/v1", api_key="key", max_retries=0)
    return Agent(name="guide", model=kind(model="gpt-4o", openai_client=client), **more)


async def plain(address: str) -> Any:
    return said(await Runner.run(agent(address), QUESTION))


async def streamed(address: str) -> Any:
    result = Runner.run_streamed(agent(address), QUESTION)
    return [type(event).__name__ async for event in result.stream_events()], said(result)


async def tools(address: str) -> Any:
    return said(await Runner.run(agent(address, tools=[look]), QUESTION))


async def chat(address: str) -> Any:
    return said(await Runner.run(agent(address, OpenAIChatCompletionsModel), QUESTION))


async def chat_streamed(address: str) -> Any:
    result = Runner.run_streamed(agent(address, OpenAIChatCompletionsModel), QUESTION)
    return [type(event).__name__ async for event in result.stream_events()], said(result)


async def failing(address: str) -> Any:
    return said(await Runner.run(agent(address), QUESTION))


def said(result: Any) -> Any:
    """Return what a run came to."""
    usage = result.context_wrapper.usage
    return result.final_output, usage.requests, usage.input_tokens, usage.output_tokens


WAYS = {
    "plain": plain,
    "streamed": streamed,
    "tools": tools,
    "chat": chat,
    "chat-streamed": chat_streamed,
    "failing": failing,
}
