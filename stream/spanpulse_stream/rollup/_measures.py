"""The measures of counted calls: what each row adds, and their sums per group as Arrow columns.

``requests_usage_missing`` are calls whose tokens nobody reported or estimated; ``requests_unpriced`` calls whose
tokens are known but not their cost. An error without a type is ``_OTHER`` (OpenTelemetry's word for it). Time per
output token is (duration - time to first token) / (output tokens - 1), in whole ns.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Numbers, Words
from spanpulse_stream.rollup._group import Groups, map_array, sum_by_key, sum_words
from spanpulse_stream.rollup._money import decimals, limbs, weighted_limbs
from spanpulse_stream.rollup._rows import RollupRows
from spanpulse_stream.rollup._sketch import buckets_of
from spanpulse_stream.rollup._words import words_where

__all__ = ["CallMeasures", "Sketch", "error_counts", "latency_of"]

I64 = NDArray[np.int64]
Flags = NDArray[np.bool_]

COUNTS = (
    *("requests", "weighted_requests", "errors", "weighted_errors", "input_tokens", "output_tokens"),
    *("cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "weighted_input_tokens"),
    *("weighted_output_tokens", "requests_usage_missing", "requests_unpriced"),
    *("weighted_requests_usage_missing", "weighted_requests_unpriced"),
)
AMOUNTS = {"cost": 2, "weighted_cost": 3, "cost_provider": 2, "cost_computed": 2, "cost_estimated": 2}
"""Amounts of money -> how many limbs each has."""
ORDER = (
    *(*COUNTS[:4], "errors_by_type", *COUNTS[4:11]),
    *(*AMOUNTS, *COUNTS[11:], "latency", "time_to_first_token", "time_per_output_token"),
)


@dataclass(frozen=True, slots=True)
class Sketch:
    """The rows (``rows``) that have a duration, its bucket, and how often it counts."""

    rows: I64
    buckets: I64
    counts: I64

    def sums(self, groups: Groups) -> pa.Array:
        """Return the sketches of the groups as Map(Int16, Int64)."""
        of_group = groups.of_row[self.rows]
        offsets, keys, sums = sum_by_key(of_group, self.buckets, self.counts, groups.size)
        return map_array(offsets, pa.array(keys.astype(np.int16)), pa.array(sums))

    def take(self, rows: I64, size: int) -> "Sketch":
        """Return the sketch of the rows picked by index out of ``size``."""
        place = np.full(size, -1, np.int64)
        place[self.rows] = np.arange(self.rows.size)
        at = place[rows]
        found = at >= 0
        return Sketch(np.flatnonzero(found), self.buckets[at[found]], self.counts[at[found]])


@dataclass(frozen=True, slots=True)
class CallMeasures:
    """What each of ``size`` counted calls adds: ``sums`` (n, k) of counts and limbs of money, errors and sketches."""

    size: int
    sums: I64
    errors: tuple[Flags, Words, I64]
    sketches: dict[str, Sketch]

    @classmethod
    def of(cls, rows: RollupRows, counted: I64, error_type: Words) -> "CallMeasures":
        """Return the measures of the rows that ``counted`` picks; ``error_type`` has the types that may enter."""
        sign, weight, failed = rows.sign[counted], rows.weight[counted], rows.failed[counted]
        known = words_where(rows.usage_status, {"reported", "estimated"})[counted]
        tokens = [_signed(getattr(rows, name), counted, sign) for name in COUNTS[4:9]]
        counts = [sign, sign * weight, sign * failed, sign * failed * weight, *tokens]
        counts += [tokens[0] * weight, tokens[1] * weight]
        unknown = [sign * ~known, sign * (known & ~rows.cost.valid[counted])]
        counts += [*unknown, *(each * weight for each in unknown)]
        columns = [*counts, *_money_limbs(rows, counted, sign, weight)]
        return cls(
            counted.size,
            np.stack(columns, axis=1),
            (failed, error_type, sign),
            {
                "latency": latency_of(rows, counted),
                "time_to_first_token": _sketch(rows, rows.time_to_first_token_ns, counted),
                "time_per_output_token": _sketch(rows, _per_output_token(rows), counted),
            },
        )

    def take(self, rows: I64) -> "CallMeasures":
        """Return the measures of the rows picked by index, which may repeat."""
        failed, types, sign = self.errors
        return CallMeasures(
            rows.size,
            self.sums[rows],
            (failed[rows], Words(types.codes[rows], types.values), sign[rows]),
            {name: sketch.take(rows, self.size) for name, sketch in self.sketches.items()},
        )

    def columns(self, groups: Groups) -> dict[str, pa.Array]:
        """Return the measures of the groups, in the order of the tables."""
        sums = groups.sum(self.sums)
        found = {name: pa.array(sums[:, place]) for place, name in enumerate(COUNTS)}
        at = len(COUNTS)
        for name, width in AMOUNTS.items():
            found[name] = decimals([sums[:, at + limb] for limb in range(width)])
            at += width
        found["errors_by_type"] = error_counts(groups, *self.errors)
        found |= {name: sketch.sums(groups) for name, sketch in self.sketches.items()}
        return {name: found[name] for name in ORDER}


def latency_of(rows: RollupRows, picked: I64) -> Sketch:
    """Return the sketch of the durations of the rows picked by index."""
    return _sketch(rows, rows.duration_ns, picked)


def error_counts(groups: Groups, failed: Flags, types: Words, sign: I64) -> pa.Array:
    """Return the errors of the groups by type as Map(String, Int64); ``types`` has no NULLs."""
    named = Words(types.codes, [value or "_OTHER" for value in types.values])
    return sum_words(groups, np.flatnonzero(failed), named, sign)


def _signed(numbers: Numbers, picked: I64, sign: I64) -> I64:
    return np.where(numbers.valid[picked], numbers.values[picked], 0) * sign


def _money_limbs(rows: RollupRows, picked: I64, sign: I64, weight: I64) -> list[I64]:
    cost = _signed(rows.cost, picked, sign)
    found = [*limbs(cost), *weighted_limbs(cost, weight)]
    for confidence in ("provider", "computed", "estimated"):
        found += limbs(np.where(words_where(rows.cost_confidence, {confidence})[picked], cost, 0))
    return found


def _per_output_token(rows: RollupRows) -> Numbers:
    duration, first, tokens = rows.duration_ns, rows.time_to_first_token_ns, rows.output_tokens
    valid = duration.valid & first.valid & tokens.valid & (tokens.values > 1) & (duration.values >= first.values)
    return Numbers((duration.values - first.values) // np.where(valid, tokens.values - 1, 1), valid)


def _sketch(rows: RollupRows, durations: Numbers, picked: I64) -> Sketch:
    at = np.flatnonzero(durations.valid[picked])
    of = picked[at]
    return Sketch(at, buckets_of(durations.values[of]).astype(np.int64), (rows.sign * rows.weight)[of])
