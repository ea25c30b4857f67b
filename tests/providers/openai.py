"""OpenAI's wire format: chat completions, responses, embeddings and the older completions, whole or streamed."""

import base64
import json
import struct
from typing import Any

from providers.said import Asked, Failure, Reply, Said, events, failed, whole

__all__ = ["FINISH", "ROUTES", "VECTOR", "error_body"]

Body = dict[str, Any]

CREATED = 1_760_000_000
CALL_ID = "call_1"
FINISH = {"stop": "stop", "length": "length", "tool": "tool_calls", "filter": "content_filter"}
VECTOR = [0.125, -0.5, 0.25, 1.0]
EMPTY = {"logprobs": None, "finish_reason": None}


def chat(said: Said | Failure, asked: Asked) -> Reply:
    """Answer a chat."""
    if isinstance(said, Failure):
        return failed(said, error_body(said))
    if not asked.json.get("stream"):
        message: Body = {"role": "assistant", "content": None if said.tool else said.text, "refusal": None}
        if said.tool:
            message["tool_calls"] = [{"id": CALL_ID, "type": "function", "function": _function(said)}]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": FINISH[said.finish]}
        head = _head(said, asked, "chat.completion")
        return whole(said, {**head, "choices": [choice], "usage": chat_usage(said), "service_tier": "default"})
    head = _head(said, asked, "chat.completion.chunk")
    chunks = [{**head, "choices": [choice]} for choice in _choices(said)]
    if said.usage and (asked.json.get("stream_options") or {}).get("include_usage"):
        chunks = [{**chunk, "usage": None} for chunk in chunks]
        chunks.append({**head, "choices": [], "usage": chat_usage(said)})
    return events(said, chunks, error_body(said.failure), named=False, done=True)


def _choices(said: Said) -> list[Body]:
    choices: list[Body] = [{"index": 0, "delta": {"role": "assistant", "content": ""}, **EMPTY}]
    if said.tool:
        name, arguments = _function(said)["name"], _function(said)["arguments"]
        call = {"index": 0, "id": CALL_ID, "type": "function", "function": {"name": name, "arguments": ""}}
        choices.append({"index": 0, "delta": {"tool_calls": [call]}, **EMPTY})
        for piece in said.pieces(arguments):
            more = {"index": 0, "function": {"arguments": piece}}
            choices.append({"index": 0, "delta": {"tool_calls": [more]}, **EMPTY})
    else:
        choices += [{"index": 0, "delta": {"content": piece}, **EMPTY} for piece in said.pieces()]
    return [*choices, {"index": 0, "delta": {}, "logprobs": None, "finish_reason": FINISH[said.finish]}]


def completions(said: Said | Failure, asked: Asked) -> Reply:
    """Answer a prompt the older way."""
    if isinstance(said, Failure):
        return failed(said, error_body(said))
    head = _head(said, asked, "text_completion")
    end = {"index": 0, "logprobs": None, "finish_reason": FINISH[said.finish]}
    if not asked.json.get("stream"):
        return whole(said, {**head, "choices": [{**end, "text": said.text}], "usage": chat_usage(said)})
    chunks = [{**head, "choices": [{"index": 0, "text": piece, **EMPTY}]} for piece in said.pieces()]
    chunks.append({**head, "choices": [{**end, "text": ""}]})
    if said.usage and (asked.json.get("stream_options") or {}).get("include_usage"):
        chunks.append({**head, "choices": [], "usage": chat_usage(said)})
    return events(said, chunks, error_body(said.failure), named=False, done=True)


def embeddings(said: Said | Failure, asked: Asked) -> Reply:
    """Answer with the same vector for each input, in the encoding that is asked for."""
    if isinstance(said, Failure):
        return failed(said, error_body(said))
    inputs = asked.json.get("input")
    packed = base64.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode()
    vector = packed if asked.json.get("encoding_format") == "base64" else VECTOR
    count = len(inputs) if isinstance(inputs, list) else 1
    rows = [{"object": "embedding", "index": place, "embedding": vector} for place in range(count)]
    usage = {"prompt_tokens": said.input, "total_tokens": said.input}
    return whole(said, {"object": "list", "data": rows, "model": said.model or asked.json.get("model"), "usage": usage})


