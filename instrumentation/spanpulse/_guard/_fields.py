"""Which fields of messages, answers and events hold what is said, in the shapes of the providers."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["ANSWERS", "FREE", "SAID", "THOUGHTS", "UNSAID", "is_said", "is_thought", "repeats"]

FREE: Final = frozenset(("input", "args", "parsed"))
"""Fields whose value has a form of the application's own, so that every string in it counts."""
THOUGHTS: Final = frozenset(("reasoning", "reasoning_content", "reasoning_details", "thinking", "summary", "refusal"))
ANSWERS: Final = frozenset(("content", "text", "output_text"))
"""Fields whose string is a part of the answer."""
SAID: Final = frozenset(
    (
        *("message", "messages", "choices", "candidates", "output", "part", "parts", "item", "response", "delta"),
        *("content_block", "tool_calls", "function", "function_call", "custom", "arguments", "partial_json"),
        *("function_response", "executable_code", "code_execution_result", "code", "audio", "transcript"),
        *ANSWERS,
        *THOUGHTS,
        *FREE,
    )
)
"""Fields that hold what is said, or lead to it."""
UNSAID: Final = frozenset(("system", "developer"))
"""Roles whose messages are the application's own words."""
OUTERMOST: Final = frozenset(("choices", "candidates", "parts"))
EVENTS: Final = ("response.", "message_", "content_block_")
BESIDE_CONTENT: Final = frozenset(("role", "additional_kwargs"))


def is_said(members: Mapping[str, Any]) -> bool:
    """Tell whether an object is a message, an answer or an event of a stream, by the names of its members."""
    if not OUTERMOST.isdisjoint(members) or members.get("object") == "response":
        return True
    if "content" in members and not BESIDE_CONTENT.isdisjoint(members):
        return True
    kind = members.get("type")
    return isinstance(kind, str) and kind.startswith(EVENTS)


def is_thought(members: Mapping[str, Any]) -> bool:
    """Tell whether an object holds what a model thought rather than answered."""
    kind = members.get("type")
    return members.get("thought") is True or (isinstance(kind, str) and kind.startswith(("reasoning", "thinking")))


def repeats(members: Mapping[str, Any]) -> bool:
    """Tell whether an event of a stream repeats a text that came in parts before."""
    kind = members.get("type")
    return isinstance(kind, str) and kind.startswith("response.") and not kind.endswith(".delta")
