"""One price in integers: what each kind of token costs, by size of the input.

A vector is exact: every rate is an integer of 1e-12 / `scale` USD for one token (or one request). It knows only
what a span's usage columns can count; seconds of audio, images or web searches have no column, so a price made
of those alone is not `countable`: its cost is unknown, not 0. A price with no unit at all is free.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any, Final

__all__ = ["UNITS", "Vector", "from_book", "make_vector"]

UNITS: Final = (
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "reasoning",
    "input_audio",
    "output_audio",
    "cache_audio_read",
    "request",
)
BOOK_KEYS: Final = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "input_audio",
    "output_audio_mtok": "output_audio",
    "cache_audio_read_mtok": "cache_audio_read",
    "requests_kcount": "request",
}
"""The price keys of genai-prices that our usage columns can count, and their unit here."""

PICO: Final = 10**12
PER: Final = {"request": 1000}
MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Vector:
    """Rates of one price; ``rates[i]`` holds where i of the ``starts`` are below the total of input tokens.

    ``priced[u]`` tells whether unit u has a price of its own; the tokens of one that has none are billed as the
    whole they are part of. ``countable`` is False where the price has units, but none that a span can count.
    """

    priced: tuple[bool, ...]
    starts: tuple[int, ...]
    rates: tuple[tuple[int, ...], ...]
    scale: int
    countable: bool = True


Step = Mapping[str, Decimal]


def make_vector(base: Step, tiers: Mapping[int, Step], *, countable: bool = True) -> Vector:
    """Return the vector of prices by unit, in USD per million tokens and, for `request`, per 1,000 requests.

    ``tiers`` maps a size to the prices that replace the base ones when the input has more tokens than that;
    a price that a tier leaves out stays as it was below.
    """
    starts = tuple(sorted(tiers))
    steps = [dict(base)]
    for start in starts:
        steps.append({**steps[-1], **tiers[start]})
    exact = [[_rate(unit, step.get(unit)) for unit in UNITS] for step in steps]
    scale = lcm(*(rate.denominator for rates in exact for rate in rates))
    return Vector(
        priced=tuple(unit in base for unit in UNITS),
        starts=starts,
        rates=tuple(tuple(int(rate * scale) for rate in rates) for rates in exact),
        scale=scale,
        countable=countable,
    )


def from_book(prices: Any) -> Vector:
    """Return the vector of a `genai_prices.types.ModelPrice`."""
    stored = {key: price for key, price in vars(prices).items() if price is not None}
    known = {BOOK_KEYS[key]: price for key, price in stored.items() if key in BOOK_KEYS}
    base = {unit: getattr(price, "base", price) for unit, price in known.items()}
    tiers: dict[int, dict[str, Decimal]] = {}
    for unit, price in known.items():
        for tier in getattr(price, "tiers", ()):
            tiers.setdefault(tier.start, {})[unit] = tier.price
    return make_vector(base, tiers, countable=bool(known) or not stored)


def _rate(unit: str, price: Decimal | None) -> Fraction:
    return Fraction(price or 0) * PICO / PER.get(unit, MILLION)
