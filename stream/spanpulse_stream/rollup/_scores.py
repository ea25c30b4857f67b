"""Evaluation results to the rows of `rollup_score`: how many, with which labels, how many of them above 0, their sum.

`rollup_score_experiment` has the same once for each experiment that a score is in.
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
from spanpulse_stream.rollup._dimensions import Admission, DimensionCaps, Scopes
from spanpulse_stream.rollup._group import sum_words
from spanpulse_stream.rollup._keys import (
    MINUTE,
    Keys,
    Mark,
    group_by,
    minutes_of,
    one_day,
    scopes_of,
    table_batch,
    take_keys,
)
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
    experiments: pa.Array  # map<string, string>
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
            experiments=scores.experiments.fill_null([]),
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
            experiments=table["experiments"].combine_chunks(),
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
    """Return what the scores of a batch add to each rollup of scores, and the ``dimension_values`` they admit.

    Raises ValueError when the rows go to more than one received day.
    """
    day = one_day(rows.received_day)
    admission = Admission(dimensions, log_source, day)
    scopes = scopes_of(rows.log_source, rows.received_day, rows.tenant)
    keys: Keys = {"minute": minutes_of(rows.time, MINUTE), "tenant": dimension(rows.tenant)}
    for name in DIMENSIONS:
        keys[name] = admission.fold(f"score.{name}", dimension(getattr(rows, name)), scopes)
    measures = _Measures.of(rows, admission.fold("score.label", dimension(rows.label), scopes))
    mark = (day, log_source, end_offset)
    return {
        "rollup_score": measures.by(keys, mark),
        "rollup_score_experiment": _by_experiment(rows, keys, measures, (admission, scopes), mark),
        "dimension_values": admission.rows(end_offset),
    }


def _by_experiment(
    rows: ScoreRows, keys: Keys, measures: "_Measures", places: tuple[Admission, Scopes], mark: Mark
) -> pa.RecordBatch:
    each = np.repeat(np.arange(rows.size), np.diff(rows.experiments.offsets.to_numpy()))
    admission, scopes = places[0], places[1].take(each)
    own: Keys = {}
    for name, values in (("experiment", rows.experiments.keys), ("variant", rows.experiments.items)):
        own[name] = admission.fold(f"score.{name}", dimension(words_of(values)), scopes)
    return measures.take(each).by(take_keys(keys, each) | own, mark)


@dataclass(frozen=True, slots=True)
class _Measures:
    """What each row adds: (n, k) numbers, and its label, NULL for none."""

    numbers: I64
    labelled: NDArray[np.bool_]
    label: Words

    @classmethod
    def of(cls, rows: ScoreRows, label: Words) -> "_Measures":
        return cls(np.stack([rows.sign, *_value_limbs(rows)], axis=1), rows.label.codes >= 0, label)

    def take(self, rows: I64) -> "_Measures":
        return _Measures(self.numbers[rows], self.labelled[rows], take(self.label, rows))

    def by(self, keys: Keys, mark: Mark) -> pa.RecordBatch:
        """Return the rows of a table that has these keys."""
        groups, columns = group_by(keys, len(self.numbers))
        sums = groups.sum(self.numbers)
        for place, name in enumerate(("scores", "with_value", "positive")):
            columns[name] = pa.array(sums[:, place])
        columns["value_sum"] = decimals([sums[:, 3], sums[:, 4], sums[:, 5]])
        labelled = np.flatnonzero(self.labelled)
        columns["labels"] = sum_words(groups, labelled, self.label, self.numbers[:, 0])
        return table_batch(columns, mark)


def _value_limbs(rows: ScoreRows) -> list[I64]:
    """Return whether a row has a value to sum and one above 0 (signed), and the limbs of the value in 1e-12."""
    usable = np.abs(rows.value) < LARGEST  # neither NaN nor infinite
    value = np.where(usable, rows.value, 0.0)
    whole = np.trunc(value)
    fraction = np.rint((value - whole) * 1e12).astype(np.int64) * rows.sign
    million = np.full(rows.size, 1_000_000, np.int64)
    low, middle, high = weighted_limbs(whole.astype(np.int64) * rows.sign * 1_000_000, million)
    small, large = limbs(fraction)
    return [rows.sign * usable, rows.sign * (usable & (value > 0)), low + small, middle + large, high]
