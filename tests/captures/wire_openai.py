"""OpenAI's wire format: chat completions, responses and embeddings, whole or as server-sent events."""

import json
from collections.abc import Iterator

from answers import Answer

__all__ = ["chat", "chat_stream", "embeddings", "error", "response", "response_stream"]

CREATED = 1_760_000_000
CALL_ID = "call_c0ffee01"
FINISH = {"stop": "stop", "length": "length", "tool": "tool_calls"}


def chat(answer: Answer, model: str, identity: str) -> dict:
    message = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
    if answer.tool:
        message["tool_calls"] = [{"id": CALL_ID, "type": "function", "function": _function(answer)}]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": FINISH[answer.finish]}
    head = _head(model, identity, "chat.completion")
    return {**head, "choices": [choice], "usage": _usage(answer), "service_tier": "default"}


def chat_stream(answer: Answer, model: str, identity: str, *, usage: bool) -> Iterator[dict]:
    """Yield the chunks; the last carries the usage only if the client asked for it."""
    head = _head(model, identity, "chat.completion.chunk")
    yield {**head, "choices": [_delta({"role": "assistant", "content": "" if answer.text else None})]}
    if answer.tool:
        call = {"index": 0, "id": CALL_ID, "type": "function", "function": _function(answer)}
        yield {**head, "choices": [_delta({"tool_calls": [call]})]}
    for word in _words(answer):
        yield {**head, "choices": [_delta({"content": word})]}
    yield {**head, "choices": [{**_delta({}), "finish_reason": FINISH[answer.finish]}]}
    if usage:
        yield {**head, "choices": [], "usage": _usage(answer)}


def response(answer: Answer, model: str, identity: str, status: str = "completed") -> dict:
    done = status == "completed"
    return {
        "id": identity,
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": model,
        "output": [_item(answer, identity)] if done else [],
        "parallel_tool_calls": True,
        "service_tier": "default",
        "tool_choice": "auto",
        "tools": [],
        "text": {"format": {"type": "text"}},
        "metadata": {},
        "usage": _response_usage(answer) if done else None,
    }


def response_stream(answer: Answer, model: str, identity: str) -> Iterator[dict]:
    item = _item(answer, identity)
    at = {"output_index": 0, "item_id": item["id"]}
    yield {"type": "response.created", "response": response(answer, model, identity, "in_progress")}
    if answer.tool:
        yield {"type": "response.output_item.added", "output_index": 0, "item": {**item, "arguments": ""}}
        arguments = item["arguments"]
        yield {"type": "response.function_call_arguments.delta", "delta": arguments, **at}
        yield {"type": "response.function_call_arguments.done", "arguments": arguments, "name": item["name"], **at}
    else:
        at["content_index"] = 0
        part = item["content"][0]
        yield {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}}
        yield {"type": "response.content_part.added", "part": {**part, "text": ""}, **at}
        for word in _words(answer):
            yield {"type": "response.output_text.delta", "delta": word, "logprobs": [], **at}
        yield {"type": "response.output_text.done", "text": answer.text, "logprobs": [], **at}
        yield {"type": "response.content_part.done", "part": part, **at}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": response(answer, model, identity)}


def embeddings(texts: list, model: str) -> dict:
    """Return eight numbers a text, as plain floats, and 8 tokens a text."""
    rows = [{"object": "embedding", "index": place, "embedding": [0.125] * 8} for place in range(len(texts))]
    tokens = 8 * len(texts)
    return {"object": "list", "data": rows, "model": model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def error(status: int, model: str) -> tuple[dict, str, str]:
    """Return the body, and the code and the message that are in it."""
    if status == 429:
        code, kind, message = "rate_limit_exceeded", "requests", f"Rate limit reached for {model}"
    else:
        code, kind, message = None, "server_error", "The server had an error while processing your request"
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}, code or kind, message


def _head(model: str, identity: str, kind: str) -> dict:
    return {"id": identity, "object": kind, "created": CREATED, "model": model, "system_fingerprint": "fp_capture"}


def _function(answer: Answer) -> dict:
    name, arguments = answer.tool
    return {"name": name, "arguments": json.dumps(arguments)}


def _delta(delta: dict) -> dict:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}


def _words(answer: Answer) -> list[str]:
    return [word + " " for word in (answer.text or "").split(" ")[:-1]] + (answer.text or "").split(" ")[-1:]


def _usage(answer: Answer) -> dict:
    return {
        "prompt_tokens": answer.input,
        "completion_tokens": answer.output,
        "total_tokens": answer.input + answer.output,
        "prompt_tokens_details": {"cached_tokens": answer.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning, "audio_tokens": 0},
    }


def _response_usage(answer: Answer) -> dict:
    return {
        "input_tokens": answer.input,
        "input_tokens_details": {"cached_tokens": answer.cache_read, "cache_write_tokens": answer.cache_write},
        "output_tokens": answer.output,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning},
        "total_tokens": answer.input + answer.output,
    }


def _item(answer: Answer, identity: str) -> dict:
    if answer.tool:
        call = {"type": "function_call", "id": f"fc_{identity}", "call_id": CALL_ID, "status": "completed"}
        return call | _function(answer)
    text = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
    whole = {"type": "message", "id": f"msg_{identity}", "status": "completed", "role": "assistant"}
    return whole | {"content": [text]}
