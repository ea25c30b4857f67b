"""Price a batch of spans: names to schedules, start times to vectors, input sizes to rates, rates to money.

Rows whose numbers fit are computed in int64; the few that don't (prices finer than 1e-12 USD a token, absurd
counts) go through the same arithmetic in Python integers. No result depends on which way a row took.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.columns import Numbers
from spanpulse_stream.price._calls import Calls
from spanpulse_stream.price._split import Parts, money, split
from spanpulse_stream.price._tables import VectorArrays

__all__ = ["CONFIDENCE", "Confidence", "Usage", "cost_of", "names_of", "usage_of"]

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

CONFIDENCE: Final = ("provider", "computed", "estimated", "missing", "unpriced")
LARGEST_COUNT: Final = 2**40
FITS: Final = float(2**62)
LARGEST: Final = 2**63 - 1


class Confidence:
    """Codes of the words in ``CONFIDENCE``."""

    PROVIDER: Final = 0
    COMPUTED: Final = 1
    ESTIMATED: Final = 2
    MISSING: Final = 3
    UNPRICED: Final = 4


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of the rows to price, one column a unit: 0 where not reported. ``usable`` is False for negative ones."""

    counts: list[I64]
    reported: list[Mask]
    usable: Mask

    def only(self, rows: Mask) -> "Usage":
        """Return some of the rows."""
        return Usage(
            [count[rows] for count in self.counts], [known[rows] for known in self.reported], self.usable[rows]
        )


def usage_of(columns: Calls, rows: I64) -> Usage:
    """Return the usage of some rows; a row is usable when it has any count and none is negative."""
    fields = (
        columns.input_tokens,
        columns.output_tokens,
        columns.cache_read_tokens,
        columns.cache_write_tokens,
        columns.cache_write_1h_tokens,
        columns.reasoning_tokens,
        columns.input_audio_tokens,
        columns.output_audio_tokens,
    )
    reported = [field.valid[rows] for field in fields]
    counts = [np.where(known, field.values[rows], 0) for field, known in zip(fields, reported, strict=True)]
    negative = np.any([count < 0 for count in counts], axis=0)
    return Usage(counts, reported, np.any(reported, axis=0) & ~negative)


def names_of(columns: Calls, rows: I64) -> tuple[I64, I64]:
    """Find the distinct (provider, response model, request model, service tier) of some rows.

    Returns one row for each distinct name, and for each of the rows which name it has.
    """
    key = np.zeros(rows.size, np.int64)
    for words in (columns.provider, columns.response_model, columns.request_model, columns.service_tier):
        # Codes of four columns need not fit in 64 bits together, so they are made dense one by one.
        key = np.unique(key * (len(words.values) + 1) + words.codes[rows] + 1, return_inverse=True)[1]
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    return rows[first], which


def cost_of(usage: Usage, vector: NDArray[np.int32], arrays: VectorArrays) -> tuple[Numbers, Mask]:
    """Return the cost of each row in 1e-12 USD, NULL where it exceeds int64, and which rows were repaired.

    ``vector`` is the number of each row's vector; usage is that of the same rows, all usable.
    """
    wide = np.any([count > LARGEST_COUNT for count in usage.counts], axis=0)
    counts = [np.where(wide, 0, count) for count in usage.counts]
    priced = arrays.priced[vector]
    parts = split(counts, usage.reported, priced)
    row = _row(arrays, vector, parts)
    rates = arrays.small_rates[row]
    estimate = sum(count * rates[:, unit].astype(np.float64) for unit, count in enumerate(parts.counts))
    wide |= arrays.wide[row] | (estimate > FITS)
    with np.errstate(over="ignore"):  # rows that overflow are all in `wide`
        cost = Numbers(money(parts, rates, arrays.small_scale[row]), np.ones(vector.size, np.bool_))
    repaired = parts.repaired
    if wide.any():
        rows = np.flatnonzero(wide)
        exact, repaired[rows] = _widely(usage.only(wide), vector[rows], arrays)
        fits = (exact <= LARGEST).astype(np.bool_)
        cost.values[rows], cost.valid[rows] = np.where(fits, exact, 0).astype(np.int64), fits
    return cost, repaired


def _row(arrays: VectorArrays, vector: NDArray[np.int32], parts: Parts) -> I64:
    """Return the row of rates: the vector's base, and one further for each tier that the input exceeds."""
    starts = arrays.starts[vector]
    above = [parts.total_input > starts[:, tier] for tier in range(starts.shape[1])]
    return arrays.first[vector] + sum(above, np.zeros(vector.size, np.int64))


def _widely(usage: Usage, vector: NDArray[np.int32], arrays: VectorArrays) -> tuple[NDArray[np.object_], Mask]:
    """Compute some rows in Python integers: cost of any size, and which were repaired."""
    counts = [count.astype(np.object_) for count in usage.counts]
    parts = split(counts, usage.reported, arrays.priced[vector])
    row = _row(arrays, vector, parts)
    return money(parts, arrays.rates[row], arrays.scale[row]), parts.repaired
