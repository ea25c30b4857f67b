"""Structures that were flattened over many attributes, put together again: ``0.message.role`` and the like.

Numbers in a key are places in a list; places that are missing are closed up, so that no key makes a list long.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from spanpulse_stream.decode import Value
from spanpulse_stream.normalise._resolved import Resolved
from spanpulse_stream.normalise._slots import Family
from spanpulse_stream.normalise._tables import PREFIXES

__all__ = ["family_items", "unflattened"]

_DEEPEST: Final = 12
_WRAPPERS: Final = frozenset({"message", "message_content", "tool_call", "document", "embedding"})
"""Names that OpenInference puts between the place in a list and what is there."""


def family_items(resolved: Resolved, family: Family, row: int) -> list[Any]:
    """Return what the attributes of a family of one span hold, in order of the numbers in their keys."""
    return unflattened(_pairs(resolved, family, row))


def unflattened(pairs: Iterable[tuple[str, Value]]) -> list[Any]:
    """Return the list that flattened keys describe; of keys that exclude each other the first counts."""
    root: dict[str, Any] = {}
    for key, value in pairs:
        steps = key.split(".", _DEEPEST)
        place: Any = root
        for step in steps[:-1]:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                break
        else:
            place.setdefault(steps[-1], value)
    closed = _closed(root)
    return closed if isinstance(closed, list) else [closed]


def _closed(value: Any) -> Any:
    """Turn objects whose names are numbers into lists, and leave the wrappers out."""
    if not isinstance(value, dict):
        return value
    if value and all(name.isascii() and name.isdigit() for name in value):
        return [_closed(value[name]) for name in sorted(value, key=lambda name: (len(name.lstrip("0")), name))]
    if len(value) == 1 and not _WRAPPERS.isdisjoint(value):
        return _closed(next(iter(value.values())))
    return {name: _closed(each) for name, each in value.items()}


def _pairs(resolved: Resolved, family: Family, row: int) -> list[tuple[str, Value]]:
    spans = resolved.spans
    attributes, data = spans.decoded.attributes, spans.decoded.data
    first, last = (int(attributes.start[spans.rows[row] + end]) for end in (0, 1))
    found = []
    for index in (np.flatnonzero(resolved.family[first:last] == family) + first).tolist():
        start = int(attributes.key_offset[index])
        key = data[start : start + int(attributes.key_length[index])].tobytes().decode()
        prefix = next((prefix for prefix in PREFIXES if key.startswith(prefix)), "")
        found.append((key.removeprefix(prefix), resolved.value_at(index)))
    return found
