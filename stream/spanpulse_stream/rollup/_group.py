"""Grouping rows by coded columns, and sums per group.

Groups come in the order of their codes, so the same rows give the same groups in the same order. Sums are int64
and wrap as ClickHouse's do.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Words

__all__ = ["Groups", "group_rows", "map_array", "sum_by_key", "sum_words"]

I64 = NDArray[np.int64]

MOST_KEYS = 1 << 62


@dataclass(frozen=True, slots=True)
class Groups:
    """``order`` lists the rows group by group, ``starts`` where each group begins in it, ``of_row`` a row's group."""

    order: I64
    starts: I64
    of_row: I64

    @property
    def size(self) -> int:
        """Return the number of groups."""
        return self.starts.size

    @property
    def first(self) -> I64:
        """Return one row of each group."""
        return self.order[self.starts]

    def sum(self, rows: I64) -> I64:
        """Return the sums of ``rows`` (n, k) as (groups, k)."""
        if not self.size:
            return np.zeros((0, rows.shape[1]), np.int64)
        return np.add.reduceat(rows[self.order], self.starts, axis=0)


def group_rows(columns: Iterable[tuple[NDArray[np.integer], int]], size: int) -> Groups:
    """Group ``size`` rows by columns of codes; each column comes with a number that its codes stay below."""
    key, keys = np.zeros(size, np.int64), 1
    for codes, bound in columns:
        if keys > MOST_KEYS // max(bound, 1):
            distinct, key = np.unique(key, return_inverse=True)
            keys = distinct.size
        key = key * bound + codes
        keys *= max(bound, 1)
    order = np.argsort(key)
    return _groups(order, key[order])


def _groups(order: I64, ordered: I64) -> Groups:
    begins = _begins(ordered)
    of_row = np.empty(order.size, np.int64)
    of_row[order] = np.cumsum(begins) - 1
    return Groups(order, np.flatnonzero(begins), of_row)


def _begins(ordered: I64) -> NDArray[np.bool_]:
    """Return where a new value begins."""
    begins = np.ones(ordered.size, np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    return begins


def sum_by_key(groups: I64, keys: I64, counts: I64, size: int) -> tuple[NDArray[np.int32], I64, I64]:
    """Sum ``counts`` by (group, key) and return offsets (of ``size`` groups), keys and sums without zeros.

    Keys are from 0 up to 2**31 - 1; within a group they come sorted and once.
    """
    bound = int(keys.max(initial=0)) + 1
    pair = groups * bound + keys
    order = np.argsort(pair)
    pair = pair[order]
    starts = np.flatnonzero(_begins(pair))
    sums = np.add.reduceat(counts[order], starts) if starts.size else np.zeros(0, np.int64)
    stay = sums != 0
    pair, sums = pair[starts[stay]], sums[stay]
    offsets = np.searchsorted(pair, np.arange(size + 1) * bound).astype(np.int32)
    return offsets, pair % bound, sums


def map_array(offsets: NDArray[np.int32], keys: pa.Array, values: pa.Array) -> pa.Array:
    """Return the map column whose row i has the entries ``offsets[i]:offsets[i + 1]``."""
    return pa.MapArray.from_arrays(pa.array(offsets), keys, values)


def sum_words(groups: Groups, rows: I64, words: Words, counts: I64) -> pa.Array:
    """Sum ``counts`` of some rows by word and group, as Map(String, Int64); the words of ``rows`` are not NULL."""
    ranked = sorted(set(words.values))
    rank = {value: place for place, value in enumerate(ranked)}
    codes = np.array([rank[value] for value in words.values], np.int64)[words.codes[rows]]
    offsets, keys, sums = sum_by_key(groups.of_row[rows], codes, counts[rows], groups.size)
    return map_array(offsets, pa.array(ranked, pa.string()).take(pa.array(keys)), pa.array(sums))
