"""The breaker: who may ask a server that is away, and when."""

import pytest

from spanpulse_sinks.clickhouse.server._breaker import FAILURES, FIRST_WAIT_S, LONGEST_WAIT_S, Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock, lambda: 1.0)
    for _ in range(FAILURES):
        assert breaker.admits()
        breaker.failed()
    return breaker


def test_a_few_failures_bar_everybody_for_a_while() -> None:
    clock = Clock()
    breaker = opened(clock)
    assert breaker.open
    assert not breaker.admits()
    clock.now += FIRST_WAIT_S
    assert breaker.admits()
    assert not breaker.admits(), "only one may find out"


def test_an_answer_closes_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    breaker.answered()
    assert not breaker.open
    assert all(breaker.admits() for _ in range(10))


def test_it_says_once_that_the_server_is_away_and_once_that_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 60
    for _ in range(20):
        breaker.failed("ReadTimeoutError")
    for _ in range(3):
        breaker.answered()
    breaker.failed()
    breaker.answered()
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "ClickHouse does not answer; it is asked again until it does ()",
        "ClickHouse answers again, after 60 s",
    ]


def test_waits_grow_up_to_a_bound() -> None:
    clock = Clock()
    breaker = opened(clock)
    waits = []
    for _ in range(12):
        begun = clock.now
        while not breaker.admits():
            clock.now += 0.1
        waits.append(clock.now - begun)
        breaker.failed()
    assert waits == pytest.approx(sorted(waits))
    assert waits[-1] <= LONGEST_WAIT_S + 0.1
    assert waits[-1] > waits[0]
