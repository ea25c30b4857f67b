"""OpenAI's responses: input and output are lists of items, and a stream ends with the whole response."""

from collections.abc import Sequence
from typing import Any

from spanpulse._shapes._json import Json, integer, number, section, sections, text
from spanpulse._shapes._openai_parts import answer_of, arguments_of, parts_of
from spanpulse._shapes._told import Shape, Told, message, text_part
from spanpulse._shapes._tools import tools_of

__all__ = ["RESPONSES"]

LAST = frozenset({"response.completed", "response.incomplete", "response.failed"})
UNFINISHED = frozenset({"in_progress", "queued"})  # a stream that was left, or what runs in the background
CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
ANSWERS = frozenset({"function_call_output", "custom_tool_call_output"})


def read_request(body: Json) -> Told:
    """Read a request."""
    told = Told()
    told.note("gen_ai.request.model", text(body, "model"))
    told.note("gen_ai.request.temperature", number(body, "temperature"))
    told.note("gen_ai.request.top_p", number(body, "top_p"))
    told.note("gen_ai.request.max_tokens", integer(body, "max_output_tokens"))
    told.note("gen_ai.conversation.id", text(section(body, "conversation"), "id") or text(body, "conversation"))
    kind = text(section(section(body, "text"), "format"), "type")
    told.note("gen_ai.output.type", "json" if kind in {"json_object", "json_schema"} else kind)
    if (tier := text(body, "service_tier")) != "auto":
        told.note("openai.request.service_tier", tier)
    told.note("openai.api.type", "responses")
    if instructions := text(body, "instructions"):
        told.instructions = [text_part(instructions)]
    asked = body.get("input")
    if isinstance(asked, str):
        told.messages = [message("user", [text_part(asked)])]
    else:
        told.messages = [_item(item) for item in sections(body, "input")]
    told.tools = tools_of(body)
    return told


def read_answer(body: Json) -> Told:
    """Read an answer. Its finish reason is its status, or what made it incomplete."""
    told = Told()
    told.note("gen_ai.response.id", text(body, "id"))
    told.note("gen_ai.response.model", text(body, "model"))
    told.note("openai.response.service_tier", text(body, "service_tier"))
    usage = section(body, "usage")
    told.note("gen_ai.usage.input_tokens", integer(usage, "input_tokens"))
    told.note("gen_ai.usage.output_tokens", integer(usage, "output_tokens"))
    taken, given = section(usage, "input_tokens_details"), section(usage, "output_tokens_details")
    told.note("gen_ai.usage.cache_read.input_tokens", integer(taken, "cached_tokens"))
    told.note("gen_ai.usage.cache_write.input_tokens", integer(taken, "cache_write_tokens"))
    told.note("gen_ai.usage.reasoning.output_tokens", integer(given, "reasoning_tokens"))
    status = text(body, "status") or ""
    reason = text(section(body, "incomplete_details"), "reason") or ("" if status in UNFINISHED else status)
    told.note("gen_ai.response.finish_reasons", [reason] if reason else [])
    told.note("error.type", text(section(body, "error"), "code") or ("failed" if status == "failed" else None))
    parts = [part for item in sections(body, "output") for part in _item(item)["parts"]]
    if parts:
        told.messages = [message("assistant", parts, reason)]
    return told


def join(events: Sequence[Json]) -> Json:
    """Return the response that events amount to: the last one has it; else what was done by then."""
    whole: Json = {}
    done: list[Any] = []
    open_texts: dict[int | None, list[str]] = {}
    for event in events:
        kind = text(event, "type")
        if (response := section(event, "response")) and (kind in LAST or not whole):
            whole = dict(response)
        if kind in LAST:
            return whole
        if kind == "response.output_item.done":
            done.append(event.get("item"))
            open_texts.pop(integer(event, "output_index"), None)
        elif kind == "response.output_text.delta" and (piece := text(event, "delta")):
            open_texts.setdefault(integer(event, "output_index"), []).append(piece)
    left = ("".join(pieces) for pieces in open_texts.values())
    said = [{"type": "message", "content": [{"type": "output_text", "text": each}]} for each in left]
    return {**whole, "output": done + said}


def _item(item: Json) -> Json:
    """Return an item as a message."""
    kind = text(item, "type") or "message"
    if kind == "message":
        return message(text(item, "role") or "assistant", parts_of(item.get("content")))
    if kind in CALLS:
        given = arguments_of(text(item, CALLS[kind]))
        call = {"type": "tool_call", "id": text(item, "call_id"), "name": text(item, "name"), "arguments": given}
        return message("assistant", [call])
    if kind in ANSWERS:
        return message("tool", [answer_of(text(item, "call_id"), item.get("output"))])
    if kind == "reasoning":
        thoughts = [*parts_of(item.get("summary")), *parts_of(item.get("content"))]
        return message("assistant", [text_part(said.get("content") or "", "reasoning") for said in thoughts])
    return message("assistant", [{"type": kind, "id": text(item, "id")}])  # what the provider's own tools did


RESPONSES = Shape("chat", read_request, read_answer, join)
