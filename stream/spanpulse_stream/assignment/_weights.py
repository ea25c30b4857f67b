"""Shares of variants, exactly: from weights to cuts between 0 and 2**32, by docs/assignment.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Weights", "WeightsError"]

POINTS: Final = 1 << 32
LARGEST_TOTAL: Final = (1 << 31) - 1
SCALE: Final = 10**6  # of weights that are not all whole
MOST_DIGITS: Final = 400


class WeightsError(ValueError):
    """Weights that no share can be made of, and why."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The variants of an experiment in their order, with the end of the points of each; none: nobody is assigned."""

    names: tuple[str, ...]
    cuts: NDArray[np.uint64]

    @classmethod
    def of(cls, weights: Mapping[str, float | Decimal]) -> "Weights":
        """Return the shares that weights give. Raises WeightsError."""
        exact = {name: _exact(name, weight) for name, weight in weights.items()}
        names = sorted(exact, key=lambda name: name.encode())
        scale = 1 if all(weight.denominator == 1 for weight in exact.values()) else SCALE
        ends = np.cumsum(np.array([round(exact[name] * scale) for name in names], object)).tolist()
        total = ends[-1] if ends else 0
        if total > LARGEST_TOTAL:
            raise WeightsError(f"the sum of the weights is larger than {LARGEST_TOTAL // scale}")
        if total == 0:
            return cls((), np.zeros(0, np.uint64))
        return cls(tuple(names), np.array([-(-end * POINTS // total) for end in ends], np.uint64))


def _exact(name: str, weight: object) -> Fraction:
    """Return a weight as the decimal that it is written as."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise WeightsError("the name of a variant is no text") from error
    if not name or not isinstance(weight, int | float | Decimal):
        raise WeightsError("the name of a variant is empty, or a weight is no number")
    number = Decimal(repr(weight)) if isinstance(weight, float) else Decimal(weight)
    if not number.is_finite() or not 0 <= number <= LARGEST_TOTAL:
        raise WeightsError(f"a weight is negative, larger than {LARGEST_TOTAL} or no number")
    told = number.as_tuple()
    if len(told.digits) > MOST_DIGITS or abs(int(told.exponent)) > MOST_DIGITS:
        raise WeightsError(f"a weight has more than {MOST_DIGITS} digits")
    return Fraction(number)