def responses(said: Said | Failure, asked: Asked) -> Reply:
    """Answer a request for a response."""
    if isinstance(said, Failure):
        return failed(said, error_body(said))
    done = _response(said, asked, "completed" if said.finish != "length" else "incomplete")
    if not asked.json.get("stream"):
        return whole(said, done)
    begun = _response(said, asked, "in_progress")
    each: list[Body] = [{"type": "response.created", "response": begun}]
    each.append({"type": "response.in_progress", "response": begun})
    for place, item in enumerate(done["output"]):
        each += _item_events(said, item, place)
    each.append({"type": f"response.{done['status']}", "response": done})
    failure = {"type": "error", "code": said.failure.code, "message": said.failure.message, "param": None}
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(each)]
    return events(said, numbered, {**failure, "sequence_number": len(each)}, named=True)


def _item_events(said: Said, item: Body, place: int) -> list[Body]:
    at = {"output_index": place, "item_id": item["id"]}
    if item["type"] == "reasoning":
        middle: list[Body] = []
        empty = {**item, "summary": []}
    elif item["type"] == "function_call":
        delta, done = "response.function_call_arguments.delta", "response.function_call_arguments.done"
        middle = [{"type": delta, "delta": piece, **at} for piece in said.pieces(item["arguments"])]
        middle.append({"type": done, "arguments": item["arguments"], "name": item["name"], **at})
        empty = {**item, "arguments": ""}
    else:
        part, at = item["content"][0], {**at, "content_index": 0}
        middle = [{"type": "response.content_part.added", "part": {**part, "text": ""}, **at}]
        for piece in said.pieces():
            middle.append({"type": "response.output_text.delta", "delta": piece, "logprobs": [], **at})
        middle.append({"type": "response.output_text.done", "text": said.text, "logprobs": [], **at})
        middle.append({"type": "response.content_part.done", "part": part, **at})
        empty = {**item, "content": []}
    added = {"type": "response.output_item.added", "output_index": place, "item": empty}
    return [added, *middle, {"type": "response.output_item.done", "output_index": place, "item": item}]


def _response(said: Said, asked: Asked, status: str) -> Body:
    running = status == "in_progress"
    items: list[Body] = []
    if said.thinking:
        thought = {"type": "summary_text", "text": said.thinking}
        items.append({"type": "reasoning", "id": f"rs_{said.id}", "summary": [thought]})
    if said.tool:
        call = {"type": "function_call", "id": f"fc_{said.id}", "call_id": CALL_ID, "status": "completed"}
        items.append(call | _function(said))
    else:
        text = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        item = {"type": "message", "id": f"msg_{said.id}", "status": "completed", "role": "assistant"}
        items.append(item | {"content": [text]})
    return {
        "id": said.id,
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": asked.json.get("instructions"),
        "model": said.model or asked.json.get("model"),
        "output": [] if running else items,
        "parallel_tool_calls": True,
        "service_tier": "default",
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "text": {"format": {"type": "text"}},
        "metadata": {},
        "usage": None if running else _response_usage(said),
    }


def chat_usage(said: Said) -> Body:
    """Return the usage of a chat."""
    return {
        "prompt_tokens": said.input,
        "completion_tokens": said.output,
        "total_tokens": said.input + said.output,
        "prompt_tokens_details": {"cached_tokens": said.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": said.reasoning, "audio_tokens": 0},
    }


def _response_usage(said: Said) -> Body:
    return {
        "input_tokens": said.input,
        "input_tokens_details": {"cached_tokens": said.cache_read},
        "output_tokens": said.output,
        "output_tokens_details": {"reasoning_tokens": said.reasoning},
        "total_tokens": said.input + said.output,
    }


def error_body(failure: Failure) -> Body:
    """Return the body of an error."""
    kind = "invalid_request_error" if failure.status < 500 else "server_error"
    return {"error": {"message": failure.message, "type": kind, "param": None, "code": failure.code}}


def _head(said: Said, asked: Asked, kind: str) -> Body:
    model = said.model or asked.json.get("model")
    return {"id": said.id, "object": kind, "created": CREATED, "model": model, "system_fingerprint": "fp_1"}


def _function(said: Said) -> Body:
    assert said.tool is not None
    name, arguments = said.tool
    return {"name": name, "arguments": json.dumps(arguments)}


PLACE = r"(/[^/]+)*"  # /v1, /openai/v1, /openai/deployments/gpt-4o, /anything of a compatible server
ROUTES = {
    PLACE + "/chat/completions": chat,
    PLACE + "/completions": completions,
    PLACE + "/responses": responses,
    PLACE + "/embeddings": embeddings,
}
