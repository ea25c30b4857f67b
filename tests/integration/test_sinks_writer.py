"""Each rule of writing once, on the real engine. Every one of these fails when its rule is taken out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import sinks_writing as writing
from requirements import small_file_system
from sinks_batches import SPANS
from sinks_inside import Inside, a_process
from sinks_process import expected

TABLES = ["seen", "span_rows", "span_updates", "rollup_minute", "rollup_service", "batches"]


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


def test_a_batch_that_comes_again_changes_nothing(inside: Inside, tmp_path: Path) -> None:
    found = inside(writing.repeated, tmp_path)
    assert found == {"counts": expected(4, SPANS), "inserted": [[], [], [], sorted(TABLES)]}


@pytest.mark.parametrize("landed", [True, False])
@pytest.mark.parametrize("table", ["span_rows", "rollup_minute", "batches"])
def test_an_insert_without_an_answer_is_looked_up(inside: Inside, tmp_path: Path, table: str, landed: bool) -> None:
    found = inside(writing.failed, tmp_path, table, landed)
    assert found == {"counts": expected(3, SPANS), "attempts": 2}


@pytest.mark.parametrize("table", ["span_rows", "rollup_minute"])
def test_a_writer_that_gave_up_looks_at_every_table_next_time(inside: Inside, tmp_path: Path, table: str) -> None:
    found = inside(writing.given_up, tmp_path, table)
    assert found == {"counts": expected(3, SPANS), "gave_up": True}


@pytest.mark.parametrize("tables", [1, 2, 4, 5])
def test_the_first_batch_behind_the_newest_is_suspect(inside: Inside, tmp_path: Path, tables: int) -> None:
    assert inside(writing.half_written, tmp_path, tables) == expected(4, SPANS)


def test_rollups_are_marked_by_source(inside: Inside, tmp_path: Path) -> None:
    one, other, both = inside(writing.two_sources, tmp_path)
    assert (one["span_rows"], other["span_rows"]) == ([5 * SPANS] * 2, [2 * SPANS] * 2)
    assert both == {"requests": 7 * SPANS}


def test_another_number_of_rows_is_reported_and_left_alone(inside: Inside, tmp_path: Path) -> None:
    found = inside(writing.another_number, tmp_path)
    assert found == {"counts": [30, 30], "mismatches": [("seen", SPANS, 30), ("span_rows", SPANS, 30)]}


def test_a_batch_is_one_part_a_table_in_the_day_of_its_receipt(inside: Inside, tmp_path: Path) -> None:
    assert inside(writing.parts, tmp_path) == {table: [3, 0, 2] for table in TABLES}


def test_below_the_floor_every_table_is_read_back(inside: Inside, tmp_path: Path) -> None:
    found = inside(writing.low_disk, tmp_path)
    assert found == {"counts": expected(2, SPANS), "read_back": TABLES, "attempts": 2}


@pytest.mark.parametrize("table", ["span_rows", "rollup_minute"])
def test_a_broken_part_of_an_insert_is_dropped_and_written_again(inside: Inside, tmp_path: Path, table: str) -> None:
    found = inside(writing.broken, tmp_path, table, False)
    assert found == {"counts": expected(2, SPANS), "dropped": [found["name"]], "name": found["name"]}


def test_a_broken_merged_part_is_left_for_a_restart(inside: Inside, tmp_path: Path) -> None:
    found = inside(writing.broken, tmp_path, "span_rows", True)
    assert found["name"] in found["restart"]


def test_a_broken_part_of_an_earlier_batch_is_a_matter_of_repair(inside: Inside, tmp_path: Path) -> None:
    assert "earlier batches" in inside(writing.broken_of_another, tmp_path)


def test_two_threads_write_two_sources(inside: Inside, tmp_path: Path) -> None:
    assert inside(writing.at_once, tmp_path) == {"1": [4 * SPANS] * 2, "2": [4 * SPANS] * 2}


def test_the_newest_batch_of_a_source(inside: Inside, tmp_path: Path) -> None:
    before, after, last, other = inside(writing.newest, tmp_path)
    assert (before, after, other) == (None, last, None)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_file_system(tmp_path, 64) as mount:
        yield mount


def test_a_full_disk_refuses_and_then_takes_the_batch_once(inside: Inside, small_disk: Path) -> None:
    found = inside(writing.full, small_disk / "db", small_disk / "ballast", 58 * 2**20)
    assert "no space" in found["refused"]
    assert found["counts"] == expected(2, SPANS)
