"""Logarithmic buckets of durations, and the sketch made of them.

Bucket ``k`` holds ``GAMMA ** (k - 1) < x <= GAMMA ** k`` (x in ns; everything up to 1 ns is bucket 0), so a value
read back as the bucket's middle is at most 1 % off. The boundaries are integers computed with decimals: the same
duration falls in the same bucket on every machine. Not guaranteed: anything about values below 1 ns.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from math import ceil

import numpy as np
from numpy.typing import NDArray

__all__ = ["GAMMA", "LatencySketch", "bucket_value", "buckets_of"]

GAMMA = Decimal("1.0202020202")


def _boundaries() -> NDArray[np.int64]:
    """Return the largest integer of each bucket, up to the largest int64."""
    largest = int(np.iinfo(np.int64).max)
    upper: list[int] = []
    with localcontext() as context:
        context.prec = 60
        power = Decimal(1)
        while power < largest:
            upper.append(int(power))
            power *= GAMMA
    return np.array([*upper, largest], np.int64)


BOUNDARIES = _boundaries()


def buckets_of(durations: NDArray[np.int64]) -> NDArray[np.int16]:
    """Return the bucket of each duration (ns)."""
    return np.searchsorted(BOUNDARIES, durations).astype(np.int16)


def bucket_value(bucket: int) -> float:
    """Return the value (ns) that stands for a bucket: at most 1 % from each value in it.

    In SQL: ``2 * pow(1.0202020202, k) / 2.0202020202``, with k from ``quantilesExactWeightedArray(q)(mapKeys(s),
    arrayMap(n -> toUInt64(n), mapValues(s)))`` where s is the ``sumMap`` of all rows
    (single rows may be negative), filtered to n > 0 (merged maps keep the zeros that corrections leave).
    """
    gamma = float(GAMMA)
    return float(2 * gamma**bucket / (1 + gamma))


@dataclass(slots=True)
class LatencySketch:
    """A signed multiset of durations by bucket: a commutative group under ``merge``, ``negate`` undoes an ``add``.

    ``counts`` has no zero entries. It is what the rollups hold as ``Map(Int16, Int64)``.
    """

    counts: dict[int, int] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> "LatencySketch":
        """Return the sketch of nothing."""
        return cls()

    def add(self, durations: Iterable[int], weight: int = 1) -> None:
        """Count each duration (ns) ``weight`` times."""
        for bucket in buckets_of(np.fromiter(durations, np.int64)).tolist():
            self._change(bucket, weight)

    def merge(self, other: "LatencySketch") -> "LatencySketch":
        """Return the sketch of both."""
        merged = LatencySketch(dict(self.counts))
        for bucket, count in other.counts.items():
            merged._change(bucket, count)
        return merged

    def negate(self) -> "LatencySketch":
        """Return the sketch that merged with this one is empty."""
        return LatencySketch({bucket: -count for bucket, count in self.counts.items()})

    def quantile(self, q: float) -> float | None:
        """Return the value (ns) of nearest rank ``ceil(q * total)``, None when nothing is counted.

        The same as ClickHouse's ``quantilesExactWeightedArray`` over buckets and counts.

        Raises ValueError when ``q`` is outside [0, 1] or a count is negative, as in a sketch that lost its counterpart.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"quantile {q} is not between 0 and 1")
        if any(count < 0 for count in self.counts.values()):
            raise ValueError("a sketch with negative counts has no quantiles")
        rank = max(ceil(q * sum(self.counts.values())), 1)
        for bucket in sorted(self.counts):
            rank -= self.counts[bucket]
            if rank <= 0:
                return bucket_value(bucket)
        return None

    def _change(self, bucket: int, count: int) -> None:
        if total := self.counts.get(bucket, 0) + count:
            self.counts[bucket] = total
        else:
            self.counts.pop(bucket, None)
