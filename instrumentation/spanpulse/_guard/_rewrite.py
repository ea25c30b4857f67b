"""Values with other texts in them: copies along the way to each text, of the same classes; the rest is shared.

What says the same in other words goes, along that way: the log probabilities of tokens. Guarantee: the value given is
not changed, and no constructor or validator runs.
"""

import copy
from collections.abc import Mapping
from typing import Any, Final

from spanpulse._guard._texts import Path, members_of

__all__ = ["with_texts"]

AGAIN: Final = ("logprobs", "logprobs_result", "avg_logprobs")
"""Members that repeat texts by their tokens."""


def with_texts(value: Any, texts: Mapping[Path, str]) -> Any:
    """Return a value with texts in the places of others. Raises TypeError for a class that cannot be copied."""
    if () in texts:
        return texts[()]
    return _rewritten(value, texts) if texts else value


def _rewritten(value: Any, texts: Mapping[Path, str]) -> Any:
    inside: dict[str | int, dict[Path, str]] = {}
    for path, text in texts.items():
        inside.setdefault(path[0], {})[path[1:]] = text
    if isinstance(value, list | tuple):
        items = [with_texts(each, inside.get(place, {})) for place, each in enumerate(value)]
        return _like(value, items)
    members: Mapping[Any, Any] | None = members_of(value)
    if members is None or (isinstance(value, Mapping) and not isinstance(value, dict)):
        raise TypeError(f"a copy of a {type(value).__name__} may share its members")
    changed: dict[Any, Any] = {name: with_texts(members[name], texts) for name, texts in inside.items()}
    for name in AGAIN:
        if members.get(name) is not None:
            changed[name] = [] if isinstance(members[name], list) else None
    made = copy.copy(value)
    for name, inner in changed.items():
        _set(made, name, inner)
    return made


def _like(value: list[Any] | tuple[Any, ...], items: list[Any]) -> Any:
    if isinstance(value, list):
        made = copy.copy(value)
        made[:] = items
        return made
    make: Any = getattr(type(value), "_make", None)
    return tuple(items) if make is None else make(items)


def _set(made: Any, name: str, value: Any) -> None:
    """Set a member of a copy, around whatever its class does when one is set."""
    extra = getattr(made, "__pydantic_extra__", None)
    if isinstance(made, dict):
        made[name] = value
    elif extra is not None and name in extra:
        extra[name] = value
    elif name in getattr(made, "__dict__", ()):
        made.__dict__[name] = value
    else:
        object.__setattr__(made, name, value)
