"""Counting again gives what the batches added, with corrections that came in other batches and on other days."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import auditing
from sinks_inside import Inside, a_process


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_days_counted_again_in_ranges_are_what_the_batches_added(inside: Inside, tmp_path: Path, seed: int) -> None:
    live, again = inside(auditing.rebuilt, tmp_path, seed, random.Random(seed).sample(range(1, 150), 40))
    assert all(live.values())
    assert again == live
