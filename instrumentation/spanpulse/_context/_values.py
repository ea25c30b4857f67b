"""What an application says of its work, as attributes of spans: bounded, and each of them a text.

Guarantee: nothing here raises. What cannot be an attribute (another type, too long, control characters, too many) is
left out and said once, by its name alone: an id that is cut would be that of somebody else.
"""

import math
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final
from uuid import UUID

from spanpulse._log import say_once

__all__ = ["EXPERIMENT", "MOST", "TAG", "Attributes", "attributes_from", "is_sound", "merged", "tag_of"]

Attributes = Mapping[str, str]

LONGEST: Final = 1024  # bytes; the stream takes no longer word
LONGEST_NAME: Final = 128  # characters
MOST: Final = 64  # attributes of one span; OpenTelemetry's limit of a span is 128 for everything
EXPERIMENT: Final = "spanpulse.experiment."
TAG: Final = "spanpulse.tag."
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def attributes_from(user_id: Any, session_id: Any, prompt: Any, experiments: Any, tags: Any) -> dict[str, str]:
    """Return attributes by the names that the stream reads; what is None or empty says nothing."""
    told: dict[str, str] = {}
    _add(told, "user.id", user_id, "user_id")
    _add(told, "session.id", session_id, "session_id")
    name, version = _pair(prompt)
    _add(told, "gen_ai.prompt.name", name, "the prompt's name")
    _add(told, "spanpulse.prompt.version", version, "the prompt's version")
    for key, value in _members(experiments, EXPERIMENT, "experiments"):
        _add(told, key, value, "a variant")
    for key, value in _members(tags, TAG, "tags"):
        _add(told, key, value, "a tag")
    return told


def tag_of(name: Any, value: Any) -> dict[str, str]:
    """Return the attribute of a tag; none where it cannot be one."""
    return attributes_from(None, None, None, None, {name: value})


def merged(outer: Attributes, own: Attributes) -> Attributes:
    """Return the union, in which what is ``own`` counts; at most `MOST`, the outer ones first."""
    told = {**outer, **own}
    if len(told) <= MOST:
        return told
    say_once(f"the context holds more than {MOST} values; the rest is left out of spans")
    return dict(islice(told.items(), MOST))


def is_sound(text: str, longest: int = LONGEST) -> bool:
    """Tell whether a text can be a word of a span: of at most ``longest`` bytes and no control characters."""
    if len(text) > longest or CONTROL.search(text):
        return False
    try:
        return text.isascii() or len(text.encode()) <= longest
    except UnicodeEncodeError:
        return False


def _add(told: dict[str, str], key: str, value: Any, what: str) -> None:
    if value is None or value == "":
        return
    text = _text(value)
    if text is None:
        say_once(f"{what} is left out of spans: it has to be a text or a number")
    elif not is_sound(text):
        say_once(f"{what} is left out of spans: it is longer than {LONGEST} bytes, or has control characters")
    else:
        told[key] = text


def _text(value: Any) -> str | None:
    """Return a value as the stream writes it; None for what has no such form."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 256 else None
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else None
    return str(value) if isinstance(value, UUID) else None


def _pair(prompt: Any) -> tuple[Any, Any]:
    """Return name and version of a prompt, which may be its name alone."""
    if isinstance(prompt, tuple | list):
        if len(prompt) == 2:
            return prompt[0], prompt[1]
        say_once("prompt is left out of spans: it has to be a name, or (name, version)")
        return None, None
    return prompt, None


def _members(given: Any, prefix: str, what: str) -> Iterator[tuple[str, Any]]:
    if given is None:
        return
    if not isinstance(given, Mapping):
        say_once(f"{what} are left out of spans: they have to be a dict")
        return
    for name, value in islice(given.items(), MOST):
        if isinstance(name, str) and name and len(name) <= LONGEST_NAME and is_sound(name):
            yield prefix + name, value
        else:
            say_once(f"of {what} one is left out of spans: its name is no text of 1 to {LONGEST_NAME} characters")
    if len(given) > MOST:
        say_once(f"of {what} only {MOST} are put on spans")
