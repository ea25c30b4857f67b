"""Editions: a new one where something was stored, at most one a pause, and pauses that follow what queries cost."""

from dataclasses import dataclass

import pytest

from spanpulse_dashboards._freshness import LONGEST_S, OWING_S, SHARE, SHARE_BUSY, STALE_S, WORK, Freshness

HOUR, DAY, MONTH = 3600, 86_400, 30 * 86_400


@dataclass
class World:
    now: float = 1000.0
    stored: float = 0.0
    looks: int = 0
    worked: float = 0.0

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
        freshness.asked(HOUR, 0.3)
    assert freshness.pause(HOUR) == 20
    assert freshness.edition(HOUR) == first
    for _ in range(5):
        freshness.asked(HOUR, 0.001)
    assert freshness.pause(HOUR) == 2
    freshness.asked(HOUR, 100)  # one query that had to wait
    assert freshness.pause(HOUR) == 2
    for _ in range(5):
        freshness.asked(HOUR, 100)
    assert freshness.pause(HOUR) == 60


def test_an_open_page_is_fetched_again_when_its_last_answer_is_paid(world: World, freshness: Freshness) -> None:
    shown = freshness.version(HOUR)
    world.stored += 1
    freshness.spent(HOUR, 3.0)
    world.now += 3.0 / SHARE - 0.1
    assert freshness.version(HOUR) == shown
    world.now += freshness.next_s(HOUR)
    assert freshness.version(HOUR) != shown


@pytest.mark.parametrize("cause", ["records wait", "the pipeline works"])
def test_open_pages_have_less_while_there_is_work(world: World, cause: str) -> None:
    waiting = [False]
    freshness = Freshness(world.progress, world.clock, lambda: waiting[0], lambda: world.worked)
    freshness.version(HOUR)
    world.now += 100
    world.worked += 100 * WORK * (cause == "the pipeline works")
    waiting[0] = cause == "records wait"
    freshness.spent(HOUR, 0.3)
    assert freshness.next_s(HOUR) == pytest.approx(0.3 / SHARE_BUSY)
    waiting[0] = False
    world.now += 10
    assert freshness.next_s(HOUR) <= 0.3 / SHARE


def test_all_ranges_together_have_one_share(world: World, freshness: Freshness) -> None:
    ranges, shown, spent = (HOUR, 6 * HOUR, DAY, MONTH), dict[int, str](), 0.0
    for _ in range(1000):
        world.stored += 1
        for length in ranges:
            if (version := freshness.version(length)) != shown.get(length):
                shown[length] = version
                freshness.spent(length, 1.0)
                spent += 1.0
        world.now += 0.5
    assert 0.8 * 500 * SHARE <= spent <= 500 * SHARE + len(ranges)


def test_who_opens_a_page_sees_what_is_new_though_open_pages_wait(world: World, freshness: Freshness) -> None:
    first, shown = freshness.edition(HOUR), freshness.version(HOUR)
    freshness.spent(HOUR, 100.0)
    world.stored += 1
    world.now += OWING_S
    assert freshness.edition(HOUR) != first
    assert freshness.version(HOUR) == shown


def test_nothing_is_owed_for_ever(world: World, freshness: Freshness) -> None:
    shown = freshness.version(HOUR)
    freshness.spent(HOUR, 1e6)
    assert freshness.next_s(HOUR) == 30
    world.stored += 1
    world.now += LONGEST_S
    assert freshness.version(HOUR) != shown


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
