"""When a process is ready, and when not."""

import asyncio

import httpx
import pytest

from otlp.serving import until
from spanpulse_stream.observe import Condition, Health, LoopPulse, Metrics, catalog, observe_app


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock) -> Health:
    made = Health(clock, stalled_after=10)
    made.started()
    return made


def conditions(health: Health) -> list[Condition]:
    return [reason.condition for reason in health.reasons()]


def test_a_process_is_not_ready_before_it_said_so(clock):
    health = Health(clock)
    assert conditions(health) == [Condition.STARTING]
    health.started()
    assert conditions(health) == []


@pytest.mark.parametrize("condition", [Condition.LOG_FULL, Condition.DISK_LOW, Condition.DATABASE_FAILING])
def test_conditions_hold_until_they_are_cleared_or_pass(health, clock, condition):
    health.report(condition, "what is wrong")
    clock.now += 1e6
    assert [(reason.condition, reason.detail) for reason in health.reasons()] == [(condition, "what is wrong")]
    health.clear(condition)
    health.clear(condition)
    assert conditions(health) == []
    health.report(condition, "for a while", for_seconds=10)
    clock.now += 9
    assert conditions(health) == [condition]
    clock.now += 1
    assert conditions(health) == []


def test_records_that_wait_without_progress_are_a_stall(health, clock):
    health.progress(0, committed=5, end=5)
    clock.now += 3600
    assert conditions(health) == []
    health.progress(0, end=8)  # after an hour of rest the time begins now
    clock.now += 10
    assert conditions(health) == []
    health.progress(0, end=90)  # more that waits is no progress
    clock.now += 0.1
    assert conditions(health) == [Condition.PIPELINE_STALLED]
    assert "85 messages wait" in health.reasons()[0].detail
    health.progress(0, committed=6)
    assert conditions(health) == []
    clock.now += 10.1
    assert conditions(health) == [Condition.PIPELINE_STALLED]
    health.progress(0, committed=90)
    assert conditions(health) == []


def test_a_stall_shows_within_15_seconds_of_reports_once_a_second(health, clock):
    health.progress(0, committed=3, end=3)
    shown_after = None
    for second in range(20):
        health.progress(0, committed=3, end=3 + second + 1)
        if shown_after is None and conditions(health):
            shown_after = second
        clock.now += 1
    assert shown_after is not None
    assert shown_after <= 15


def test_slow_progress_is_no_stall(health, clock):
    for committed in range(100):
        health.progress(0, committed=committed, end=1000)
        clock.now += 9
        assert conditions(health) == []


def test_every_partition_counts_until_it_is_forgotten(health, clock):
    health.progress(0, committed=0, end=0)
    health.progress(1, committed=0, end=4)
    clock.now += 11
    health.progress(0, committed=9, end=9)
    assert [reason.detail.split(":")[0] for reason in health.reasons()] == ["partition 1"]
    health.forget(1)
    assert conditions(health) == []


def test_a_partition_may_report_its_two_ends_apart(health, clock):
    health.progress(0, end=7)
    assert conditions(health) == []
    clock.now += 11
    health.progress(0, committed=7)
    health.progress(0, end=8)
    assert conditions(health) == []
    clock.now += 11
    assert conditions(health) == [Condition.PIPELINE_STALLED]


async def get(health: Health, pulse: LoopPulse, metrics: Metrics, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(observe_app(metrics, health, pulse))
    async with httpx.AsyncClient(transport=transport, base_url="http://web") as http:
        return await http.get(path)


async def test_the_three_pages(health, clock):
    metrics = Metrics()
    pulse = LoopPulse(clock, metrics)
    ready = await get(health, pulse, metrics, "/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "reasons": []})
    health.report(Condition.DATABASE_FAILING, "code 243: no space")
    unready = await get(health, pulse, metrics, "/readyz")
    assert unready.status_code == 503
    assert unready.json() == {
        "ready": False,
        "reasons": [{"reason": "database_failing", "detail": "code 243: no space"}],
    }
    alive = await get(health, pulse, metrics, "/healthz")
    assert (alive.status_code, alive.json()) == (200, {"alive": True, "reasons": []})
    shown = await get(health, pulse, metrics, "/metrics")
    assert shown.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "spanpulse_ready 0.0" in shown.text


async def test_a_slow_event_loop_is_bad_health(health, clock):
    metrics = Metrics()
    pulse = LoopPulse(clock, metrics)
    running = asyncio.create_task(pulse.run())
    await until(lambda: pulse._beat is not None)
    clock.now += 7  # the loop is busy for seven seconds, then runs its timer
    assert "has not run" in pulse.trouble()
    await until(lambda: metrics.value(catalog.LOOP_LAG) > 0)
    late = await get(health, pulse, metrics, "/healthz")
    assert late.status_code == 503
    assert "6.5 s late" in late.json()["reasons"][0]
    clock.now += 0.5
    await until(lambda: not pulse.trouble())
    running.cancel()
    clock.now += 60
    assert (await get(health, pulse, metrics, "/healthz")).status_code == 503


async def test_a_pipeline_that_stands_still_for_long_is_bad_health(health, clock):
    metrics = Metrics()
    pulse = LoopPulse(clock, metrics)
    health.progress(0, committed=3, end=9)
    clock.now += 29
    assert (await get(health, pulse, metrics, "/healthz")).status_code == 200
    clock.now += 2
    late = await get(health, pulse, metrics, "/healthz")
    assert late.status_code == 503
    assert "6 messages wait" in late.json()["reasons"][0]
