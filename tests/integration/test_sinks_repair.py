"""Repair at start: what committed batches lost comes back from the log, once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import sinks_repairing as repairing
from sinks_batches import SPANS
from sinks_inside import Inside, a_process
from sinks_process import expected


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


@pytest.mark.parametrize(
    ("table", "days"), [("seen", []), ("span_rows", ["2026-11-20"]), ("span_updates", ["2026-11-20"])]
)
def test_lost_rows_of_a_committed_batch_come_back(inside: Inside, tmp_path: Path, table: str, days: list[str]) -> None:
    found = inside(repairing.repaired, tmp_path, table, 0)
    assert found["counts"] == expected(4, SPANS)
    assert (found["refilled"], found["lost"], found["days"]) == ([(table, 4)], [], days)
    assert (found["asked"], found["clean"]) == ([1], True)


def test_a_repair_that_was_killed_before_it_rebuilt_is_ended_by_the_next(inside: Inside, tmp_path: Path) -> None:
    found = inside(repairing.killed, tmp_path)
    assert found == {
        "counts": expected(3, SPANS),
        "noted": [True, False],
        "days": [["2026-11-20"], []],
    }


@pytest.mark.parametrize("how", ["corrects", "in part"])
def test_sums_that_know_of_rows_which_do_not_come_back_are_left(inside: Inside, tmp_path: Path, how: str) -> None:
    found = inside(repairing.lacking, tmp_path, how)
    assert found == {"refilled": ["span_rows"], "days": [], "kept": True}


def test_only_what_the_log_still_has_is_asked_of_it(inside: Inside, tmp_path: Path) -> None:
    found = inside(repairing.repaired, tmp_path, "span_rows", 8)
    assert (found["asked"], found["refilled"], found["counts"]["span_rows"]) == ([], [], [3 * SPANS] * 2)


@pytest.mark.parametrize("table", ["seen", "span_rows", "rollup_minute"])
def test_a_part_that_broke_while_closed_is_made_good(inside: Inside, tmp_path: Path, table: str) -> None:
    found = inside(repairing.detached, tmp_path, table)
    assert found == {"counts": expected(3, SPANS), "detached": [(table, "2026-11-20")], "left": 0}


def test_a_day_is_swapped_whole(inside: Inside, tmp_path: Path) -> None:
    found = inside(repairing.swapped, tmp_path)
    assert (found["found"]["rollup_minute"], found["found"]["rollup_service"]) == (3 + SPANS, 3 + SPANS)
    assert (found["found"]["rollup_user"], found["aside"]) == (found["untouched"], 0)


def test_seen_is_trimmed_by_offset_in_whole_days(inside: Inside, tmp_path: Path) -> None:
    assert inside(repairing.trimmed, tmp_path) == [["2026-11-18"], [], ["2026-11-19"]]
