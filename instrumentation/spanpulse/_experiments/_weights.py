"""Shares of variants, exactly: from weights to cuts between 0 and 2**32, by the rules of docs/assignment.md.

Guarantee: equal proportions give equal cuts (9 to 1, 90 to 10, 0.9 to 0.1), in whatever order they are written, and
no step is done in floating point.
"""

import operator
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from typing import Any, Final

__all__ = ["Shares", "shares_of"]

POINTS: Final = 1 << 32
LARGEST_TOTAL: Final = (1 << 31) - 1
SCALE: Final = 10**6
"""Of weights that are not all whole."""
MOST_DIGITS: Final = 400
"""Of a weight, so that none takes long to read; Python's floats have less."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Which part of the points is which variant's."""

    names: tuple[str, ...]
    cuts: tuple[int, ...]
    """Ascending: the points of ``names[i]`` are those below ``cuts[i]`` that are no other's before it."""

    def at(self, point: int) -> str:
        """Return the variant of a point, 0 to 2**32 - 1."""
        return self.names[bisect_right(self.cuts, point)]


def shares_of(weights: Iterable[tuple[str, Any]]) -> Shares | None:
    """Return the shares that weights (name, number) give; None where all are 0.

    Raises ValueError for a name that is empty or no text, and for weights that are no numbers, negative or too large.
    """
    named = sorted(_checked(name, weight) for name, weight in weights)
    whole = all(weight.denominator == 1 for _, weight in named)
    sums = list(accumulate(round(weight * (1 if whole else SCALE)) for _, weight in named))
    total = sums[-1] if sums else 0
    if total > LARGEST_TOTAL:
        raise ValueError(f"the sum of the weights is larger than {LARGEST_TOTAL if whole else LARGEST_TOTAL // SCALE}")
    if total == 0:
        return None
    return Shares(tuple(name for name, _ in named), tuple(-(-each * POINTS // total) for each in sums))


def _checked(name: Any, weight: Any) -> tuple[str, Fraction]:
    if not isinstance(name, str) or not name:
        raise ValueError("the name of a variant is empty, or no text")
    name.encode()  # texts without UTF-8 have no order among the others
    number = _number(weight)
    if not 0 <= number <= LARGEST_TOTAL:
        raise ValueError(f"a weight is negative or larger than {LARGEST_TOTAL}")
    return name, number


def _number(weight: Any) -> Fraction:
    """Return a weight exactly; a float is the shortest decimal that is read as it."""
    if isinstance(weight, float):
        weight = Decimal(float.__repr__(weight))
    if not isinstance(weight, Decimal):
        try:
            return Fraction(operator.index(weight))
        except TypeError:
            raise ValueError(f"a weight is a {type(weight).__name__}, and has to be a number") from None
    if not weight.is_finite():
        raise ValueError("a weight is infinite or no number")
    told = weight.as_tuple()
    if len(told.digits) > MOST_DIGITS or abs(int(told.exponent)) > MOST_DIGITS:
        raise ValueError(f"a weight has more than {MOST_DIGITS} digits")
    return Fraction(weight)
