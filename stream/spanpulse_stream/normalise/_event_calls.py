"""Calls that only the events of a span tell of: LlamaIndex's own OpenTelemetry puts everything there.

An event at the call's start has the model and what went in, one at its end the raw response, each value under the
path to it. A stream has no end: its span ends when the first chunk is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from spanpulse_stream.normalise._json import parsed

__all__ = ["EventCall", "call_of", "response_of_details"]

_RAW: Final = "response.raw."
_ABSENT: Final = frozenset((None, "", "null"))
_DEEPEST: Final = 4

_USAGE: Final = {
    "gen_ai.usage.input_tokens": ("prompt_tokens", ""),
    "gen_ai.usage.output_tokens": ("completion_tokens", ""),
    "gen_ai.usage.cache_read.input_tokens": ("prompt_tokens_details", "cached_tokens"),
    "gen_ai.usage.cache_creation.input_tokens": ("prompt_tokens_details", "cache_write_tokens"),
    "gen_ai.usage.reasoning.output_tokens": ("completion_tokens_details", "reasoning_tokens"),
}
"""Where a usage object has what the conventions have as attributes."""


@dataclass(frozen=True, slots=True)
class EventCall:
    """A call: its operation in the conventions' words, what was asked and answered, and what was said."""

    operation: str
    parameters: dict[str, Any]
    response: dict[str, Any]
    input: Any
    output: Any


def call_of(operation: str, events: list[dict[str, Any]]) -> EventCall:
    """Return the call that the attributes of a span's events tell of."""
    told = {
        key: value for event in events for key, value in event.items() if isinstance(value, list | dict) or _is(value)
    }
    asked = _read(told.get("messages"))
    return EventCall(
        operation,
        {"model": told.get("model_dict.model_name")},
        {name: value for name, value in _nested(told).items() if name in ("id", "model", "usage")},
        [_message(each) for each in asked] if isinstance(asked, list) else told.get("prompt"),
        _answer(told),
    )


def response_of_details(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the response that the attributes of an event of the conventions tell of, empty where of none."""
    usage: dict[str, Any] = {}
    for key, (name, part) in _USAGE.items():
        if key in told and part:
            usage.setdefault(name, {})[part] = told[key]
        elif key in told:
            usage[name] = told[key]
    found = {"id": told.get("gen_ai.response.id"), "model": told.get("gen_ai.response.model"), "usage": usage}
    return {name: value for name, value in found.items() if value}


def _read(value: Any) -> Any:
    return parsed(value) if isinstance(value, str) else value


def _is(value: Any) -> bool:
    return value not in _ABSENT


def _nested(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the raw response, its paths taken apart."""
    out: dict[str, Any] = {}
    for key, value in told.items():
        *above, name = key.removeprefix(_RAW).split(".", _DEEPEST)
        if not key.startswith(_RAW):
            continue
        inside: Any = out
        for step in above:
            inside = inside.setdefault(step, {}) if isinstance(inside, dict) else None
        if isinstance(inside, dict):
            inside[name] = value
    return out


def _answer(told: Mapping[str, Any]) -> Any:
    choices = _read(told.get(_RAW + "choices"))
    if isinstance(choices, list) and choices:
        return choices
    if "response.text" in told:
        return told["response.text"]
    blocks = _read(told.get("response.message.blocks"))
    return _message({"role": told.get("response.message.role"), "blocks": blocks}) if blocks else None


def _message(said: Any) -> Any:
    """Return a message of LlamaIndex as others write theirs."""
    blocks = said.get("blocks") if isinstance(said, dict) else None
    if not isinstance(blocks, list):
        return said
    return {"role": said.get("role"), "content": [_part(block) for block in blocks]}


def _part(block: Any) -> Any:
    if isinstance(block, dict) and block.get("block_type") == "tool_call":
        given = {"id": block.get("tool_call_id"), "name": block.get("tool_name"), "arguments": block.get("tool_kwargs")}
        return {"type": "tool_call", **given}
    return block
