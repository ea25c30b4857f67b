"""Messages in OpenTelemetry's schema, a list of {role, parts}, from what providers and emitters write.

Known are the forms of OpenAI (chat and responses), Anthropic, Gemini, Bedrock's Converse and Vercel, single messages
and plain texts.
What is none of these becomes one text. Nothing is lost: a part of an unknown form stays as it is, and what lies deeper
than lists of messages do becomes the text of its JSON.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

import orjson

from spanpulse_stream.json_text import json_bytes

__all__ = ["INPUT", "OUTPUT", "are_messages", "messages_of", "parts_of", "system_message", "text_message"]

Json = Any
Message = dict[str, Json]

INPUT: Final = "user"
OUTPUT: Final = "assistant"

_ROLES: Final = {"model": "assistant", "ai": "assistant", "human": "user", "developer": "system"}
_LISTS: Final = ("messages", "input", "contents", "output", "candidates", "choices", "prompts")
_CONTENTS: Final = ("parts", "content", "contents")
_TEXTS: Final = frozenset({"text", "input_text", "output_text", "reasoning_text", "summary_text"})
_CALLS: Final = frozenset({"tool-call", "tool_use", "function_call", "tool_call"})
_RESULTS: Final = frozenset({"tool-result", "tool_result", "function_call_output", "tool_call_response"})
_SYSTEMS: Final = ("system", "instructions", "systemInstruction", "system_instruction")
_ENDS: Final = ("finish_reason", "finishReason", "stopReason")
_MOST_NESTED: Final = 8
_DEEPEST_LIST: Final = 64


def are_messages(value: Json) -> bool:
    """Tell whether a value is a list of messages in the schema already."""
    return isinstance(value, list) and all(
        isinstance(each, dict) and isinstance(each.get("role"), str) and isinstance(each.get("parts"), list)
        for each in value
    )


def text_message(role: str, text: str) -> Message:
    """Return one message of one text."""
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def system_message(value: Json) -> Message | None:
    """Return system instructions (a text, parts, or messages) as one message; None if there are none."""
    if are_messages(value) and value:
        parts = [part for message in value for part in message["parts"]]
    else:
        parts = parts_of(value["parts"] if _has_parts(value) else value)
    return {"role": "system", "parts": parts} if parts else None


def messages_of(value: Json, role: str, depth: int = 0) -> list[Message]:
    """Return a value as messages; ``role`` is that of texts that name none."""
    if isinstance(value, dict):
        return _of_object(value, role, depth)
    if isinstance(value, list) and depth < _DEEPEST_LIST:
        if value and all(isinstance(each, str) for each in value):
            return [{"role": role, "parts": parts_of(value)}]
        return [message for each in value for message in messages_of(each, role, depth + 1)]
    if value is None:
        return []
    return [text_message(role, value if isinstance(value, str) else _dumped(value))]


def _of_object(value: Message, role: str, depth: int) -> list[Message]:
    inner = _inner(value)
    if inner is not None and depth < _MOST_NESTED:
        return _finished(messages_of(inner, role, depth + 1), value)
    held = next((value[name] for name in _LISTS if isinstance(value.get(name), list | str)), None)
    if held is None and _has_parts(value.get("contents")):
        held = value["contents"]
    if held is None and isinstance(value.get("prompt"), str | list):
        held = value["prompt"]
    if held is not None and "role" not in value and depth < _MOST_NESTED:
        config = value.get("config")
        first = system_message(_first(value, *_SYSTEMS) or (_first(config, *_SYSTEMS) if _is_object(config) else None))
        return ([first] if first else []) + messages_of(held, role, depth + 1)
    kind = _kind(value)
    if kind in _CALLS | _RESULTS:
        return [{"role": "tool" if kind in _RESULTS else "assistant", "parts": [_part(value)]}]
    if any(name in value for name in ("role", "tool_calls", *_CONTENTS)):
        return [_message(value, role)]
    return [{"role": role, "parts": [_part(value)]}]


def _inner(value: Message) -> Message | None:
    """Return the message that an object holds: a choice, an answer of Converse, a candidate of Gemini."""
    output, content = value.get("output"), value.get("content")
    for inner in (value.get("message"), output.get("message") if _is_object(output) else None):
        if _is_object(inner):
            return inner
    return content if _has_parts(content) and "role" not in value else None


def _is_object(value: Json) -> TypeGuard[Message]:
    return isinstance(value, dict)


def _has_parts(value: Json) -> bool:
    """Tell whether a value is what Gemini calls a content."""
    return isinstance(value, dict) and isinstance(value.get("parts"), list)


def _kind(value: Message) -> str | None:
    """Return the type that an object names, if it is a name."""
    kind = value.get("type")
    return kind if isinstance(kind, str) else None


def _finished(messages: list[Message], choice: Message) -> list[Message]:
    """Add the finish reason of a choice to its messages."""
    reason = _first(choice, *_ENDS)
    return [{**message, "finish_reason": reason} if isinstance(reason, str) else message for message in messages]


def _message(value: Message, role: str) -> Message:
    named = value.get("role")
    role = _ROLES.get(named.lower(), named) if isinstance(named, str) and named else role
    content = next((value[name] for name in _CONTENTS if value.get(name) is not None), None)
    identity = value.get("tool_call_id")
    if role == "tool" and identity is not None:
        parts = [{"type": "tool_call_response", "id": identity, "response": content}]
    else:
        parts = parts_of(content)
    calls = value.get("tool_calls")
    parts += [_call(each) for each in calls if isinstance(each, dict)] if isinstance(calls, list) else []
    message = {"role": role, "parts": parts}
    for name in ("name", "finish_reason"):
        if isinstance(value.get(name), str):
            message[name] = value[name]
    return message


def parts_of(content: Json) -> list[Message]:
    """Return a message's content as parts."""
    if content is None:
        return []
    if isinstance(content, list):
        return [_part(each) for each in content]
    return [_part(content)]


