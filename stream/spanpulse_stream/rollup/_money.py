"""Exact sums of money: 64-bit amounts cut in 32-bit limbs, summed per group, read back as 128-bit decimals.

Amounts are in 1e-12 USD. A plain int64 sum of them overflows at 9.2 million dollars, silently; limbs don't, for up
to 2**30 rows a sum.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["decimals", "limbs", "weighted_limbs"]

I64 = NDArray[np.int64]

LIMB = 32
MASK = (1 << LIMB) - 1
MONEY = pa.decimal128(38, 12)


def limbs(amounts: I64) -> list[I64]:
    """Return the two limbs of each amount, the lower first; only the higher has a sign."""
    return [amounts & MASK, amounts >> LIMB]


def weighted_limbs(amounts: I64, weights: I64) -> list[I64]:
    """Return the three limbs of ``amounts * weights``, for weights from 0 up to 2**31 - 1."""
    low, high = (amounts & MASK) * weights, (amounts >> LIMB) * weights
    return [low & MASK, (low >> LIMB) + (high & MASK), high >> LIMB]


def decimals(sums: list[I64]) -> pa.Array:
    """Return summed limbs, two or three, as a Decimal(38, 12) array."""
    low, middle, *highest = sums
    middle = middle + (low >> LIMB)
    high = sum(highest, start=middle >> LIMB)
    words = np.empty((low.size, 2), np.int64)
    words[:, 0] = (low & MASK) | ((middle & MASK) << LIMB)
    words[:, 1] = high
    return pa.Array.from_buffers(MONEY, low.size, [None, pa.py_buffer(words)])
