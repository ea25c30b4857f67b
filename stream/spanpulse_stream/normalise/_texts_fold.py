"""What a message event holds, as JSON in OpenTelemetry's message schema: [{role, parts, name?, finish_reason?}].

What is in the schema already stays as it was written. Messages that hold nothing (content capture switched off) are
left out, unless they say why an answer ended; where nothing is left there is no text at all.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from spanpulse_stream.json_text import json_bytes
from spanpulse_stream.normalise._outcome import reasons_of
from spanpulse_stream.normalise._schema import INPUT, OUTPUT, are_messages, messages_of, system_message, text_message
from spanpulse_stream.normalise._texts_read import Raw, object_of

__all__ = ["fold_choice", "fold_input", "fold_message", "fold_output"]

LAST_INDEX: Final = 2**31 - 1
USUAL_REASON: Final = 32  # characters; longer words are not remembered


def fold_input(raw: Raw, instructions: Raw) -> bytes:
    """Return input messages, after the system's instructions unless they begin with such."""
    value = object_of(raw)
    text = _fold(value, INPUT, raw)
    if instructions is None or (are_messages(value) and value and value[0]["role"] == "system"):
        return text
    system = system_message(object_of(instructions))
    if system is None or text.startswith(b'[{"role":"system"'):
        return text
    return b"[%b%b" % (json_bytes(system), b"," + text.lstrip()[1:] if text else b"]")


def fold_output(raw: Raw) -> bytes:
    """Return output messages."""
    return _fold(object_of(raw), OUTPUT, raw)


def fold_message(raw: Raw, role: str) -> bytes:
    """Return the message that a body is; ``role`` where it names none."""
    if isinstance(raw, bytes) and raw.startswith(b'{"content":"') and raw.count(b'"') == 4 and role != "tool":
        # One text and nothing else, as nearly all are: it is JSON already.
        content = raw[len(b'{"content":') : -1]
        return b'[{"role":"%b","parts":[{"type":"text","content":%b}]}]' % (role.encode(), content) * (content != b'""')
    body = object_of(raw)
    if not isinstance(body, dict):
        return _fold(body, role, raw)
    if role == "tool" and "id" in body:  # of the call that it answers
        body = {"tool_call_id": body["id"], **body}
    return _fold({"role": role, **body}, role, raw)


def fold_choice(raw: Raw) -> tuple[int, bytes]:
    """Return (index, message) of a choice: {index, finish_reason, message}; 0 where the index is none."""
    body = object_of(raw)
    if not isinstance(body, dict):
        return 0, _fold(body, OUTPUT, raw)
    inner = body.get("message")
    message = inner if isinstance(inner, dict) else {"content": body.get("content") if inner is None else inner}
    outer: dict[str, Any] = {} if body.get("tool_calls") is None else {"tool_calls": body["tool_calls"]}
    if reason := _reason(body.get("finish_reason")):
        outer["finish_reason"] = reason
    return _index(body), _plain_answer(outer, message) or _fold({"role": OUTPUT, **outer, **message}, OUTPUT, raw)


def _reason(value: Any) -> str:
    """Return why an answer ended; empty if it does not say so."""
    if isinstance(value, str) and len(value) <= USUAL_REASON:
        return _known_reason(value)
    return next(iter(reasons_of(value)), "")


@lru_cache(maxsize=256)
def _known_reason(word: str) -> str:
    return next(iter(reasons_of(word)), "")


def _index(choice: Mapping[str, Any]) -> int:
    index = choice.get("index")
    return index if type(index) is int and 0 <= index <= LAST_INDEX else 0


def _plain_answer(outer: Mapping[str, Any], message: Mapping[str, Any]) -> bytes:
    """Return a message of one text, as nearly all are; nothing if it is another."""
    if outer.keys() != {"finish_reason"} or message.keys() != {"role", "content"} or message["role"] != OUTPUT:
        return b""
    content = message["content"]
    if not content or not isinstance(content, str):
        return b""
    return json_bytes([{**text_message(OUTPUT, content), **outer}])


def _fold(value: Any, role: str, raw: Raw) -> bytes:
    """Return a value as messages; ``raw`` is what it was read from."""
    if value and are_messages(value) and all(map(_says, value)):
        return raw if isinstance(raw, bytes) else (raw or "").encode()
    messages = [message for message in messages_of(value, role) if _says(message)]
    return json_bytes(messages) if messages else b""


def _says(message: Mapping[str, Any]) -> bool:
    """Tell whether a message holds anything but empty texts; ``error`` stands for an end without a reason."""
    reason = message.get("finish_reason")
    if isinstance(reason, str) and reason not in ("", "error"):
        return True
    for part in message["parts"]:
        if not isinstance(part, dict) or part.get("content") or part.get("type") != "text":
            return True
    return False
