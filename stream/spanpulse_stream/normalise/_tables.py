"""All dialects as arrays that a kernel reads: which slot an attribute fills in which dialect, and which is better."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode import KeyTable
from spanpulse_stream.normalise._logs_keys import LOG_ATTRIBUTES
from spanpulse_stream.normalise._slots import ACCEPTED, CONTENT, Family, Slot
from spanpulse_stream.normalise.dialects import DIALECTS, Dialect

__all__ = ["KEYS", "PREFIXES", "TABLES", "Scope", "Tables", "scope_of"]

LONGEST_SCOPE: Final = 256
"""Characters of a scope's name that are compared."""
SEPARATORS: Final = frozenset(("", *".-/:@"))
"""What may follow the start of a scope's name that a dialect gives."""


class Tables(NamedTuple):
    """What the resolving kernel reads; d is a dialect, k a key of `KEYS`."""

    slots: NDArray[np.int16]  # [d, k], -1: the key fills none
    preference: NDArray[np.int32]  # [d, k], the higher wins
    accepted: NDArray[np.bool_]  # [slot, kind of value]
    content: NDArray[np.bool_]  # [slot]: it holds what was said
    prefix_bytes: NDArray[np.uint8]
    prefix_start: NDArray[np.int64]  # prefix i is prefix_bytes[prefix_start[i]:prefix_start[i + 1]]
    prefix_family: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Scope:
    """What the name of an instrumentation scope tells: the dialect (its index), whose numbers, and how they count."""

    dialect: int
    rank: int
    exclusive: bool


def _keys(dialects: Sequence[Dialect]) -> list[str]:
    keys = {key for dialect in dialects for keys in dialect.attributes.values() for key in keys}
    return sorted(keys.union(LOG_ATTRIBUTES))


def _tables(dialects: Sequence[Dialect], keys: KeyTable) -> Tables:
    slots = np.full((len(dialects), len(keys)), -1, np.int16)
    preference = np.zeros(slots.shape, np.int32)
    for own, dialect in enumerate(dialects):
        others = [each for each in dialects if each is not dialect]
        for place, (key, slot) in enumerate(_in_order(dialect, others)):
            column = keys.index[key]
            if slots[own, column] < 0:
                slots[own, column], preference[own, column] = slot, -place
    prefixes = dict(item for dialect in dialects for item in dialect.families.items())
    texts = [prefix.encode() for prefix in prefixes]
    return Tables(
        slots=slots,
        preference=preference,
        accepted=ACCEPTED,
        content=np.isin(np.arange(len(Slot)), CONTENT),
        prefix_bytes=np.frombuffer(b"".join(texts), np.uint8).copy(),
        prefix_start=np.cumsum([0, *map(len, texts)]).astype(np.int64),
        prefix_family=np.array([int(family) for family in prefixes.values()] or [Family.NONE], np.uint8),
    )


def _in_order(dialect: Dialect, others: Sequence[Dialect]) -> list[tuple[str, int]]:
    """Return (key, slot), the dialect's own first, then those of the others that mean the same everywhere."""
    return [
        (key, slot)
        for each in [dialect, *others]
        for slot, keys in each.attributes.items()
        for key in keys
        if each is dialect or key not in each.private
    ]


PREFIXES: Final = tuple(prefix for dialect in DIALECTS for prefix in dialect.families)
"""Starts of the keys of families."""

KEYS: Final = KeyTable(sorted({*_keys(DIALECTS), *LOG_ATTRIBUTES}))
"""Every attribute key that some dialect knows or log records are read by: what batches must be decoded with."""

TABLES: Final = _tables(DIALECTS, KEYS)


@lru_cache(maxsize=4096)
def scope_of(name: str) -> Scope:
    """Return what a scope's name tells; a name that no dialect knows is read with the conventions."""
    name = name[:LONGEST_SCOPE]
    matches = [
        (len(start), index, rank)
        for index, dialect in enumerate(DIALECTS)
        for start, rank in dialect.scopes.items()
        if name.startswith(start) and (not start or name[len(start) : len(start) + 1] in SEPARATORS)
    ]
    _, index, rank = max(matches)
    return Scope(index, rank, name.startswith(DIALECTS[index].exclusive_scopes or "\0"))
