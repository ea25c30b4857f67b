"""Everything a book has compiled so far: vectors as arrays, schedules, and which name leads to which.

Filled as names are met. Vectors and schedules are bounded by the book (each is a model, a service tier and a
file's rules); names are free text, so their cache holds at most `MOST_NAMES` and forgets the oldest.
Not safe for several threads by itself: the book holds a lock.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.price._match import Catalogue, Entry
from spanpulse_stream.price._overrides import Rule, best_rule
from spanpulse_stream.price._schedule import Schedule, compile_schedule, moments
from spanpulse_stream.price._vectors import UNITS, Vector, from_book

__all__ = ["Name", "Tables", "VectorArrays"]

MOST_NAMES: Final = 16_384
CONTEXTS: Final = {
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast"},
    "default": {"service_tier": "default"},
}
"""What genai-prices calls a service tier; any other tier is billed as the standard one."""

NEVER: Final = 2**63 - 1
LARGEST_RATE: Final = 2**61

Name = tuple[str | None, str | None, str | None, str | None]
"""Provider, response model, request model, service tier."""


@dataclass(frozen=True, slots=True)
class VectorArrays:
    """All vectors, indexed by number: ``first[v]`` is the row of its base, rows of its tiers follow."""

    first: NDArray[np.int64]
    starts: NDArray[np.int64]  # (vectors, most tiers)
    rates: NDArray[np.object_]  # (rows, len(UNITS)), Python integers
    small_rates: NDArray[np.int64]  # the same, 0 where `wide`
    scale: NDArray[np.object_]
    small_scale: NDArray[np.int64]  # the same, 1 where `wide`
    wide: NDArray[np.bool_]  # the row needs integers beyond 64 bits
    priced: NDArray[np.bool_]  # (vectors, len(UNITS))
    countable: NDArray[np.bool_]


@dataclass(slots=True)
class Tables:
    """The compiled part of one price book."""

    catalogue: Catalogue
    rules: list[Rule]
    _names: dict[Name, int] = field(default_factory=dict)
    _schedules: list[Schedule] = field(default_factory=list)
    _schedule_numbers: dict[tuple[int, bool, tuple[int, ...], str | None], int] = field(default_factory=dict)
    _vectors: dict[Vector, int] = field(default_factory=dict)
    _arrays: VectorArrays | None = None

    def schedule_number(self, name: Name) -> int:
        """Return the number of the schedule that prices a name, or -1 when it is unknown."""
        number = self._names.pop(name, None)
        if number is None:
            number = self._resolve(name)
        self._names[name] = number
        if len(self._names) > MOST_NAMES:
            del self._names[next(iter(self._names))]
        return number

    def schedule(self, number: int) -> Schedule:
        """Return a schedule by its number."""
        return self._schedules[number]

    def arrays(self) -> VectorArrays:
        """Return all vectors met so far."""
        if self._arrays is None:
            self._arrays = _pack(list(self._vectors))
        return self._arrays

    def _resolve(self, name: Name) -> int:
        provider, response, request, tier = name
        entry = next(self._entries(provider, response, request), None)
        named = next(
            (found for found in (self._named(provider, response), self._named(provider, request)) if found), ()
        )
        if entry is None and not named:
            return -1
        tier = tier if tier in CONTEXTS else None
        key = (id(entry.model) if entry else 0, bool(entry and entry.own), named, tier)
        if key not in self._schedule_numbers:
            self._schedules.append(self._compile(entry, [self.rules[index] for index in named], tier))
            self._schedule_numbers[key] = len(self._schedules) - 1
        return self._schedule_numbers[key]

    def _entries(self, provider: str | None, *models: str | None) -> Iterator[Entry]:
        for model in models:
            if model and (entry := self.catalogue.find(provider, model)) is not None:
                yield entry

    def _named(self, provider: str | None, model: str | None) -> tuple[int, ...]:
        return tuple(index for index, rule in enumerate(self.rules) if rule.names(provider, model))

    def _compile(self, entry: Entry | None, rules: list[Rule], tier: str | None) -> Schedule:
        days, times = _conditions(entry)
        days.update(rule.since for rule in rules if rule.since is not None)
        # genai-prices gives a lending provider's variants to nobody: a fallback is billed at the standard price.
        context = CONTEXTS.get(tier or "") if entry is not None and entry.own else None

        def at(moment: datetime) -> int:
            if (rule := best_rule(rules, moment, tier)) is not None:
                return self._number(rule.vector)
            return -1 if entry is None else self._number(from_book(entry.model.get_prices(moment, context)))

        return compile_schedule(days, times, at)

    def _number(self, vector: Vector) -> int:
        if vector not in self._vectors:
            self._vectors[vector] = len(self._vectors)
            self._arrays = None
        return self._vectors[vector]


def _conditions(entry: Entry | None) -> tuple[set[date], set[time]]:
    if entry is None:
        return set(), set()
    prices = entry.model.prices if isinstance(entry.model.prices, list) else ()
    return moments(each.constraint for each in (*prices, *(entry.model.price_variants or ())))


def _pack(vectors: list[Vector]) -> VectorArrays:
    most = max((len(vector.starts) for vector in vectors), default=0)
    starts = [[*vector.starts, *[NEVER] * (most - len(vector.starts))] for vector in vectors]
    rows = [(rates, vector.scale) for vector in vectors for rates in vector.rates]
    rates = np.array([rates for rates, _ in rows], np.object_).reshape(len(rows), len(UNITS))
    scale = np.array([scale for _, scale in rows], np.object_)
    wide = np.array([max(*rates, scale) > LARGEST_RATE for rates, scale in rows], np.bool_)
    sizes = np.array([len(vector.rates) for vector in vectors], np.int64)
    return VectorArrays(
        first=np.cumsum(sizes) - sizes,
        starts=np.array(starts, np.int64).reshape(len(vectors), most),
        rates=rates,
        small_rates=np.where(wide[:, None], 0, rates).astype(np.int64),
        scale=scale,
        small_scale=np.where(wide, 1, scale).astype(np.int64),
        wide=wide,
        priced=np.array([vector.priced for vector in vectors], np.bool_).reshape(len(vectors), len(UNITS)),
        countable=np.array([vector.countable for vector in vectors], np.bool_),
    )
