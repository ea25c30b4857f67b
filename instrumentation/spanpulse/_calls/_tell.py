"""Telling a span what its call said: attributes by the GenAI conventions, content by policy."""

import json
from typing import Any

from opentelemetry.trace import Status, StatusCode

from spanpulse._calls._body import Collected, read_events, read_json, read_usage
from spanpulse._calls._call import Call
from spanpulse._privacy import Content, mask_known
from spanpulse._shapes import Attribute, Json, Told

__all__ = ["tell"]

NS = 1e9


def tell(call: Call, content: Content | None) -> dict[str, Attribute]:
    """Set the attributes of a call that has ended, and return them. Without ``content`` no texts leave."""
    asked, answered = call.shape.read_request(read_json(call.request)), _answer(call)
    told = asked.attributes | answered.attributes
    if call.is_stream:
        told["gen_ai.request.stream"] = True
        if call.first_ns:
            told["gen_ai.response.time_to_first_chunk"] = (call.first_ns - call.started_ns) / NS
    if call.error:
        told["error.type"] = call.error
    if "error.type" in told:
        words = mask_known(call.words) if content is not None else ""  # an error may repeat what it was asked
        call.span.set_status(Status(StatusCode.ERROR, words or str(told["error.type"])))
    call.span.set_attributes(told)
    if content is not None:
        call.span.set_attributes(_texts(asked, answered, content))
    return told


def _answer(call: Call) -> Told:
    answer = call.answer
    if not isinstance(answer, Collected):
        read = read_usage(answer) if call.usage_only else read_json(answer, call.encoding)
        return call.shape.read_answer(read)
    parts = answer.parts()
    if not call.is_stream:
        return call.shape.read_answer(read_json(parts[0], call.encoding))
    events = list(read_events(parts, call.encoding))
    told = call.shape.read_answer(call.shape.join(events))
    for event in events:
        told.note("error.type", _failure(event))
    return told


def _failure(event: Json) -> str | None:
    """Return the provider's code of an event that is an error: an object in it, or itself."""
    failed = event.get("error")
    if isinstance(failed, dict):
        return str(failed.get("code") or failed.get("type") or "error")
    return str(event.get("code") or "error") if event.get("type") == "error" else None


def _texts(asked: Told, answered: Told, content: Content) -> dict[str, str]:
    said: dict[str, list[Json]] = {
        "gen_ai.input.messages": asked.messages,
        "gen_ai.output.messages": answered.messages,
        "gen_ai.system_instructions": asked.instructions,
        "gen_ai.tool.definitions": asked.tools,
    }
    return {key: _dumped(content.value(value)) for key, value in said.items() if value}


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
