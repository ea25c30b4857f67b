"""A worker that looks after itself: what counts as stuck, and what does not."""

from types import SimpleNamespace
from typing import Any

import pytest

from spanpulse_stream.cluster._watch import ALL_STUCK_S, HELD_UP_S, ONE_STUCK_S, WorkerStuck, WorkerWatch
from spanpulse_stream.observe import Condition, Health, Metrics, catalog
from spanpulse_stream.partitions import TP
from spanpulse_stream.transport.kafka._ledger import Losses

ONE, OTHER = TP("otlp", 0), TP("otlp", 1)


class World:
    """Partitions with their ends and committed offsets, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ends: dict[TP, int] = {ONE: 0, OTHER: 0}
        self.committed: dict[TP, int] = {ONE: 0, OTHER: 0}
        self.stable: dict[TP, int] = {}
        self.kafka: str | None = None
        self.losses = Losses(lambda _tp, _first, _kept: None)
        consumer: Any = SimpleNamespace(
            assignment=lambda: set(self.ends),
            highwater=self.ends.get,
            readable=self.stable.get,
            losses=self.losses,
        )
        claims: Any = SimpleNamespace(reached=self.committed.get)
        self.metrics, self.health = Metrics("test"), Health(lambda: self.now, 10)
        self.health.started()
        app: Any = SimpleNamespace(consumer=consumer)
        self.watch = WorkerWatch(app, claims, self.metrics, self.health, lambda: self.now)
        self.watch.kafka = lambda: self.kafka

    def after(self, seconds: float) -> None:
        self.now += seconds
        self.watch.once()


def test_nothing_waits_and_nothing_is_stuck() -> None:
    world = World()
    for _ in range(10):
        world.after(100)
    assert world.metrics.value(catalog.KAFKA_PARTITIONS) == 2


def test_what_kafka_deleted_before_it_was_read_is_counted_once() -> None:
    world = World()
    world.losses.lost(ONE, 100, 500)
    world.after(0)
    world.after(1)
    assert world.metrics.value(catalog.KAFKA_LOST, "otlp") == 400


def test_a_partition_that_waits_for_its_turn_is_not_stuck() -> None:
    world = World()
    world.ends |= {ONE: 100, OTHER: 100}
    world.after(0)
    for _ in range(20):
        world.committed[ONE] += 1
        world.after(ONE_STUCK_S / 40)
    assert world.metrics.value(catalog.KAFKA_LAG, "otlp", "1") == 100


def test_nothing_at_all_for_a_minute_is_stuck() -> None:
    world = World()
    world.ends |= {ONE: 100, OTHER: 100}
    world.after(0)
    with pytest.raises(WorkerStuck, match="otlp/0"):
        world.after(ALL_STUCK_S + 1)


def test_one_partition_for_very_long_is_stuck() -> None:
    world = World()
    world.ends |= {ONE: 10_000, OTHER: 100}
    for _ in range(21):
        world.committed[ONE] += 1
        world.after(ONE_STUCK_S / 20)
    world.committed[ONE] += 1
    with pytest.raises(WorkerStuck, match="otlp/1"):
        world.after(ONE_STUCK_S / 20)


def test_a_database_that_is_away_is_no_reason() -> None:
    world = World()
    world.ends |= {ONE: 100, OTHER: 100}
    world.health.report(Condition.DATABASE_FAILING, "away")
    for _ in range(10):
        world.after(ONE_STUCK_S)
    world.health.clear(Condition.DATABASE_FAILING)
    world.after(1)


def test_what_was_taken_away_is_forgotten() -> None:
    world = World()
    world.ends |= {ONE: 100}
    world.after(0)
    del world.ends[ONE]
    world.after(ALL_STUCK_S * 2)
    assert world.health.reasons() == []
    assert world.metrics.value(catalog.KAFKA_LAG, "otlp", "0") == 0


def test_as_long_as_a_request_to_the_database_may_take_it_is_not_stuck() -> None:
    """Nobody knows that it fails before its time is over."""
    world = World()
    world.watch.request_s = 60.0
    world.ends |= {ONE: 100, OTHER: 100}
    world.after(0)
    world.after(ALL_STUCK_S + 59)
    with pytest.raises(WorkerStuck):
        world.after(2)


def conditions(world: World) -> list[Condition]:
    return [each.condition for each in world.health.reasons()]


def test_a_kafka_that_is_away_is_no_reason_and_is_told_of() -> None:
    """Neither to the process itself nor to whoever asks /healthz; once it is back, time begins anew."""
    world = World()
    world.ends |= {ONE: 100, OTHER: 100}
    world.after(0)
    world.kafka = "Kafka takes no commit"
    for _ in range(10):
        world.after(ONE_STUCK_S)
        assert conditions(world) == [Condition.KAFKA_FAILING]
        assert world.health.stuck() == []
    world.kafka = None
    world.after(ALL_STUCK_S - 1)
    assert Condition.KAFKA_FAILING not in conditions(world)
    with pytest.raises(WorkerStuck):
        world.after(2)


def test_what_an_open_transaction_holds_up_is_not_stuck_and_is_said(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.ends |= {ONE: 100}
    world.committed[ONE] = world.stable[ONE] = 40
    for _ in range(10):
        world.after(HELD_UP_S)
    assert conditions(world) == []
    assert world.metrics.value(catalog.KAFKA_LAG, "otlp", "0") == 60
    assert [record.getMessage()[:9] for record in caplog.records] == ["otlp/0: a"]
    world.stable[ONE] = 90
    world.after(1)
    with pytest.raises(WorkerStuck):
        world.after(ALL_STUCK_S + 1)
