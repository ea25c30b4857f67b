"""LiteLLM's SDK with its callback `otel`, with the variables that its documentation names."""

import os

import _scenario
import litellm
from litellm.litellm_core_utils.thread_pool_executor import executor

TERSE = {"role": "system", "content": "You are a terse assistant."}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Return the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def ask(prompt: str, model: str = "gpt-4o-mini", messages: list | None = None, **options):
    asked = messages or [TERSE, {"role": "user", "content": prompt}]
    return litellm.completion(model=model, messages=asked, num_retries=0, max_retries=0, **options)


def chat():
    ask(f"[chat] {_scenario.QUESTION}", temperature=0.2, max_tokens=300)


def read(prompt: str, **options) -> dict:
    first = _scenario.FirstChunks()
    for chunk in ask(prompt, stream=True, **options):
        if chunk.choices and chunk.choices[0].delta.content:
            first.chunk()
    return first.said()


def stream_usage():
    return read("[stream] Count for me.", stream_options={"include_usage": True})


def stream_nousage():
    return read("[nousage] Count for me.")


def tools():
    asked = [TERSE, {"role": "user", "content": "[tool] Weather in Paris?"}]
    call = ask("", messages=asked, tools=[TOOL]).choices[0].message
    result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": _scenario.WEATHER}
    ask("", messages=[*asked, call.model_dump(), result], tools=[TOOL])


def cached_reasoning():
    ask("[cached] Think hard.", model="o3-mini")


def anthropic_cached():
    ask("[written] Go on.", model="anthropic/claude-sonnet-4-5")


def anthropic_stream():
    return read("[stream] Count for me.", model="anthropic/claude-sonnet-4-5")


def responses():
    litellm.responses(model="gpt-4o-mini", input=f"[chat] {_scenario.QUESTION}")


def embeddings():
    litellm.embedding(model="text-embedding-3-small", input=["first text to embed", "second text"])


def err429():
    ask("[err429] boom")


def err500_stream():
    read("[err500] boom")


def multi_turn():
    def turn(*messages):
        # A dict of metadata of its own each time: LiteLLM writes into it.
        return ask("", messages=list(messages), user="user-alice-17", metadata={"session_id": "sess-9f31"})

    first = {"role": "user", "content": "[turn1] Hi, I am Alice."}
    answer = turn(first).choices[0].message
    turn(first, answer.model_dump(), {"role": "user", "content": "[turn2] What is my name?"})
    return {"user_id": "user-alice-17", "session_id": "sess-9f31", "user_session_how": "user, metadata.session_id"}


SCENARIOS = [
    chat,
    stream_usage,
    stream_nousage,
    tools,
    cached_reasoning,
    anthropic_cached,
    anthropic_stream,
    responses,
    embeddings,
    err429,
    err500_stream,
    multi_turn,
]

if __name__ == "__main__":
    os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
    litellm.callbacks = ["otel"]
    _scenario.main(
        {each.__name__: each for each in SCENARIOS}, ["litellm", "openai"], settle=lambda: executor.shutdown(wait=True)
    )
