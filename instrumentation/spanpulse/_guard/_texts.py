"""The texts in what goes into a call and comes out of it, found by the names of fields, without any SDK.

Of messages, answers and events in the shapes of the providers they are what a person or a model says: contents,
refusals, thoughts, arguments of tools, what was parsed; not ids, names of models, and messages of the roles `system`
and `developer`. Of any other dict, list, dataclass, attrs or pydantic object they are all strings in it but names of
members, those in mappings, sets and deques of other kinds too. Guarantee: a value is not changed. Not guaranteed: texts
in other objects, and in bytes. `Unreadable` is raised where the value is one of those or has one directly in it, as a
guard must not pass by what it cannot see; further inside they are passed by.
"""

import dataclasses
import json
from collections import deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from spanpulse._guard._fields import ANSWERS, FREE, SAID, THOUGHTS, UNSAID, is_said, is_thought, repeats

__all__ = ["PLACES", "THOUGHT", "Path", "Slot", "Unreadable", "answers_of", "members_of", "slots_of"]

MOST: Final = 100_000  # values
DEEPEST: Final = 32  # levels
BYTES: Final = (bytes, bytearray, memoryview)
NO_TEXT: Final = (int, float, complex, *BYTES)
MAPPINGS: Final = (dict, Mapping)  # what is quickly told comes first
ITEMS: Final = (list, tuple, deque, AbstractSet)
PLACES: Final = ("type", "index", "output_index", "content_index")
"""What an event says of where its texts are; their channels begin with it."""
THOUGHT: Final = "thought"
"""What channels of thoughts have in them."""
Path = tuple[str | int, ...]


class Unreadable(TypeError):  # noqa: N818 -- named by what the value is
    """A value whose texts cannot be found."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A text and where it is."""

    path: Path
    """Names of members and positions in lists, from the value on."""
    text: str
    channel: tuple[Any, ...] = ()
    """Which running text of a stream it is a part of."""
    answer: str | None = ""
    """Which answer it is a part of; None: of none, as a thought or the arguments of a tool."""
    repeats: bool = False
    """Whether it is, in a stream, a text that came in parts before."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How a value was reached."""

    path: Path = ()
    channel: tuple[Any, ...] = ()
    answer: str | None = None
    free: bool | None = None
    """Whether every string counts; None: that is still to be seen."""
    repeats: bool = False


def slots_of(value: Any) -> list[Slot]:
    """Return the texts of a value, in order. Raises Unreadable."""
    if isinstance(value, str):
        return [Slot((), value)]
    walk = _Walk()
    walk.into(value, _Way())
    return walk.found


def answers_of(value: Any, slots: Iterable[Slot]) -> list[list[Slot]]:
    """Return the slots of each answer; of a value of an application's own form, its JSON is the answer.

    Raises ValueError or TypeError for a value that JSON does not have.
    """
    found: dict[str, list[Slot]] = {}
    for slot in slots:
        if slot.answer is not None:
            found.setdefault(slot.answer, []).append(slot)
    if found or isinstance(value, list | tuple):
        return list(found.values())
    members = members_of(value)
    if members is None or is_said(members):
        return []
    return [[Slot((), json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain))]]


def members_of(value: Any) -> Mapping[str, Any] | None:
    """Return the members of a mapping, or of an object whose fields are known; None for anything else."""
    if isinstance(value, MAPPINGS):
        return value
    kind = type(value)
    if hasattr(kind, "__pydantic_fields__") or hasattr(kind, "__fields__") or isinstance(value, SimpleNamespace):
        extra = getattr(value, "__pydantic_extra__", None)
        return {**vars(value), **extra} if extra else vars(value)
    fields = getattr(kind, "__attrs_attrs__", None)
    if fields is None and dataclasses.is_dataclass(kind):
        fields = dataclasses.fields(kind)
    return None if fields is None else {each.name: getattr(value, each.name, None) for each in fields}


class _Walk:
    """A walk through a value."""

    def __init__(self) -> None:
        self.found: list[Slot] = []
        self._left = MOST

    def into(self, value: Any, way: _Way) -> None:
        """Find the texts of a value. Raises Unreadable."""
        self._left -= 1
        if self._left < 0 or len(way.path) > DEEPEST:
            raise Unreadable("a value has too many members or levels for a guard")
        if isinstance(value, str):
            self.found.append(Slot(way.path, value, way.channel, way.answer, way.repeats))
        elif value is None or (isinstance(value, NO_TEXT) and (way.path or not isinstance(value, BYTES))):
            return
        elif isinstance(value, ITEMS):
            self._items(value, way)
        elif (members := members_of(value)) is not None:
            self._members(members, way)
        elif len(way.path) <= 1:
            raise Unreadable(f"a guard does not know where the texts of {type(value).__name__} are")

    def _items(self, items: Iterable[Any], way: _Way) -> None:
        is_choice = way.free is False and way.path[-1:] in {("choices",), ("candidates",)}
        for place, each in enumerate(items):
            index = (members_of(each) or {}).get("index") if way.free is False else place
            channel = (*way.channel, index if isinstance(index, int) else place)
            answer = str(channel[-1]) if is_choice or way.free is None else way.answer
            self.into(each, _Way((*way.path, place), channel, answer, way.free, way.repeats))

    def _members(self, members: Mapping[str, Any], way: _Way) -> None:
        free, again, channel, answer = way.free, way.repeats, way.channel, way.answer
        if free is None:
            free = not is_said(members)
            again = not free and repeats(members)
            answer = None if free or again else answer or ""
            channel = (*channel, *(members.get(name) for name in PLACES)) if not free else channel
        if not free and members.get("role", members.get("type")) in UNSAID:
            return
        if free is False and is_thought(members):
            answer, channel = None, (*channel, THOUGHT)
        elif free is False and members.get("type") in {"function_call", "tool_use"}:
            answer = None
        for name, inner in members.items():
            if inner is None or not (free or name in SAID):
                continue
            part = answer if not free and name not in THOUGHTS and name not in FREE else None
            if isinstance(inner, str) and not free and name not in ANSWERS:
                part = answer if name == "delta" and members.get("type") == "response.output_text.delta" else None
            inside = _Way((*way.path, name), (*channel, name), part, free or name in FREE, again)
            self.into(inner, inside)


def _plain(value: Any) -> Any:
    members = members_of(value)
    return str(value) if members is None else dict(members)
