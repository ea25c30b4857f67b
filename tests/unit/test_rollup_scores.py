"""Scores by minute: counts, labels and exact sums of rounded values; taken back by negation."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from builders import BASE_NS, log_columns, words
from spanpulse_stream.columns import LogColumns, ScoreColumns
from spanpulse_stream.rollup import OTHER, DimensionCaps, ScoreRows, roll_up_scores


def logs_with_scores(values: list[float | None], labels: list[str | None] | None = None) -> LogColumns:
    size = len(values)
    texts = pa.nulls(size, pa.string())
    same = [words(["x"] * size) for _ in range(5)]
    scores = ScoreColumns(
        np.arange(size, dtype=np.int32), np.zeros((size, 2), np.uint64), np.zeros(size, np.uint64),
        np.full(size, BASE_NS), texts, words(["judge"] * size), words([None] * size), words(["faithful"] * size),
        pa.array(values, pa.float64()), words(labels or [None] * size), texts,
        *same, pa.array([[]] * size, pa.map_(pa.string(), pa.string())),
    )  # fmt: skip
    return replace(log_columns(list(range(size)), ["a"] * size), scores=scores)


def rolled(rows: ScoreRows) -> pa.RecordBatch:
    dimensions = DimensionCaps(lambda _source, _day: [], map_limit=2)
    return roll_up_scores(rows, log_source=1, end_offset=5, dimensions=dimensions)["rollup_score"]


def test_values_are_summed_in_decimal_after_rounding() -> None:
    values = [0.1, 0.2, None, -3.5, 1e-13, 8e12 + 0.25, float("inf"), float("nan"), 1e300]
    row = rolled(ScoreRows.of_columns(logs_with_scores(values))).to_pylist()[0]
    assert (row["scores"], row["with_value"]) == (9, 5)
    assert row["value_sum"] == Decimal("0.1") + Decimal("0.2") - Decimal("3.5") + Decimal("8000000000000.25")


@pytest.mark.parametrize("value", [0.0, 0.7, -0.7, 1 / 3, 9_300_000.5, -(2.0**42) - 0.5, 123456.789])
def test_one_value_is_its_own_sum_to_twelve_places(value: float) -> None:
    row = rolled(ScoreRows.of_columns(logs_with_scores([value]))).to_pylist()[0]
    assert abs(row["value_sum"] - Decimal(value)) <= Decimal("0.5e-12")


def test_labels_are_counted_and_bounded() -> None:
    logs = logs_with_scores([None] * 5, ["pass", "fail", "pass", "odd", None])
    row = rolled(ScoreRows.of_columns(logs)).to_pylist()[0]
    assert dict(row["labels"]) == {"pass": 2, "fail": 1, OTHER: 1}


def test_negated_scores_cancel() -> None:
    rows = ScoreRows.of_columns(logs_with_scores([0.3, None, -(2.0**42)], ["a", None, "b"]))
    assert rolled(ScoreRows.concat([rows, rows.negate()])).num_rows == 0
    assert rolled(ScoreRows.concat([rows, rows, rows.negate()])) == rolled(rows)


def test_no_scores_make_no_rows() -> None:
    assert rolled(ScoreRows.of_columns(log_columns([], []))).num_rows == 0
