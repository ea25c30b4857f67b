"""How the cost of one call came about: each kind of tokens, its count, its price and what that makes.

The same vectors and the same split as for columns, so the parts add up to the cost that was stored, but for the
rounding to 1e-12 USD, which is told. Not guaranteed: that a cost stated by the emitter comes out; such a call has no
price in the book, and nothing to explain.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

import numpy as np

from spanpulse_stream.price._split import COUNTS, split
from spanpulse_stream.price._tables import Name, VectorArrays
from spanpulse_stream.price._vectors import UNITS

__all__ = ["Call", "Explanation", "PricedPart", "explain"]

PICO: Final = Decimal(10**12)
ENOUGH: Final = Context(prec=200, rounding=ROUND_HALF_EVEN)
PER: Final = {"request": 1000}
MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Call:
    """What decides the price of a call. ``name``: provider, response model, request model, service tier.

    ``start_time`` is in ns since the Unix epoch; ``counts`` has one number of tokens for each unit of `COUNTS`, in
    that order (input, output, cache read, cache write, cache write of 1 h, reasoning, input audio, output audio), None
    where it was not reported.
    """

    name: Name
    start_time: int
    counts: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class PricedPart:
    """One kind: ``price`` is in USD per ``per`` of it (a million tokens, 1,000 requests), ``cost`` in USD, exact."""

    unit: str
    count: int
    price: Decimal
    per: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Explanation:
    """The parts with a count, and the cost in USD: their sum rounded half-even to 1e-12.

    ``above`` is the size of input from which on the prices hold, 0 for the base ones; ``repaired`` tells that the
    counts contradicted each other and were set right.
    """

    version: str
    parts: tuple[PricedPart, ...]
    cost: Decimal
    above: int
    repaired: bool

    @property
    def rounding(self) -> Decimal:
        """What rounding added, USD."""
        exact = Decimal(0)
        for part in self.parts:
            exact = ENOUGH.add(exact, part.cost)
        return ENOUGH.subtract(self.cost, exact)


def explain(call: Call, vector: int, arrays: VectorArrays, version: str) -> Explanation:
    """Return how a call is priced by one vector. Raises ValueError for counts that are no usage."""
    if len(call.counts) != len(COUNTS) or any(count is not None and count < 0 for count in call.counts):
        raise ValueError(f"{call.counts} are no usage")
    counts = [np.array([count or 0], np.object_) for count in call.counts]
    reported = [np.array([count is not None]) for count in call.counts]
    found = split(counts, reported, arrays.priced[vector : vector + 1])
    starts = [int(start) for start in arrays.starts[vector] if found.total_input[0] > start]
    row = int(arrays.first[vector]) + len(starts)
    rates, scale = arrays.rates[row], int(arrays.scale[row])
    parts = []
    for unit, count, rate in zip(UNITS, found.counts, rates, strict=True):
        if count[0] and (rate or unit != "request"):
            per = PER.get(unit, MILLION)
            each = Fraction(int(rate), scale)
            parts.append(PricedPart(unit, int(count[0]), _usd(each * per), per, _usd(each * int(count[0]))))
    total = sum((Fraction(part.cost) for part in parts), Fraction(0))
    return Explanation(version, tuple(parts), _rounded(total), max(starts, default=0), bool(found.repaired[0]))


def _usd(pico: Fraction) -> Decimal:
    """Return a number of 1e-12 USD in USD: exact, as every price is a finite decimal."""
    return ENOUGH.divide(ENOUGH.divide(Decimal(pico.numerator), Decimal(pico.denominator)), PICO).normalize(ENOUGH)


def _rounded(usd: Fraction) -> Decimal:
    return ENOUGH.divide(Decimal(round(usd * int(PICO))), PICO)
