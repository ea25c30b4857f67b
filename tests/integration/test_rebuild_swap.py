"""A swap of several tables that a kill cut short is finished by the next start, or left where it would lose rows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import swapping
from sinks_inside import Inside, a_process


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


@pytest.mark.parametrize("swapped", [0, 1, 2, 3])
def test_a_start_finishes_a_swap_wherever_it_was_cut(inside: Inside, tmp_path: Path, swapped: int) -> None:
    found = inside(swapping.cut_short, tmp_path, swapped, 0)
    minute, user, _ = found["before"]
    assert min(found["before"]) > 0
    assert found["after"] == [2 * minute, 2 * user, 0]
    assert (found["left"], found["journal"]) == ([], False)


def test_a_plan_that_batches_came_after_is_dropped(inside: Inside, tmp_path: Path) -> None:
    found = inside(swapping.cut_short, tmp_path, 0, 1)
    assert found["written"] > found["before"]
    assert found["after"] == found["written"]
    assert (found["left"], found["journal"]) == ([], False)
