"""Anthropic's wire format: messages, whole or streamed, through its own API, Bedrock's and Vertex's addresses.

Its `input_tokens` are those that were neither read from nor written to a cache.
"""

import base64
import json
import struct
import zlib
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from providers.said import Asked, Failure, Reply, Said, events, failed, whole

__all__ = ["FINISH", "ROUTES", "error_body"]

Body = dict[str, Any]

TOOL_ID = "toolu_1"
FINISH = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use", "filter": "refusal"}
DELTAS = {"text": ("text_delta", "text"), "thinking": ("thinking_delta", "thinking")}


def messages(said: Said | Failure, asked: Asked) -> Reply:
    """Answer messages."""
    if isinstance(said, Failure):
        return failed(said, error_body(said))
    message = {**_head(said, asked), "content": _blocks(said), "stop_reason": FINISH[said.finish]}
    if not asked.json.get("stream"):
        return whole(said, {**message, "usage": usage_of(said)})
    return events(said, _events(said, asked), error_body(said.failure), named=True)


def count_tokens(said: Said | Failure, _asked: Asked) -> Reply:
    """Count, which is no call of a model."""
    return failed(said, error_body(said)) if isinstance(said, Failure) else whole(said, {"input_tokens": said.input})


def batches(_said: Said | Failure, _asked: Asked) -> Reply:
    """Begin a batch, which is no call of a model yet."""
    counts = dict.fromkeys(("canceled", "errored", "expired", "processing", "succeeded"), 0)
    body = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress", "request_counts": counts}
    times = {"created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z"}
    return whole(Said(), {**body, **times, "results_url": None})


def frames(said: Said | Failure, asked: Asked) -> Reply:
    """Answer as Bedrock streams: each event in a frame of AWS's event stream."""
    if isinstance(said, Failure):
        return failed(said, error_body(said))
    reply = events(said, _events(said, asked), error_body(said.failure), named=False)
    parts = [_frame(part.removeprefix(b"data: ").strip()) for part in reply.parts]
    headers = {"content-type": "application/vnd.amazon.eventstream"}
    return replace(reply, parts=parts, headers=headers)


def _frame(event: bytes) -> bytes:
    """Return a frame: lengths and their checksum, headers, a payload, a checksum of it all; integers big-endian."""
    named = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        struct.pack(f">B{len(name)}sBH{len(value)}s", len(name), name.encode(), 7, len(value), value.encode())
        for name, value in named.items()
    )
    payload = json.dumps({"bytes": base64.b64encode(event).decode(), "p": "abcd"}).encode()
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    framed = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return framed + struct.pack(">I", zlib.crc32(framed))


def _events(said: Said, asked: Asked) -> list[Body]:
    begun = {**usage_of(said), "output_tokens": 1}
    each: list[Body] = [{"type": "message_start", "message": {**_head(said, asked), "content": [], "usage": begun}}]
    each.append({"type": "ping"})
    for index, block in enumerate(_blocks(said)):
        each += [{**event, "index": index} for event in _block_events(said, block)]
    ended = {"stop_reason": FINISH[said.finish], "stop_sequence": None}
    each.append({"type": "message_delta", "delta": ended, "usage": _written(said)})
    return [*each, {"type": "message_stop"}]


def _block_events(said: Said, block: Body) -> list[Body]:
    kind = block["type"]
    if kind == "tool_use":
        empty = {**block, "input": {}}
        pieces = said.pieces(json.dumps(block["input"]))
        deltas: list[Body] = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    else:
        delta, name = DELTAS[kind]
        empty = {**block, name: ""}
        deltas = [{"type": delta, name: piece} for piece in said.pieces(block[name])]
        if kind == "thinking":
            empty["signature"] = ""
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
    middle = [{"type": "content_block_delta", "delta": delta} for delta in deltas]
    return [{"type": "content_block_start", "content_block": empty}, *middle, {"type": "content_block_stop"}]


def _blocks(said: Said) -> list[Body]:
    blocks: list[Body] = []
    if said.thinking:
        blocks.append({"type": "thinking", "thinking": said.thinking, "signature": "c2lnbmVk"})
    if said.tool:
        name, given = said.tool
        return [*blocks, {"type": "tool_use", "id": TOOL_ID, "name": name, "input": given}]
    return [*blocks, {"type": "text", "text": said.text}]


def usage_of(said: Said) -> Body:
    """Return the usage of a message."""
    return {
        "input_tokens": said.input - said.cache_read - said.cache_write,
        "cache_creation_input_tokens": said.cache_write,
        "cache_read_input_tokens": said.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": said.cache_write, "ephemeral_1h_input_tokens": 0},
        **_written(said),
        "service_tier": "standard",
    }


def _written(said: Said) -> Body:
    thought = {"output_tokens_details": {"thinking_tokens": said.reasoning}} if said.reasoning else {}
    return {"output_tokens": said.output, **thought}


def error_body(failure: Failure) -> Body:
    """Return the body of an error."""
    return {"type": "error", "error": {"type": failure.code, "message": failure.message}, "request_id": "req_1"}


def _head(said: Said, asked: Asked) -> Body:
    model = said.model or asked.json.get("model") or _model_in(asked.path)
    head = {"id": said.id, "type": "message", "role": "assistant", "model": model}
    return {**head, "stop_reason": None, "stop_sequence": None}


def _model_in(path: str) -> str:
    """Return the model that an address of Bedrock or Vertex names."""
    last = path.partition("?")[0].split("/model")[-1]
    return unquote(last.removeprefix("s").lstrip("/").split("/")[0].split(":")[0])


ROUTES = {
    "/v1/messages": messages,
    "/v1/messages/count_tokens": count_tokens,
    "/v1/messages/batches": batches,
    "/model/[^/]+/invoke": messages,
    "/model/[^/]+/invoke-with-response-stream": frames,
    "/v?[^/]*(/[^/]+)*/publishers/anthropic/models/[^/]+:(rawPredict|streamRawPredict)": messages,
}
