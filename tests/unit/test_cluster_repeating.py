"""Requests to ClickHouse that are repeated: how long health says so, and that nothing else is hidden by it."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from sinks_batches import batch
from spanpulse_sinks.clickhouse import BatchWriter, WriteFailed, WriteReport
from spanpulse_sinks.clickhouse.server._breaker import Breaker
from spanpulse_sinks.clickhouse.server._session import ServerSession
from spanpulse_stream.cluster._repeating import Repeating
from spanpulse_stream.cluster._watch import ALL_STUCK_S, WorkerStuck, WorkerWatch
from spanpulse_stream.observe import Condition, Health, Metrics
from spanpulse_stream.partitions import TP

RESET = OperationalError("reset by peer")
DATABASE = SimpleNamespace(inserts=SimpleNamespace(recover=lambda *_given: None))


class Server:
    """Stands for one shard's client: raises what it is told, one for each request, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def raw_query(self, *_given: object, **_settings: object) -> bytes:
        if self.errors:
            raise self.errors.pop(0)
        return b"ok"


class World:
    """A worker's health and clock; ``meanwhile`` runs while a request waits for its repetition."""

    def __init__(self) -> None:
        self.now = 0.0
        self.health = Health(lambda: self.now, 30)
        self.health.started()
        self.meanwhile: Callable[[], None] = lambda: None
        self.seen: list[bool] = []
        self.repeating = Repeating(self.health, self._wait)

    @property
    def failing(self) -> bool:
        return Condition.DATABASE_FAILING in [each.condition for each in self.health.reasons()]

    def reader(self, *errors: Exception) -> ServerSession:
        return ServerSession(Server(*errors), Breaker(), {}, self.repeating.patience(600))

    def _wait(self, _seconds: float) -> None:
        self.seen.append(self.failing)
        self.meanwhile()


@pytest.fixture
def world() -> World:
    return World()


def test_a_read_that_had_to_be_repeated_leaves_nothing_behind(world: World) -> None:
    assert world.reader(RESET, RESET).raw_query("SELECT 1") == b"ok"
    assert (world.seen, world.failing) == ([True, True], False)


def test_nor_does_one_that_is_given_up(world: World) -> None:
    broken = DatabaseError("no such table")
    broken.code = 60
    with pytest.raises(DatabaseError):
        world.reader(RESET, broken).raw_query("SELECT 1")
    assert (world.seen, world.failing) == ([True], False)


def test_nor_does_one_that_the_end_of_the_process_interrupts(world: World) -> None:
    def stopped() -> None:
        raise WriteFailed("the worker stops")

    world.meanwhile = stopped
    with pytest.raises(WriteFailed):
        world.reader(RESET).raw_query("SELECT 1")
    assert not world.failing


def test_an_answer_of_another_shard_is_none_of_the_one_that_failed(world: World) -> None:
    other = world.reader(RESET)

    def in_another_thread() -> None:
        world.meanwhile = lambda: None
        thread = threading.Thread(target=other.raw_query, args=("SELECT 1",))
        thread.start()
        thread.join()
        world.seen.append(world.failing)

    world.meanwhile = in_another_thread
    world.reader(RESET).raw_query("SELECT 1")
    assert (world.seen, world.failing) == ([True, True, True], False)


def test_a_worker_that_hangs_after_a_repeated_read_is_stuck_all_the_same(world: World) -> None:
    world.reader(RESET).raw_query("SELECT 1")
    consumer: Any = SimpleNamespace(
        assignment=lambda: {TP("otlp", 0)},
        highwater=lambda _tp: 100,
        readable=lambda _tp: 100,
        losses=SimpleNamespace(take=dict),
    )
    app: Any = SimpleNamespace(consumer=consumer)
    claims: Any = SimpleNamespace(reached=lambda _tp: 10)
    watch = WorkerWatch(app, claims, Metrics("test"), world.health, lambda: world.now)
    watch.once()
    world.now += ALL_STUCK_S + 1
    with pytest.raises(WorkerStuck):
        watch.once()


@pytest.fixture
def insert(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """What the next attempts to write the tables of a batch raise."""
    errors: list[Exception] = []

    def write_tables(_writer: BatchWriter, _batch: object, _report: WriteReport, *, look: bool) -> None:
        if errors:
            raise errors.pop(0)

    monkeypatch.setattr(BatchWriter, "_write_tables", write_tables)
    return errors


def test_a_batch_that_is_refused_stays_shown_though_reads_are_answered(world: World, insert: list[Exception]) -> None:
    insert += [RESET, RESET]
    writer = world.repeating.writer(DATABASE, most=1, patience=600)

    def read() -> None:
        world.meanwhile = lambda: None
        world.reader(RESET).raw_query("SELECT 1")
        world.seen.append(world.failing)

    world.meanwhile = read
    writer.write(batch(0))
    assert (world.seen, world.failing) == ([True, True, True, True], False)


def test_a_batch_that_is_given_up_is_not_repeated_any_more(world: World, insert: list[Exception]) -> None:
    insert += [RESET] * 6
    writer = world.repeating.writer(DATABASE, most=1, patience=0)
    with pytest.raises(WriteFailed):
        writer.write(batch(0))
    assert (world.seen, world.failing) == ([True] * 5, False)
