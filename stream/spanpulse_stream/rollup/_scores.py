"""Evaluation results to the rows of `rollup_score`: how many, with which labels, and the sum of their values.

A value enters the sum rounded to 1e-12; one beyond 2**43 in size does not (it is stored all the same). A score
belongs to the UTC minute of its own time. Its dimensions have sets of their own, named `score.*`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import LogColumns, Words
from spanpulse_stream.day import DAY_MS
from spanpulse_stream.rollup._dimensions import Admission, DimensionCaps
from spanpulse_stream.rollup._group import sum_words
from spanpulse_stream.rollup._keys import MINUTE, Keys, group_by, minutes_of, one_day, scopes_of, table_batch
from spanpulse_stream.rollup._money import decimals, limbs, weighted_limbs
from spanpulse_stream.rollup._read import integers_of, join_columns, times_of
from spanpulse_stream.rollup._words import dimension, take, words_of

__all__ = ["ScoreRows", "roll_up_scores"]

I64 = NDArray[np.int64]

LARGEST = 2.0**43
SAME_NAME = ("name", "evaluator", "label", "service_name", "environment", "prompt_name", "prompt_version")
DIMENSIONS = ("name", "evaluator", "service_name", "environment", "model", "prompt_name", "prompt_version")


@dataclass(frozen=True, slots=True)
class ScoreRows:
    """Signed rows of scores; times are ns, days count from 1970-01-01 (UTC), ``value`` is NaN where absent."""

    size: int
    sign: I64
    log_source: I64
    received_day: NDArray[np.int32]
    time: I64
    tenant: Words
    name: Words
    evaluator: Words
    service_name: Words
    environment: Words
    model: Words
    prompt_name: Words
    prompt_version: Words
    label: Words
    value: NDArray[np.float64]

    @classmethod
    def of_columns(cls, columns: LogColumns) -> "ScoreRows":
        """Return the scores of a batch."""
        scores, record = columns.scores, columns.scores.record
        same: dict[str, Any] = {name: getattr(scores, name) for name in SAME_NAME}
        return cls(
            size=record.size,
            sign=np.ones(record.size, np.int64),
            log_source=np.full(record.size, columns.log_source, np.int64),
            received_day=(columns.received_at[record] // DAY_MS).astype(np.int32),
            time=scores.time,
            tenant=take(columns.tenant, record),
            model=scores.request_model,
            value=scores.value.fill_null(np.nan).to_numpy(zero_copy_only=False),
            **same,
        )

    @classmethod
    def of_table(cls, table: pa.Table) -> "ScoreRows":
        """Return the rows of scores read from the table `scores`. Raises KeyError when a column is missing."""
        same: dict[str, Any] = {name: words_of(table[name]) for name in (*SAME_NAME, "tenant")}
        value = table["value"].combine_chunks().fill_null(np.nan)
        return cls(
            size=table.num_rows,
            sign=np.ones(table.num_rows, np.int64),
            log_source=integers_of(table["log_source"]).values,
            received_day=(times_of(table["received_at"], "ms") // DAY_MS).astype(np.int32),
            time=times_of(table["time"], "ns"),
            model=words_of(table["request_model"]),
            value=value.to_numpy(zero_copy_only=False),
            **same,
        )

    @classmethod
    def concat(cls, parts: Sequence["ScoreRows"]) -> "ScoreRows":
        """Return all rows, one part after the other; at least one part."""
        names = [f.name for f in fields(cls) if f.name != "size"]
        joined: dict[str, Any] = {name: join_columns([getattr(part, name) for part in parts]) for name in names}
        return cls(size=sum(part.size for part in parts), **joined)

    def negate(self) -> "ScoreRows":
        """Return the rows that cancel these."""
        return replace(self, sign=-self.sign)


def roll_up_scores(
    rows: ScoreRows, *, log_source: int, end_offset: int, dimensions: DimensionCaps
) -> dict[str, pa.RecordBatch]:
    """Return what the scores of a batch add to `rollup_score`, and the ``dimension_values`` they admit.

    Raises ValueError when the rows go to more than one received day.
    """
    day = one_day(rows.received_day)
    admission = Admission(dimensions, log_source, day)
    scopes = scopes_of(rows.log_source, rows.received_day, rows.tenant)
    keys: Keys = {"minute": minutes_of(rows.time, MINUTE), "tenant": dimension(rows.tenant)}
    for name in DIMENSIONS:
        keys[name] = admission.fold(f"score.{name}", dimension(getattr(rows, name)), scopes)
    label = admission.fold("score.label", dimension(rows.label), scopes)
    groups, columns = group_by(keys, rows.size)
    sums = groups.sum(np.stack([rows.sign, *_value_limbs(rows)], axis=1))
    columns["scores"] = pa.array(sums[:, 0])
    columns["with_value"] = pa.array(sums[:, 1])
    columns["value_sum"] = decimals([sums[:, 2], sums[:, 3], sums[:, 4]])
    labelled = np.flatnonzero(rows.label.codes >= 0)
    columns["labels"] = sum_words(groups, labelled, label, rows.sign)
    batch = table_batch(columns, (day, log_source, end_offset))
    return {"rollup_score": batch, "dimension_values": admission.rows(end_offset)}


def _value_limbs(rows: ScoreRows) -> list[I64]:
    """Return whether a row has a value to sum (signed), and the limbs of the value in 1e-12."""
    usable = np.abs(rows.value) < LARGEST  # neither NaN nor infinite
    value = np.where(usable, rows.value, 0.0)
    whole = np.trunc(value)
    fraction = np.rint((value - whole) * 1e12).astype(np.int64) * rows.sign
    million = np.full(rows.size, 1_000_000, np.int64)
    low, middle, high = weighted_limbs(whole.astype(np.int64) * rows.sign * 1_000_000, million)
    small, large = limbs(fraction)
    return [rows.sign * usable, low + small, middle + large, high]
