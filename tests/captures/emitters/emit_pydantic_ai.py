"""Pydantic AI with its own OpenTelemetry instrumentation: agents over OpenAI and Anthropic, and its embedder."""

import asyncio

import _scenario
from openai import AsyncOpenAI
from pydantic_ai import Agent, Embedder, ModelSettings
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

TERSE = "You are a terse assistant."


def openai(name: str = "gpt-4o-mini") -> OpenAIChatModel:
    return OpenAIChatModel(name)


def run(model, prompt: str, **options):
    return Agent(model, instructions=TERSE, name="assistant").run_sync(prompt, **options)


def chat():
    run(openai(), f"[chat] {_scenario.QUESTION}", model_settings=ModelSettings(temperature=0.2, max_tokens=300))


def streamed(model, prompt: str):
    first = _scenario.FirstChunks()

    async def read():
        async with Agent(model, instructions=TERSE, name="assistant").run_stream(prompt) as result:
            async for _ in result.stream_text(delta=True, debounce_by=None):
                first.chunk()

    asyncio.run(read())
    return first.said()


def stream():
    return streamed(openai(), "[stream] Count for me.")


def tools():
    agent = Agent(openai(), instructions=TERSE, name="weather")

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """Return the weather of a city."""
        return _scenario.WEATHER

    agent.run_sync("[tool] Weather in Paris?")


def cached_reasoning():
    run(openai("o3-mini"), "[cached] Think hard.")


def responses():
    run(OpenAIResponsesModel("gpt-4o-mini"), f"[chat] {_scenario.QUESTION}")


def responses_stream():
    return streamed(OpenAIResponsesModel("gpt-4o-mini"), "[stream] Count for me.")


def anthropic_cached():
    run(AnthropicModel("claude-sonnet-4-5"), "[written] Go on.", model_settings=ModelSettings(max_tokens=1024))


def anthropic_stream():
    return streamed(AnthropicModel("claude-sonnet-4-5"), "[stream] Count for me.")


def embeddings():
    asyncio.run(
        Embedder("openai:text-embedding-3-small").embed(["first text to embed", "second text"], input_type="document")
    )


def err429():
    run(_unretried(), "[err429] boom")


def err500_stream():
    streamed(_unretried(), "[err500] boom")


def _unretried() -> OpenAIChatModel:
    return OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(openai_client=AsyncOpenAI(max_retries=0)))


def multi_turn():
    """The user can only be told as metadata of the agent's span."""
    agent = Agent(openai(), instructions=TERSE, name="assistant")
    told = {"metadata": {"user_id": "user-alice-17"}, "conversation_id": "sess-9f31"}
    first = agent.run_sync("[turn1] Hi, I am Alice.", **told)
    agent.run_sync("[turn2] What is my name?", message_history=first.all_messages(), **told)
    return {"user_id": "user-alice-17", "session_id": "sess-9f31", "user_session_how": "metadata, conversation_id"}


SCENARIOS = [
    chat,
    stream,
    tools,
    cached_reasoning,
    responses,
    responses_stream,
    anthropic_cached,
    anthropic_stream,
    embeddings,
    err429,
    err500_stream,
    multi_turn,
]

if __name__ == "__main__":
    _scenario.provider()
    Agent.instrument_all()
    Embedder.instrument_all()
    _scenario.main({each.__name__: each for each in SCENARIOS}, ["pydantic-ai-slim", "openai", "anthropic"])
