"""Which arguments of a call are looked at: what a person or a document says in them, not names of models or options.

Of arguments named as in `NAMES` those; where there is none of these, every other one that is a text or holds messages,
but for `OPTIONS`, `self` and `cls`. Instructions (`system`, `instructions`) are the application's own words.
"""

import inspect
from collections.abc import Callable
from typing import Any, Final

from spanpulse._guard._texts import Slot, Unreadable, slots_of

__all__ = ["Arguments", "slots_of_arguments"]

NAMES: Final = frozenset(
    (
        *("messages", "input", "inputs", "prompt", "contents", "message", "query", "question", "text", "texts"),
        *("user_input", "user_prompt", "user_message", "documents"),
    )
)
OPTIONS: Final = frozenset(
    ("self", "cls", "model", "system", "instructions", "system_prompt", "system_instruction", "config")
)


class Arguments:
    """The names of a function's parameters; a call that names all its arguments needs none."""

    __slots__ = ("_function", "_names")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._names: tuple[str, ...] | None = None

    def named(self, args: tuple[Any, ...]) -> tuple[str, ...]:
        """Return names for positional arguments, "" for one that has none."""
        if not args:
            return ()
        if self._names is None:
            self._names = _names(self._function)
        return tuple(self._names[place] if place < len(self._names) else "" for place in range(len(args)))


def _names(function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(each.name for each in parameters if each.kind in by_position)


def slots_of_arguments(names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Slot]:
    """Return the texts that go in; their paths begin with a position or a name. Raises Unreadable if there are none."""
    given: list[tuple[str | int, str, Any]] = [(place, names[place], value) for place, value in enumerate(args)]
    given += [(name, name, value) for name, value in kwargs.items()]
    chosen = [(key, value) for key, name, value in given if name in NAMES and value is not None]
    found: list[Slot] = []
    for key, value in chosen or [(key, value) for key, name, value in given if name not in OPTIONS]:
        for slot in _slots(value, is_chosen=bool(chosen)):
            answer = None if slot.answer is None else f"{key} {slot.answer}"
            found.append(Slot((key, *slot.path), slot.text, answer=answer))
    if not found and not chosen:
        raise Unreadable("a guard found no text among the arguments of a call: tell it where they are by input_of")
    return found


def _slots(value: Any, *, is_chosen: bool) -> list[Slot]:
    try:
        return slots_of(value)
    except Unreadable:
        if is_chosen:
            raise
        return []
