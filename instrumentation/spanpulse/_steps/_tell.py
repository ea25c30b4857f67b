"""Frozen values of a step as attributes of its span: masked, cut and written. Runs in a thread of ours."""

import json
from typing import Any, Final

from spanpulse._privacy import Content
from spanpulse._shapes._openai_parts import parts_of_message
from spanpulse._shapes._told import message, text_part
from spanpulse._steps._freeze import Frozen
from spanpulse._steps._kinds import Form

__all__ = ["attribute_of", "error_words"]

LONGEST_ERROR: Final = 500  # characters
LARGEST: Final = 1 << 63  # OTLP's integers are below it
PLAIN: Final[tuple[set[type], ...]] = (set(), {str}, {bool}, {int}, {float})


def attribute_of(form: Form, value: Frozen, policy: Content) -> Any:
    """Return the value of an attribute."""
    value = _masked(value, policy)
    match form:
        case Form.WORD:
            return value if _is_plain(value) else _dumped(value)
        case Form.TEXT:
            return value if isinstance(value, str) else _dumped(value)
        case Form.JSON:
            return value if isinstance(value, str) else _dumped(value)
        case Form.INPUT:
            return _dumped(_messages(value, "user", None))
        case Form.OUTPUT:
            return _dumped(_messages(value, "assistant", "stop"))


def error_words(words: str, content: Content | None) -> str | None:
    """Return what may be said of an error's own words: they often quote what was asked."""
    return None if content is None else _sound(content.text(words[:LONGEST_ERROR]))


def _masked(value: Frozen, content: Content) -> Frozen:
    """Return a value with every text in it masked: also names of members, and numbers that look like a card's."""
    if isinstance(value, str):
        return _sound(content.text(value))
    if isinstance(value, dict):
        return {_sound(content.text(name)): _masked(inner, content) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, content) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool):
        text = content.text(str(value))
        return value if text == str(value) else text
    return value


def _sound(text: str) -> str:
    """Return a text that UTF-8 can write: halves of pairs become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _is_plain(value: Frozen) -> bool:
    """Tell whether an attribute can have a value: a text or number, or a list of one kind of them."""
    if isinstance(value, dict):
        return False
    each = value if isinstance(value, list) else [value]
    kinds = {type(one) for one in each}
    return kinds in PLAIN and (kinds != {int} or all(-LARGEST <= one < LARGEST for one in each))


def _messages(value: Frozen, role: str, finish_reason: str | None) -> list[Any]:
    if isinstance(value, dict) and "role" in value:
        value = [value]
    if isinstance(value, list) and value and all(isinstance(each, dict) and "role" in each for each in value):
        return [_message(each) for each in value]
    text = value if isinstance(value, str) else _dumped(value)
    return [message(role, [text_part(text)], finish_reason)]


def _message(said: dict[str, Any]) -> dict[str, Any]:
    if isinstance(said.get("parts"), list):
        return said
    return message(str(said["role"]), parts_of_message(said), said.get("finish_reason"))


def _dumped(value: Frozen) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
