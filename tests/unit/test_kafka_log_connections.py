"""What keeps the gateway's connection outlives whatever connecting raises, and says why there is none."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from otlp.serving import until
from spanpulse_stream.kafka import _log_connections
from spanpulse_stream.kafka._log_connection import Connection
from spanpulse_stream.kafka._log_connections import Connections
from spanpulse_stream.kafka._log_watch import Watch
from spanpulse_stream.observe import Condition, Health, Metrics


class Opening:
    """Stands for a connection; ``error`` is what connecting raises."""

    topic = "spanpulse.otlp"
    acknowledged = in_a_hurry = False
    partitions, brokers = 1, 1

    def __init__(self, error: BaseException | None) -> None:
        self.error = error
        self.spoiled = asyncio.Event()
        self.stopped = False

    async def start(self) -> None:
        if self.error is not None:
            raise self.error

    async def probe(self) -> bool:
        return True

    async def drain(self, _within: float) -> None:
        raise RuntimeError("nobody foresaw it")

    def spoil(self, *, hurry: bool = False) -> None:
        self.in_a_hurry = hurry
        self.spoiled.set()

    def abandon(self) -> None:
        pass

    async def stop(self) -> None:
        self.stopped = True


@asynccontextmanager
async def keeping(make: Callable[[], Any]) -> AsyncIterator[Connections]:
    connections = Connections(make, 0.1)
    connections.start()
    yield connections
    await asyncio.wait_for(connections.stop(), 5)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_log_connections, "LONGEST_PAUSE_S", 0.02)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnicodeError("label empty or too long"), "UnicodeError"),
        (OverflowError("port must be 0-65535"), "OverflowError"),
        (AssertionError(), "AssertionError"),
        (asyncio.CancelledError(), "KafkaConnectionError"),
        (KafkaConnectionError(), "KafkaConnectionError"),
    ],
)
async def test_whatever_connecting_raises_is_said_and_tried_again(
    error: BaseException, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[Opening] = []

    def make() -> Any:
        made.append(Opening(error if len(made) < 3 else None))
        return made[-1]

    async with keeping(make) as connections:
        await until(lambda: connections.now is not None)
        assert said in connections.detail
    assert caplog.text.count("cannot write to Kafka") == 3
    assert str(error) in caplog.text
    assert len([record for record in caplog.records if record.exc_info]) <= 1, "a traceback once, not every time"
    assert all(each.stopped for each in made)


async def test_what_cannot_even_be_made_or_breaks_in_use_is_tried_again() -> None:
    made: list[Opening] = []

    def make() -> Any:
        made.append(Opening(None))
        if len(made) == 1:
            raise ValueError("no connection")
        return made[-1]

    async with keeping(make) as connections:
        await until(lambda: connections.now is not None)
        connections.now.spoil()
        await until(lambda: len(made) == 3 and connections.now is not None)
        assert "RuntimeError" in connections.detail
    assert made[1].stopped


async def test_readiness_says_why(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    health = Health(time.monotonic)
    async with keeping(lambda: Opening(UnicodeError("secret"))) as connections:
        watching = asyncio.create_task(Watch(connections, 1, Metrics(), health).run())
        await until(lambda: any("UnicodeError" in each.detail for each in health.reasons()))
        (reason,) = [each for each in health.reasons() if each.condition is Condition.KAFKA_FAILING]
        assert "secret" not in reason.detail, "it is shown to everybody"
        watching.cancel()


async def test_a_stop_while_connecting_is_one() -> None:
    class Slow(Opening):
        async def start(self) -> None:
            await asyncio.sleep(60)

    made: list[Slow] = []

    def make() -> Any:
        made.append(Slow(None))
        return made[-1]

    async with keeping(make):
        await until(lambda: bool(made))
        await asyncio.sleep(0)
    assert [each.stopped for each in made] == [True]


async def test_a_producer_that_closes_badly_is_cut_off_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    class Producer:
        async def stop(self) -> None:
            raise ValueError("nobody foresaw it")

    connection: Any = Connection.__new__(Connection)
    connection._open, connection._producer = 0, Producer()
    connection._given_up = asyncio.get_running_loop().create_future()
    cut: list[bool] = []
    monkeypatch.setattr(Connection, "_cut", lambda _self: cut.append(True))
    await connection.stop()
    assert cut == [True]