def _part(value: Json) -> Message:
    if not isinstance(value, dict):
        return {"type": "text", "content": value if isinstance(value, str) else _dumped(value)}
    kind = _kind(value)
    if kind is None:
        return _untyped(value)
    if kind in _TEXTS:
        return {"type": "text", "content": value.get("text", value.get("content"))}
    if kind in _CALLS:
        return _call(value)
    return _result(value) if kind in _RESULTS else value


def _untyped(value: Message) -> Message:
    """Return a part of Gemini or Bedrock, which name the type by the key."""
    if isinstance(value.get("text"), str):
        return {"type": "reasoning" if value.get("thought") is True else "text", "content": value["text"]}
    for name, read in _KEYS.items():
        if _is_object(value.get(name)):
            return read(value[name])
    return {"type": "text", "content": _dumped(value)}


def _reasoning(value: Message) -> Message:
    text = value.get("reasoningText")
    return {"type": "reasoning", "content": text["text"] if _is_object(text) and "text" in text else _dumped(value)}


def _call(value: Mapping[str, Json]) -> Message:
    inner = value.get("function")
    function = inner if isinstance(inner, dict) else value
    identity = _first(value, "id", "call_id", "toolCallId", "tool_call_id", "toolUseId")
    name = _first(function, "name", "toolName")
    arguments = _first(function, "arguments", "input", "args")
    if isinstance(arguments, str):
        arguments = _loaded(arguments)
    return {"type": "tool_call", "id": identity, "name": name, "arguments": arguments}


def _result(value: Mapping[str, Json]) -> Message:
    identity = _first(value, "id", "call_id", "toolCallId", "tool_use_id", "tool_call_id", "toolUseId")
    response = _first(value, "response", "output", "result", "content")
    return {"type": "tool_call_response", "id": identity, "response": response}


_KEYS: Final = {
    "functionCall": _call,
    "function_call": _call,
    "toolUse": _call,
    "functionResponse": _result,
    "function_response": _result,
    "toolResult": _result,
    "reasoningContent": _reasoning,
}


def _first(value: Mapping[str, Json], *names: str) -> Json:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _loaded(text: str) -> Json:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _dumped(value: Json) -> str:
    return json_bytes(value).decode()
