"""OpenInference's instrumentor of Anthropic, beside the spans that anthropic 2.x writes itself."""

import _scenario
from anthropic import Anthropic
from openinference.instrumentation import using_attributes
from openinference.instrumentation.anthropic import AnthropicInstrumentor

CLAUDE = {"model": "claude-sonnet-4-5", "max_tokens": 1024, "system": "You are a terse assistant."}
TOOL = {
    "name": "get_weather",
    "description": "Return the weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def ask(*messages: dict | str, **options):
    asked = [{"role": "user", "content": each} if isinstance(each, str) else each for each in messages]
    return Anthropic(max_retries=0).messages.create(messages=asked, **CLAUDE, **options)


def chat():
    ask(f"[chat] {_scenario.QUESTION}")


def read(prompt: str) -> dict:
    first = _scenario.FirstChunks()
    for event in ask(prompt, stream=True):
        if event.type == "content_block_delta":
            first.chunk()
    return first.said()


def stream():
    return read("[stream] Count for me.")


def stream_helper():
    first = _scenario.FirstChunks()
    messages = [{"role": "user", "content": "[stream] Count for me."}]
    with Anthropic(max_retries=0).messages.stream(messages=messages, **CLAUDE) as stream:
        for _ in stream.text_stream:
            first.chunk()
    return first.said()


def tools():
    prompt = {"role": "user", "content": "[tool] Weather in Paris?"}
    call = ask(prompt, tools=[TOOL])
    use = [block.model_dump(exclude_none=True) for block in call.content]
    result = {"type": "tool_result", "tool_use_id": use[0]["id"], "content": _scenario.WEATHER}
    ask(prompt, {"role": "assistant", "content": use}, {"role": "user", "content": [result]}, tools=[TOOL])


def cached():
    ask("[written] Go on.")


def cached_stream():
    return read("[written] Go on.")


def err429():
    ask("[err429] boom")


def err500_stream():
    return read("[err500] boom")


def multi_turn():
    with using_attributes(session_id="sess-9f31", user_id="user-alice-17"):
        answer = ask("[turn1] Hi, I am Alice.").content[0].text
        ask("[turn1] Hi, I am Alice.", {"role": "assistant", "content": answer}, "[turn2] What is my name?")
    return {"user_id": "user-alice-17", "session_id": "sess-9f31", "user_session_how": "using_attributes"}


SCENARIOS = [chat, stream, stream_helper, tools, cached, cached_stream, err429, err500_stream, multi_turn]

if __name__ == "__main__":
    AnthropicInstrumentor().instrument(tracer_provider=_scenario.provider())
    _scenario.main(
        {each.__name__: each for each in SCENARIOS}, ["openinference-instrumentation-anthropic", "anthropic"]
    )
