"""Logfire's instrumentation of OpenAI and Anthropic, also below Pydantic AI: agents' calls are told of twice."""

import _scenario
import anthropic
import logfire
import openai
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.settings import ModelSettings

SYSTEM = "You are a terse assistant."
CLAUDE = {"model": "claude-sonnet-4-5", "max_tokens": 1024, "system": SYSTEM}


def complete(prompt: str, model: str = "gpt-4o-mini", **options):
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
    return openai.OpenAI(max_retries=0).chat.completions.create(model=model, messages=messages, **options)


def chat():
    complete(f"[chat] {_scenario.QUESTION}", temperature=0.2)


def read(prompt: str, **options) -> dict:
    first = _scenario.FirstChunks()
    for chunk in complete(prompt, stream=True, **options):
        if chunk.choices and chunk.choices[0].delta.content:
            first.chunk()
    return first.said()


def stream_usage():
    return read("[stream] Count for me.", stream_options={"include_usage": True})


def stream_nousage():
    return read("[nousage] Count for me.")


def cached_reasoning():
    complete("[cached] Think hard.", model="o3-mini")


def responses():
    openai.OpenAI(max_retries=0).responses.create(model="gpt-4o-mini", input=f"[chat] {_scenario.QUESTION}")


def embeddings():
    openai.OpenAI(max_retries=0).embeddings.create(
        model="text-embedding-3-small", input=["first text to embed", "second text"]
    )


def anthropic_cached():
    anthropic.Anthropic(max_retries=0).messages.create(
        messages=[{"role": "user", "content": "[written] Go on."}], **CLAUDE
    )


def err429():
    complete("[err429] boom")


def err500_stream():
    return read("[err500] boom")


def agent_tools():
    agent = Agent(OpenAIChatModel("gpt-4o-mini"), instructions=SYSTEM, name="weather")

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """Return the weather of a city."""
        return _scenario.WEATHER

    agent.run_sync("[tool] Weather in Paris?")


def agent_anthropic():
    agent = Agent(AnthropicModel("claude-sonnet-4-5"), instructions=SYSTEM, name="assistant")
    agent.run_sync("[written] Go on.", model_settings=ModelSettings(max_tokens=1024))


SCENARIOS = [
    chat,
    stream_usage,
    stream_nousage,
    cached_reasoning,
    responses,
    embeddings,
    anthropic_cached,
    err429,
    err500_stream,
    agent_tools,
    agent_anthropic,
]

if __name__ == "__main__":
    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        metrics=False,
        # It exports to OTEL_EXPORTER_OTLP_ENDPOINT by itself, and tells of the machine where nothing else is said.
        resource_attributes=dict.fromkeys(("host.name", "host.id", "os.version", "os.build_id"), "capture"),
    )
    logfire.instrument_openai()
    logfire.instrument_anthropic()
    logfire.instrument_pydantic_ai()
    _scenario.main({each.__name__: each for each in SCENARIOS}, ["logfire", "pydantic-ai-slim", "openai", "anthropic"])
