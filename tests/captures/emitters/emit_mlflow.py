"""MLflow tracing (mlflow-tracing) with autologging of the OpenAI and Anthropic SDKs, exported over OTLP."""

import os

import _scenario
import anthropic
import mlflow
import openai

SYSTEM = "You are a terse assistant."
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Return the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLAUDE = {"model": "claude-sonnet-4-5", "max_tokens": 1024, "system": SYSTEM}


def asked(prompt: str) -> list[dict]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]


def complete(messages: list[dict], model: str = "gpt-4o-mini", **options):
    return openai.OpenAI(max_retries=0).chat.completions.create(model=model, messages=messages, **options)


def chat():
    complete(asked(f"[chat] {_scenario.QUESTION}"), temperature=0.2, max_tokens=300)


def read(prompt: str, **options) -> dict:
    first = _scenario.FirstChunks()
    for chunk in complete(asked(prompt), stream=True, **options):
        if chunk.choices and chunk.choices[0].delta.content:
            first.chunk()
    return first.said()


def stream_usage():
    return read("[stream] Count for me.", stream_options={"include_usage": True})


def stream_nousage():
    return read("[nousage] Count for me.")


def tools():
    """Two calls under a span of the application's own."""

    @mlflow.trace(span_type="TOOL")
    def get_weather(city: str) -> str:
        return _scenario.WEATHER

    @mlflow.trace(name="weather", span_type="AGENT")
    def answer() -> None:
        messages = asked("[tool] Weather in Paris?")
        call = complete(messages, tools=[TOOL]).choices[0].message
        result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": get_weather("Paris")}
        complete([*messages, call.model_dump(exclude_none=True), result], tools=[TOOL])

    answer()


def cached_reasoning():
    complete(asked("[cached] Think hard."), model="o3-mini")


def responses():
    openai.OpenAI(max_retries=0).responses.create(model="gpt-4o-mini", input=f"[chat] {_scenario.QUESTION}")


def responses_stream():
    first = _scenario.FirstChunks()
    client = openai.OpenAI(max_retries=0)
    for event in client.responses.create(model="gpt-4o-mini", input="[stream] Count for me.", stream=True):
        if event.type == "response.output_text.delta":
            first.chunk()
    return first.said()


def anthropic_cached():
    anthropic.Anthropic(max_retries=0).messages.create(
        messages=[{"role": "user", "content": "[written] Go on."}], **CLAUDE
    )


def anthropic_stream():
    first = _scenario.FirstChunks()
    messages = [{"role": "user", "content": "[stream] Count for me."}]
    for event in anthropic.Anthropic(max_retries=0).messages.create(messages=messages, stream=True, **CLAUDE):
        if event.type == "content_block_delta":
            first.chunk()
    return first.said()


def embeddings():
    openai.OpenAI(max_retries=0).embeddings.create(
        model="text-embedding-3-small", input=["first text to embed", "second text"]
    )


def err429():
    complete(asked("[err429] boom"))


def err500_stream():
    return read("[err500] boom")


def multi_turn():
    @mlflow.trace(name="turn")
    def turn(messages: list[dict]) -> str:
        mlflow.update_current_trace(
            metadata={"mlflow.trace.user": "user-alice-17", "mlflow.trace.session": "sess-9f31"}
        )
        return complete(messages).choices[0].message.content

    first = {"role": "user", "content": "[turn1] Hi, I am Alice."}
    answer = {"role": "assistant", "content": turn([first])}
    turn([first, answer, {"role": "user", "content": "[turn2] What is my name?"}])
    how = "update_current_trace(metadata)"
    return {"user_id": "user-alice-17", "session_id": "sess-9f31", "user_session_how": how}


SCENARIOS = [
    chat,
    stream_usage,
    stream_nousage,
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
    # Only traces: with the general variable set, mlflow-tracing 3.17 fails on metrics, which it has not the code for.
    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT", "") + "/v1/traces"
    os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
    mlflow.openai.autolog()
    mlflow.anthropic.autolog()
    _scenario.main(
        {each.__name__: each for each in SCENARIOS},
        ["mlflow-tracing", "openai", "anthropic"],
        settle=mlflow.flush_trace_async_logging,
    )
