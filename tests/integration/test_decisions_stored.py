"""The reconciler over a real database: real exports that came through three partitions end as through one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import reconciling_stored as running
from sinks_inside import Inside, a_process


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


@pytest.mark.parametrize("seed", [1, 2])
def test_three_partitions_end_as_one(inside: Inside, tmp_path: Path, seed: int) -> None:
    one, three, told = inside(running.spread, tmp_path, seed)
    assert told["alone"] == [0], "one partition has nothing to be told"
    assert told["first"] > 0
    assert told["again"] == 0, "what was applied is not said again after a start"
    assert told["dropped"] == told["written"] - one["spans"][0]["n"] > 100
    assert three["spans"] == one["spans"]
    for table in running.ROLLUPS:
        assert three[table] == one[table], table
