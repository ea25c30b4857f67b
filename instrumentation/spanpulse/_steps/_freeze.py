"""Values as they are now, as plain JSON values: an application may change its objects as soon as it goes on.

Runs in the application's thread. Guarantee: it never raises, and what it looks at is bounded: `MOST_VALUES` values,
`MOST_ITEMS` of one collection, `DEEPEST` levels, `LONGEST` characters of a text; whatever is beyond is counted in its
place. No code of the application's own runs, such as `__repr__` or `__iter__`: dataclasses, attrs and pydantic models
are read by their fields, without those that say `repr=False`; any other object is the name of its type.
"""

import dataclasses
import math
from collections.abc import Iterable
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

__all__ = ["Frozen", "freeze"]

MOST_VALUES: Final = 500
MOST_ITEMS: Final = 100
DEEPEST: Final = 8
LONGEST: Final = 65_536  # characters
LONGEST_NAME: Final = 256  # characters of a member's name
COLLECTIONS: Final[tuple[Any, ...]] = (list, tuple, set, frozenset)
PLAIN: Final = frozenset(COLLECTIONS)
MOST_BITS: Final = 256  # of a number
EACH: Final = 64  # bytes that a value takes, about
WORDS: Final = (date, time, timedelta, UUID, Decimal, PurePath)
Frozen = Any
"""A JSON value."""


def freeze(value: Any) -> tuple[Frozen, int]:
    """Return a value as JSON has it, and how many bytes it holds, about."""
    room = _Room()
    return room.frozen(value, 0), room.used


class _Room:
    """What there is still room for."""

    __slots__ = ("left", "used")

    def __init__(self) -> None:
        self.left = MOST_VALUES
        self.used = 0

    def frozen(self, value: Any, depth: int) -> Frozen:
        self.left -= 1
        self.used += EACH
        kind = type(value)
        if kind is str:
            self.used += min(len(value), LONGEST)
            return value if len(value) <= LONGEST else value[:LONGEST]
        if value is None or kind is bool:
            return value
        if kind is float:
            return value if math.isfinite(value) else str(value)
        if kind is int:
            return value if int.bit_length(value) <= MOST_BITS else _named(value)
        try:
            return self._inner(value, depth) if depth < DEEPEST else self._word(value)
        except Exception:  # noqa: BLE001 -- changed by another thread meanwhile, for one
            return _named(value)

    def _inner(self, value: Any, depth: int) -> Frozen:
        """Return what has values within it."""
        if isinstance(value, dict):
            return self._members(dict.items(value), dict.__len__(value), depth)
        if isinstance(value, Enum):
            return self.frozen(value.value, depth + 1)
        if (names := _fields(type(value))) is not None:
            return self._members(((name, getattr(value, name, None)) for name in names), len(names), depth)
        for kind in COLLECTIONS:
            if isinstance(value, kind):
                return self._list(kind.__iter__(value), kind.__len__(value), depth)
        return self._word(value)

    def _word(self, value: Any) -> Frozen:
        """Return what is written as one text or number."""
        if isinstance(value, str):
            return self.frozen(str.__str__(value), DEEPEST)
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{len(value)} bytes>"
        if isinstance(value, WORDS):
            return str(value)[:LONGEST]
        if isinstance(value, Real):
            return self.frozen(int(value) if isinstance(value, Integral) else float(value), DEEPEST)
        return _named(value)

    def _members(self, pairs: Iterable[tuple[Any, Any]], size: int, depth: int) -> dict[str, Frozen]:
        made: dict[str, Frozen] = {}
        seen = 0
        for name, value in islice(pairs, MOST_ITEMS):
            if self.left <= 0:
                break
            seen += 1
            key = name if type(name) is str and len(name) <= LONGEST_NAME else str(self.frozen(name, DEEPEST))
            made[key[:LONGEST_NAME]] = self.frozen(value, depth + 1)
        if size > seen:
            made["…"] = f"{size - seen} more"
        return made

    def _list(self, items: Iterable[Any], size: int, depth: int) -> list[Frozen]:
        made: list[Frozen] = []
        for value in islice(items, MOST_ITEMS):
            if self.left <= 0:
                break
            made.append(self.frozen(value, depth + 1))
        if size > len(made):
            made.append(f"… {size - len(made)} more")
        return made


def _named(value: Any) -> str:
    return f"<{type.__getattribute__(type(value), '__name__')}>"


def _fields(kind: type) -> tuple[str, ...] | None:
    """Return the names of the fields that instances of a class show; None for one without."""
    if kind in PLAIN:
        return None
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind) if field.repr)
    own = vars(kind)
    known = own.get("__pydantic_fields__") or own.get("model_fields") or own.get("__fields__")
    if isinstance(known, dict):
        return tuple(name for name, field in known.items() if getattr(field, "repr", True))
    attrs = own.get("__attrs_attrs__")
    if attrs is not None:
        return tuple(field.name for field in attrs if field.repr)
    return tuple(own["_fields"]) if issubclass(kind, tuple) and "_fields" in own else None
