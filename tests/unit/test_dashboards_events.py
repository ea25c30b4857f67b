"""Where a prompt version takes over: where it begins to have most of the calls, not where a trial or chance has it."""

import random
from itertools import accumulate

from spanpulse_dashboards.services._events import _Step, _taken_over

BUCKET = 900


def steps(calls: list[tuple[int, int]]) -> list[_Step]:
    """Return the steps of a version from (its calls, all calls) by bucket."""
    own = [0, *accumulate(each for each, _ in calls)]
    whole = [0, *accumulate(each for _, each in calls)]
    return [
        _Step(BUCKET * at, own[at], own[at + 1], whole[at], whole[at + 1]) for at, (each, _) in enumerate(calls) if each
    ]


def test_a_version_that_is_tried_before_is_marked_where_it_takes_over() -> None:
    trial, rolled_out = [(1, 1), (2, 30), *[(1, 30)] * 38], [(28, 30)] * 20
    assert _taken_over(steps(trial + rolled_out)) == 40 * BUCKET


def test_a_version_that_is_taken_back_is_marked_where_it_came() -> None:
    assert _taken_over(steps([(0, 9)] * 10 + [(9, 9)] * 10 + [(0, 9)] * 30)) == 10 * BUCKET


def test_one_that_always_led_or_was_only_tried_is_not_marked() -> None:
    assert _taken_over(steps([(29, 30)] * 20)) is None
    assert _taken_over(steps([(0, 30)] * 10 + [(3, 30)] * 10)) is None
    assert _taken_over(steps([(0, 3)] * 10 + [(1, 1)])) is None


def test_versions_that_share_the_calls_by_chance_are_not_marked() -> None:
    dice = random.Random(5)
    for _ in range(50):
        assert _taken_over(steps([(sum(dice.random() < 0.5 for _ in range(20)), 20) for _ in range(96)])) is None
