"""A rebuild never makes good sums wrong: what they know of rows that are gone or doubled stays, and is said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rebuilding
from pipeline_running import ROLLUPS
from sinks_inside import Inside, a_process

SCORES = {"rollup_score", "rollup_score_experiment"}
CALLS = {"rollup_minute", "rollup_quarter", "rollup_experiment", "rollup_user"}


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


def left(report: dict[str, Any], words: str) -> set[str]:
    """Return the rollups that a rebuild left alone for a reason, on any day."""
    return {table for each in report["skipped"] if words in each["why"] for table in each["tables"]}


def test_a_day_that_corrects_spans_which_are_gone_is_left_alone(inside: Inside, tmp_path: Path) -> None:
    found = inside(rebuilding.after_spans_went, tmp_path)
    assert found["audit"]["findings"] == []
    why = f"it corrects spans received on {found['first']}, which may be gone: removed: disk_cap"
    later = [each for each in found["audit"]["unchecked"] if each["day"] != found["first"]]
    assert {each["table"] for each in later if each["why"] == why} == CALLS
    assert left(found["rebuild"], why) == CALLS
    assert found["kept"]
    again = {table for each in found["rebuild"]["days"] for table in each["rows"]}
    assert "rollup_service" in again, "what corrections do not change is counted again"


@pytest.mark.parametrize("counted", [True, False])
def test_rows_that_are_missing_or_doubled_are_not_counted_into_rollups(
    inside: Inside, tmp_path: Path, counted: bool
) -> None:
    found = inside(rebuilding.with_rows_lost, tmp_path, counted)
    assert found["kept"]
    assert left(found["rebuild"], "of its corrections are missing") == CALLS
    assert left(found["rebuild"], "of its scores are missing") == SCORES
    assert left(found["rebuild"], "1 more of its spans are there than its batches stored") == {
        *CALLS,
        "rollup_service",
    }
    named = {each["check"] for each in found["audit"]["findings"]}
    assert named >= {"spans", "corrections", "rollups"}
    assert ("scores" in named) == counted


def test_rows_of_rollups_that_are_missing_are_named_and_restored(inside: Inside, tmp_path: Path) -> None:
    found = inside(rebuilding.with_rollup_rows_lost, tmp_path)
    assert {each["table"] for each in found["audit"]["findings"]} == set(ROLLUPS)
    scores = [each for each in found["audit"]["findings"] if each["table"] in SCORES]
    assert {each["measure"] for each in scores} == {"scores", "with_value", "positive", "value_sum", "labels"}
    assert found["rebuild"]["skipped"] == []
    assert found["restored"]
    twice = [each for each in found["doubled"]["findings"] if each["check"] == "offsets"]
    assert [(each["found"], each["expected"]) for each in twice] == [(0, 40)]


def test_rollups_of_a_day_on_which_nothing_was_received_go(inside: Inside, tmp_path: Path) -> None:
    found = inside(rebuilding.with_a_day_that_never_was, tmp_path)
    assert {(each["day"], each["table"]) for each in found["audit"]["findings"]} == {("2099-01-01", "rollup_minute")}
    assert found["restored"]
    (kept,) = [each for each in found["rebuild"]["skipped"] if each["day"] == "2099-01-01"]
    assert kept["why"].startswith("batches are missing, and these rollups may be of them")
