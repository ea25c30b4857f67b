"""Anthropic's wire format: messages, whole or as server-sent events. Its input leaves out what the cache had."""

import json
from collections.abc import Iterator

from answers import Answer

__all__ = ["error", "message", "message_stream"]

CALL_ID = "toolu_c0ffee01"
FINISH = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use"}


def message(answer: Answer, model: str, identity: str) -> dict:
    return {
        "id": identity,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [_block(answer)],
        "stop_reason": FINISH[answer.finish],
        "stop_sequence": None,
        "usage": _usage(answer, answer.output),
    }


def message_stream(answer: Answer, model: str, identity: str) -> Iterator[dict]:
    """Yield the events; as with the provider, the first already counts one token of output."""
    start = message(answer, model, identity) | {"content": [], "stop_reason": None, "usage": _usage(answer, 1)}
    yield {"type": "message_start", "message": start}
    block = _block(answer)
    if answer.tool:
        yield {"type": "content_block_start", "index": 0, "content_block": {**block, "input": {}}}
        yield _delta({"type": "input_json_delta", "partial_json": json.dumps(block["input"])})
    else:
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        for place, word in enumerate(answer.text.split(" ")):
            yield _delta({"type": "text_delta", "text": f" {word}" if place else word})
    yield {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": FINISH[answer.finish], "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": answer.output}}
    yield {"type": "message_stop"}


def error(status: int) -> tuple[dict, str, str]:
    """Return the body, and the code and the message that are in it."""
    if status == 429:
        code, text = "rate_limit_error", "This request would exceed your rate limit"
    else:
        code, text = "api_error", "Internal server error"
    return {"type": "error", "error": {"type": code, "message": text}}, code, text


def _delta(delta: dict) -> dict:
    return {"type": "content_block_delta", "index": 0, "delta": delta}


def _block(answer: Answer) -> dict:
    if answer.tool:
        return {"type": "tool_use", "id": CALL_ID, "name": answer.tool[0], "input": answer.tool[1]}
    return {"type": "text", "text": answer.text}


def _usage(answer: Answer, output: int) -> dict:
    return {
        "input_tokens": answer.input - answer.cache_read - answer.cache_write,
        "output_tokens": output,
        "cache_read_input_tokens": answer.cache_read,
        "cache_creation_input_tokens": answer.cache_write,
        "cache_creation": {"ephemeral_5m_input_tokens": answer.cache_write, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
    }
