"""Reading values of JSON that somebody else made: each of the type that is asked for, or absent.

Guarantee: nothing here raises, whatever the values are.
"""

from collections.abc import Iterator, Sequence
from typing import Any

LARGEST = 1 << 63  # what OpenTelemetry's integers are below

__all__ = ["Json", "integer", "items", "last_text", "number", "section", "sections", "text"]

Json = dict[str, Any]


def text(of: Json, *names: str) -> str | None:
    """Return the first of some members that is a text with something in it."""
    for name in names:
        value = of.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def last_text(events: Sequence[Json], name: str) -> str | None:
    """Return the member of the last object in which it is a text with something in it."""
    return next((said for event in reversed(events) if (said := event.get(name)) and isinstance(said, str)), None)


def integer(of: Json, name: str) -> int | None:
    """Return a member that is a whole number of 64 bits; 0 is one."""
    value = of.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and -LARGEST <= value < LARGEST else None


def number(of: Json, name: str) -> float | None:
    """Return a member that is a number, of 64 bits, whole or not."""
    value = of.get(name)
    if isinstance(value, float):
        return value
    return None if value is None or integer(of, name) is None else float(value)


def section(of: Json, name: str) -> Json:
    """Return a member that is an object; an empty one where it is not."""
    value = of.get(name)
    return value if isinstance(value, dict) else {}


def items(of: Json, name: str) -> list[Any]:
    """Return a member that is a list; an empty one where it is not."""
    value = of.get(name)
    return value if isinstance(value, list) else []


def sections(of: Json, name: str) -> Iterator[Json]:
    """Return the objects of a member that is a list."""
    return (item for item in items(of, name) if isinstance(item, dict))
