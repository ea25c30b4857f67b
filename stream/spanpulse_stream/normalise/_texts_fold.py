"""What a message event holds, in OpenTelemetry's message schema: {role, parts, name?, finish_reason?}.

Messages that hold nothing (content capture switched off) are left out.
"""

from typing import Any

from spanpulse_stream.normalise._schema import INPUT, OUTPUT, are_messages, messages_of, system_message

__all__ = ["Message", "fold_choice", "fold_input", "fold_message", "fold_output"]

Message = dict[str, Any]


def fold_input(value: Any, instructions: Any) -> list[Message]:
    """Return input messages, after the system's instructions unless they begin with such."""
    messages = _fold(value, INPUT)
    if instructions is None or (messages and messages[0]["role"] == "system"):
        return messages
    system = system_message(instructions)
    return [system, *messages] if system else messages


def fold_output(value: Any) -> list[Message]:
    """Return output messages."""
    return _fold(value, OUTPUT)


def fold_message(body: Any, role: str) -> list[Message]:
    """Return the message that a body is; ``role`` where it names none."""
    if not isinstance(body, dict):
        return _fold(body, role)
    if role == "tool" and "id" in body:  # of the call that it answers
        body = {"tool_call_id": body["id"], **body}
    return _fold({"role": role, **body}, role)


def fold_choice(body: Any) -> list[Message]:
    """Return the message of a choice: {index, finish_reason, message}."""
    if not isinstance(body, dict):
        return _fold(body, OUTPUT)
    inner = body.get("message")
    message = inner if isinstance(inner, dict) else {"content": body.get("content") if inner is None else inner}
    outer = {name: body[name] for name in ("finish_reason", "tool_calls") if body.get(name) is not None}
    return _fold({"role": OUTPUT, **outer, **message}, OUTPUT)


def _fold(value: Any, role: str) -> list[Message]:
    if are_messages(value):
        found = [{name: item for name, item in message.items() if item is not None} for message in value]
    else:
        found = messages_of(value, role)
    return [message for message in found if message["parts"]]
