"""Anthropic's messages, through its own API, Bedrock and Vertex.

Its `input_tokens` are those that were not cached; by the conventions the input contains them, so they are added here.
"""

import json
from collections.abc import Sequence
from typing import Any

from spanpulse._shapes._json import Json, integer, items, number, section, sections, text
from spanpulse._shapes._told import Shape, Told, message, text_part, uri_part
from spanpulse._shapes._tools import tools_of

__all__ = ["MESSAGES"]

MODALITIES = {"image": "image", "document": "file"}


def read_request(body: Json) -> Told:
    """Read a request."""
    told = Told()
    told.note("gen_ai.request.model", text(body, "model"))
    told.note("gen_ai.request.max_tokens", integer(body, "max_tokens"))
    for name in ("temperature", "top_p", "top_k"):
        told.note(f"gen_ai.request.{name}", number(body, name))
    told.note("gen_ai.request.stop_sequences", [s for s in items(body, "stop_sequences") if isinstance(s, str)])
    if section(body, "output_config").get("format") or body.get("output_format"):
        told.note("gen_ai.output.type", "json")
    told.instructions = _parts(body.get("system"))
    told.messages = [
        message(text(said, "role") or "user", _parts(said.get("content"))) for said in sections(body, "messages")
    ]
    told.tools = tools_of(body)
    return told


def read_answer(body: Json) -> Told:
    """Read an answer."""
    told = Told()
    told.note("gen_ai.response.id", text(body, "id"))
    told.note("gen_ai.response.model", text(body, "model"))
    usage = section(body, "usage")
    plain, read = integer(usage, "input_tokens"), integer(usage, "cache_read_input_tokens")
    written, kinds = integer(usage, "cache_creation_input_tokens"), section(usage, "cache_creation")
    if plain is not None:
        told.note("gen_ai.usage.input_tokens", plain + (read or 0) + (written or 0))
    told.note("gen_ai.usage.output_tokens", integer(usage, "output_tokens"))
    thought = integer(section(usage, "output_tokens_details"), "thinking_tokens")
    told.note("gen_ai.usage.reasoning.output_tokens", thought)
    told.note("gen_ai.usage.cache_read.input_tokens", read)
    told.note("gen_ai.usage.cache_write.input_tokens", written)
    told.note("gen_ai.usage.cache_write_1h.input_tokens", integer(kinds, "ephemeral_1h_input_tokens") or None)
    told.note("gen_ai.response.service_tier", text(usage, "service_tier"))
    reason = text(body, "stop_reason")
    told.note("gen_ai.response.finish_reasons", [reason] if reason else [])
    if parts := _parts(body.get("content")):
        told.messages = [message(text(body, "role") or "assistant", parts, reason or "")]
    return told


def join(events: Sequence[Json]) -> Json:
    """Return the message that events amount to."""
    whole: Json = {}
    blocks: dict[int, Json] = {}
    pieces: dict[int, list[str]] = {}
    for event in events:
        kind, index = text(event, "type"), integer(event, "index") or 0
        if kind == "message_start":
            whole = dict(section(event, "message"))
        elif kind == "content_block_start":
            blocks[index] = dict(section(event, "content_block"))
        elif kind == "content_block_delta":
            delta = section(event, "delta")
            piece = text(delta, "text", "partial_json", "thinking")
            if piece is not None:
                pieces.setdefault(index, []).append(piece)
        elif kind == "message_delta":
            whole["stop_reason"] = text(section(event, "delta"), "stop_reason") or whole.get("stop_reason")
            told = {name: value for name, value in section(event, "usage").items() if value is not None}
            whole["usage"] = {**section(whole, "usage"), **told}
    whole["content"] = [_joined(blocks[at], "".join(pieces.get(at, ()))) for at in sorted(blocks)]
    return whole


def _joined(block: Json, said: str) -> Json:
    kind = text(block, "type")
    if kind == "text":
        block["text"] = (text(block, "text") or "") + said
    elif kind == "thinking":
        block["thinking"] = (text(block, "thinking") or "") + said
    elif said:
        block["input"] = _loaded(said)
    return block


def _loaded(said: str) -> Any:
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        return said  # a stream that was left before its end


def _parts(content: Any) -> list[Json]:
    if isinstance(content, str):
        return [text_part(content)] if content else []
    return [_part(block) for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _part(block: Json) -> Json:
    kind = text(block, "type") or "text"
    if kind == "text":
        return text_part(text(block, "text") or "")
    if kind == "thinking":
        return text_part(text(block, "thinking") or "", "reasoning")
    if kind in {"tool_use", "server_tool_use", "mcp_tool_use"}:
        return {
            "type": "tool_call",
            "id": text(block, "id"),
            "name": text(block, "name"),
            "arguments": block.get("input"),
        }
    if kind.endswith("tool_result"):
        return {"type": "tool_call_response", "id": text(block, "tool_use_id"), "response": _response(block)}
    if kind not in MODALITIES:
        return {"type": kind}
    source, modality = section(block, "source"), MODALITIES[kind]
    if at := uri_part(modality, text(source, "url")):
        return at
    if file := text(source, "file_id"):
        return {"type": "file", "modality": modality, "file_id": file}
    return {"type": "blob", "modality": modality, "mime_type": text(source, "media_type")}


def _response(block: Json) -> Any:
    """Return a tool's answer without the bytes in it: a text, parts, or what a tool of the provider's own tells."""
    answer = block.get("content")
    if isinstance(answer, list):
        return _parts([part for part in answer if not _is_result(part)])  # none is in another; a hostile one is, deep
    if not isinstance(answer, dict):
        return answer
    if "source" in answer:
        return _part(answer)
    fetched = answer.get("content")  # a page, or a file
    return {**answer, "content": _part(fetched)} if isinstance(fetched, dict) and "source" in fetched else answer


def _is_result(part: Any) -> bool:
    return isinstance(part, dict) and (text(part, "type") or "").endswith("tool_result")


MESSAGES = Shape("chat", read_request, read_answer, join)
