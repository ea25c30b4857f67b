"""Editions: a new one where something was stored, at most one a pause, and pauses that follow what queries cost."""

from dataclasses import dataclass

import pytest

from spanpulse_dashboards._freshness import STALE_S, Freshness

HOUR, DAY, MONTH = 3600, 86_400, 30 * 86_400


@dataclass
class World:
    now: float = 1000.0
    stored: float = 0.0
    looks: int = 0

    def clock(self) -> float:
        return self.now

    def progress(self) -> float:
        self.looks += 1
        return self.stored


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def freshness(world: World) -> Freshness:
    return Freshness(world.progress, world.clock)


def test_an_edition_stays_while_nothing_is_stored(world: World, freshness: Freshness) -> None:
    first = freshness.edition(HOUR)
    for _ in range(20):
        world.now += 2.5
        assert freshness.edition(HOUR) == first


def test_what_was_stored_shows_after_the_pause_and_not_before(world: World, freshness: Freshness) -> None:
    first = freshness.edition(HOUR)
    world.stored += 1
    world.now += 1.9
    assert freshness.edition(HOUR) == first
    world.now += 0.2
    assert freshness.edition(HOUR) != first


def test_what_was_stored_in_a_pause_is_never_forgotten(world: World, freshness: Freshness) -> None:
    first = freshness.edition(HOUR)
    world.now += 2
    freshness.edition(HOUR)
    world.stored += 1
    world.now += freshness.next_s(HOUR)
    assert freshness.edition(HOUR) != first


def test_longer_ranges_wait_longer(freshness: Freshness) -> None:
    assert [freshness.pause(length) for length in (HOUR, 6 * HOUR, DAY, MONTH)] == [2, 5, 10, 60]


def test_dear_queries_make_pauses_long_and_cheap_ones_short_again(freshness: Freshness) -> None:
    first = freshness.edition(HOUR)
    for _ in range(5):
        freshness.spent(HOUR, 0.3)
    assert freshness.pause(HOUR) == 20
    assert freshness.edition(HOUR) == first
    for _ in range(5):
        freshness.spent(HOUR, 0.001)
    assert freshness.pause(HOUR) == 2
    freshness.spent(HOUR, 100)  # one query that had to wait
    assert freshness.pause(HOUR) == 2
    for _ in range(5):
        freshness.spent(HOUR, 100)
    assert freshness.pause(HOUR) == 60


def test_pages_wait_longer_while_records_wait(world: World) -> None:
    waiting = [False]
    freshness = Freshness(world.progress, world.clock, lambda: waiting[0])
    freshness.spent(HOUR, 0.1)
    assert freshness.pause(HOUR) == 5
    waiting[0] = True
    assert freshness.pause(HOUR) == 10


def test_what_changes_without_a_batch_shows_in_the_end(world: World, freshness: Freshness) -> None:
    first = freshness.edition(DAY)
    world.now += STALE_S + 1
    assert freshness.edition(DAY) != first


def test_nobody_looks_while_nobody_asks(world: World, freshness: Freshness) -> None:
    freshness.edition(HOUR)
    looks = world.looks
    world.now += 10_000
    assert world.looks == looks


def test_another_process_has_other_editions(world: World, freshness: Freshness) -> None:
    assert Freshness(world.progress, world.clock).edition(HOUR) != freshness.edition(HOUR)
