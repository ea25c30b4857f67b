"""Laws of a partition's steps on the real database: neither restarts nor cuts nor rebuilding change what is there."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline_running as running
from sinks_inside import Inside, a_process

SEEDS = [1, 2]


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


def places(seed: int) -> list[int]:
    return random.Random(seed).sample(range(1, 200), 20)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restart_before_any_batch_changes_no_row_of_any_table(inside: Inside, tmp_path: Path, seed: int) -> None:
    live, again = inside(running.restarts, tmp_path, seed, places(seed), list(range(30)))
    assert live["span_rows"]["n"] > 300
    assert again == live


@pytest.mark.parametrize(("seed", "window"), [(1, 5_000), (2, 100)])
def test_where_batches_are_cut_changes_no_sum(inside: Inside, tmp_path: Path, seed: int, window: int) -> None:
    one, many = inside(running.other_cuts, tmp_path, seed, places(seed), window)
    assert many == one


@pytest.mark.parametrize("seed", SEEDS)
def test_rebuilding_every_day_gives_the_same_rollups(inside: Inside, tmp_path: Path, seed: int) -> None:
    live, again = inside(running.rebuilt, tmp_path, seed, places(seed))
    assert all(live[table] for table in ("rollup_minute", "rollup_user", "rollup_service"))
    assert again == live


def test_every_record_is_counted_once(inside: Inside, tmp_path: Path) -> None:
    found = inside(running.tally, tmp_path, 3, places(3))
    for counts in found["batches"].values():
        parts = ("stored", "duplicate", "dead_lettered", "filtered")
        assert counts["accepted"] == sum(counts[part] for part in parts) > 0
    assert found["span_rows"] == found["batches"]["traces"]["stored"]
    assert found["seen"] == sum(counts["stored"] for counts in found["batches"].values())
