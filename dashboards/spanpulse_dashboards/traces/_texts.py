"""Messages and other texts of a span as parts of bounded size, whatever an emitter has put into them.

Messages are JSON lists of the OTel GenAI schema; what is none is shown as it is, as one part. Each cut text names its
source (`input.2.0`: message 2, part 0), and `whole_text` finds it again. Not guaranteed: that JSON is shown as it was
written; numbers are Python's, keys keep their order.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from spanpulse_dashboards.traces._detail_models import Message, Part, Text
from spanpulse_dashboards.traces._json_text import json_text

__all__ = ["LONGEST", "MOST_MESSAGES", "conversation", "parsed", "text_of", "whole_part"]

LONGEST = 4_000
MOST_MESSAGES = 200
MOST_PARTS = 50
# Where the parts of the schema keep what they say.
BODIES = {"text": "content", "reasoning": "content", "tool_call": "arguments", "tool_call_response": "response"}


def text_of(value: Any, source: str, *, longest: int | None = LONGEST) -> Text:
    """Return a value as text, cut at ``longest`` characters; objects and lists as JSON, which is marked as such."""
    text, is_json = _written(value)
    shown = text[:longest]
    return Text(text=shown, length=len(text), cut=len(shown) < len(text), source=source, is_json=is_json)


def conversation(messages: str | None, source: str) -> tuple[list[Message], int]:
    """Return the messages and how many were left out; ``source`` is input or output."""
    found = parsed(messages)
    if found is None:
        return [], 0
    if not isinstance(found, list):
        found = [{"role": "", "parts": [{"type": "text", "content": found}]}]
    shown = [_message(each, f"{source}.{index}") for index, each in enumerate(found[:MOST_MESSAGES])]
    return shown, max(0, len(found) - MOST_MESSAGES)


def whole_part(messages: str | None, index: int, part: int) -> str | None:
    """Return the whole text of a part, or None where there is none."""
    found = parsed(messages)
    if not isinstance(found, list):
        return _written(found)[0] if found is not None and (index, part) == (0, 0) else None
    if not 0 <= index < len(found):
        return None
    parts = list(_parts(found[index]))
    return _written(_body(parts[part]))[0] if 0 <= part < len(parts) else None


def parsed(text: str | None) -> Any:
    """Return what JSON says, or the text itself where it is none."""
    if text is None:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _message(message: Any, source: str) -> Message:
    parts = list(_parts(message))
    known: Mapping[str, Any] = message if isinstance(message, dict) else {}
    return Message(
        role=_word(known.get("role")) or "",
        name=_word(known.get("name")),
        finish_reason=_word(known.get("finish_reason")),
        parts=[_part(part, f"{source}.{index}") for index, part in enumerate(parts[:MOST_PARTS])],
        parts_left_out=max(0, len(parts) - MOST_PARTS),
    )


def _parts(message: Any) -> Iterator[Any]:
    """Yield the parts of a message, or what stands in their place."""
    if not isinstance(message, dict):
        yield message
    elif isinstance(message.get("parts"), list):
        yield from message["parts"]
    else:
        yield {name: value for name, value in message.items() if name not in {"role", "name", "finish_reason"}}


def _part(part: Any, source: str) -> Part:
    known: Mapping[str, Any] = part if isinstance(part, dict) else {}
    return Part(
        type=_word(known.get("type")) or ("text" if isinstance(part, str) else "json"),
        name=_word(known.get("name")),
        id=_word(known.get("id")),
        body=text_of(_body(part), source),
    )


def _body(part: Any) -> Any:
    """Return what a part says; one of a type that is not known, whole."""
    if isinstance(part, dict):
        where = BODIES.get(str(part.get("type")))
        return part[where] if where in part else {name: value for name, value in part.items() if name != "type"}
    return part


def _written(value: Any) -> tuple[str, bool]:
    if isinstance(value, str):
        return value, value.lstrip()[:1] in {"{", "["} and not isinstance(parsed(value), str)
    return json_text(value, indented=True), True


def _word(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json_text(value)
