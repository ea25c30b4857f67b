"""Scores by minute: counts, labels and exact sums of rounded values; taken back by negation."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from builders import BASE_NS, log_columns, words
from spanpulse_stream.columns import LogColumns, ScoreColumns
from spanpulse_stream.rollup import OTHER, DimensionCaps, ScoreRows, roll_up_scores

MAP = pa.map_(pa.string(), pa.string())
Pairs = list[tuple[str, str]]


def logs_with_scores(
    values: list[float | None], labels: list[str | None] | None = None, experiments: list[Pairs] | None = None
) -> LogColumns:
    size = len(values)
    texts = pa.nulls(size, pa.string())
    same = [words(["x"] * size) for _ in range(5)]
    scores = ScoreColumns(
        np.arange(size, dtype=np.int32), np.zeros((size, 2), np.uint64), np.zeros(size, np.uint64),
        np.full(size, BASE_NS), texts, words(["judge"] * size), words([None] * size), words(["faithful"] * size),
        pa.array(values, pa.float64()), words(labels or [None] * size), texts,
        *same, pa.array(experiments or [[]] * size, MAP), pa.array([[]] * size, MAP),
    )  # fmt: skip
    return replace(log_columns(list(range(size)), ["a"] * size), scores=scores)


def rolled(rows: ScoreRows, table: str = "rollup_score") -> pa.RecordBatch:
    dimensions = DimensionCaps(lambda _source, _day: [], limit=3, map_limit=2)
    return roll_up_scores(rows, log_source=1, end_offset=5, dimensions=dimensions)[table]


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


def test_those_above_nothing_are_counted() -> None:
    values = [1.0, 0.0, -1.0, None, 0.001, float("nan"), float("inf"), 1e300, -0.0]
    row = rolled(ScoreRows.of_columns(logs_with_scores(values))).to_pylist()[0]
    assert (row["with_value"], row["positive"]) == (5, 2)


def test_a_score_counts_once_in_each_experiment_that_it_is_in() -> None:
    experiments: list[Pairs] = [[("tone", "a"), ("size", "s")], [], [("tone", "b")], [("tone", "a")]]
    logs = logs_with_scores([1.0, 1.0, 0.0, -1.0], ["up", "up", None, "down"], experiments)
    found = {
        (row["experiment"], row["variant"]): (row["scores"], row["positive"], row["value_sum"], dict(row["labels"]))
        for row in rolled(ScoreRows.of_columns(logs), "rollup_score_experiment").to_pylist()
    }
    assert found == {
        ("size", "s"): (1, 1, 1, {"up": 1}),
        ("tone", "a"): (2, 1, 0, {"up": 1, "down": 1}),
        ("tone", "b"): (1, 0, 0, {}),
    }


def test_variants_without_a_place_are_counted_together() -> None:
    logs = logs_with_scores([1.0] * 5, experiments=[[("tone", f"v{number}")] for number in range(5)])
    found = rolled(ScoreRows.of_columns(logs), "rollup_score_experiment").to_pylist()
    assert sorted((row["variant"], row["scores"]) for row in found) == [(OTHER, 2), ("v0", 1), ("v1", 1), ("v2", 1)]


@pytest.mark.parametrize("table", ["rollup_score", "rollup_score_experiment"])
def test_negated_scores_cancel(table: str) -> None:
    experiments: list[Pairs] = [[("tone", "a")], [], [("tone", "b"), ("size", "s")]]
    rows = ScoreRows.of_columns(logs_with_scores([0.3, None, -(2.0**42)], ["a", None, "b"], experiments))
    assert rolled(rows, table).num_rows
    assert rolled(ScoreRows.concat([rows, rows.negate()]), table).num_rows == 0
    assert rolled(ScoreRows.concat([rows, rows, rows.negate()]), table) == rolled(rows, table)


@pytest.mark.parametrize("table", ["rollup_score", "rollup_score_experiment"])
def test_no_scores_make_no_rows(table: str) -> None:
    assert rolled(ScoreRows.of_columns(log_columns([], [])), table).num_rows == 0
