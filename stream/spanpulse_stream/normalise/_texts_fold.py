"""Messages of any shape to OpenTelemetry's GenAI message schema: {role, parts, name?, finish_reason?}.

A part is {type, ...}: text, tool_call, tool_call_response, or what its emitter made of it. Messages that hold nothing
(content capture switched off) are left out. Words of emitters (roles, finish reasons) stay as they are.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from spanpulse_stream.normalise._texts_read import parse_text

__all__ = ["Message", "add_instructions", "fold_choice", "fold_message", "fold_messages"]

Message = dict[str, Any]

_INSTRUCTING: Final = frozenset({"system", "developer"})


def fold_messages(value: Any, role: str) -> list[Message]:
    """Return the messages of a list, or of a single message or text; ``role`` where they name none."""
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    items = value if isinstance(value, list) else [value]
    return [message for item in items for message in fold_message(item, role)]


def fold_message(item: Any, role: str) -> list[Message]:
    """Return the message in a list, or an empty list if it holds nothing."""
    if item is None or item == "":
        return []
    if not isinstance(item, dict):
        return [{"role": role, "parts": [_part(item)]}]
    own = item.get("role")
    role = own if isinstance(own, str) and own else role
    parts = _parts(item, role)
    kept = {key: item[key] for key in ("name", "finish_reason") if isinstance(item.get(key), str)}
    return [{"role": role, "parts": parts} | kept] if parts else []


def fold_choice(body: Any) -> list[Message]:
    """Return the message of a choice (index, finish_reason, message) in a list."""
    if not isinstance(body, dict):
        return fold_message(body, "assistant")
    inner = body.get("message")
    source = inner if isinstance(inner, dict) else body if inner is None else {"content": inner}
    outer = {key: body[key] for key in ("finish_reason", "tool_calls") if body.get(key)}
    return fold_message({**outer, **source}, "assistant")


def add_instructions(messages: list[Message], instructions: Any) -> list[Message]:
    """Return the messages after the system's instructions, unless they begin with such."""
    if messages and messages[0]["role"] in _INSTRUCTING:
        return messages
    if isinstance(instructions, list) and not any(isinstance(item, dict) and "role" in item for item in instructions):
        instructions = {"parts": instructions}
    return fold_messages(instructions, "system") + messages


def _parts(item: Mapping[str, Any], role: str) -> list[Any]:
    parts = item.get("parts")
    if isinstance(parts, list):
        return [_part(part) for part in parts if part is not None]
    if "role" not in item and isinstance(item.get("type"), str):  # a part that stands for a message
        return [_part(item)]
    calls = item.get("tool_calls")
    return _contents(item, role) + [_call(call) for call in (calls if isinstance(calls, list) else [])]


def _contents(item: Mapping[str, Any], role: str) -> list[Any]:
    content = item.get("content")
    if content is None or content in ("", []):
        return []
    if role == "tool":
        call = item.get("id") or item.get("tool_call_id")
        return [{"type": "tool_call_response", "id": call, "response": content}]
    return [_part(part) for part in (content if isinstance(content, list) else [content])]


def _part(part: Any) -> Any:
    """Return a part of a message: with its type, and its text as content."""
    if isinstance(part, str):
        return {"type": "text", "content": part}
    if not isinstance(part, dict):
        return {"type": "text", "content": orjson.dumps(part).decode()}
    text = part.get("text")
    if (
        isinstance(text, str)
        and "content" not in part
        and part.get("type") in (None, "text", "input_text", "output_text")
    ):
        return {"type": "text", "content": text}
    return part if "type" in part else {"type": "text", "content": orjson.dumps(part).decode()}


def _call(call: Any) -> Any:
    """Return a tool call as a part; its arguments as what they hold."""
    if not isinstance(call, dict):
        return _part(call)
    inner = call.get("function")
    function = inner if isinstance(inner, dict) else call
    part = {"type": "tool_call", "id": call.get("id"), "name": function.get("name")}
    arguments = function.get("arguments")
    if arguments is not None:
        part["arguments"] = parse_text(arguments) if isinstance(arguments, str) else arguments
    return part
