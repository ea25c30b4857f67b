"""Dead letters of a cluster: read from the ClickHouse server, sent again through Kafka as a gateway sends.

A replay may be interrupted at any time and go on under its name. What Kafka had taken by then and nobody had noted is
sent again; it reaches the partition that it reached before, and there the workers drop spans that they have seen.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse import Failure
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster._database import connect_server
from spanpulse_stream.decode import Limits
from spanpulse_stream.kafka import KafkaLog, wait_for_brokers
from spanpulse_stream.letters import REPLAYS, Asked, Replay
from spanpulse_stream.log import LogAway, LogClosed, LogFull, Message, MessagesRefused
from spanpulse_stream.observe import Health, Metrics
from spanpulse_stream.operations import MaintenanceError, Progress, Stopped
from spanpulse_stream.settings import Settings

__all__ = ["query_cluster", "replay_in_cluster"]

ATTEMPTS = 5
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 0.5  # there is no crowd of senders to spread
PATIENCE_S = 180.0  # without Kafka taking anything
Report = Callable[[Progress], None]


def query_cluster(settings: Settings, sql: str, report: Report) -> list[dict[str, Any]]:
    """Return the rows of a query. Raises SettingsError, SinkError, ServerUnreachable, QueryFailed."""
    database = asyncio.run(connect_server(settings, lambda line: report(Progress(line))))
    try:
        return database.bench().rows(sql)
    finally:
        database.close()


def replay_in_cluster(settings: Settings, arguments: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Send dead letters again; see `Asked` for the arguments, `Replay.run` for the report.

    Raises MaintenanceError, SettingsError, SinkError, ServerUnreachable, QueryFailed, KafkaUnusable or
    KafkaMisconfigured.
    """
    asked = Asked.parse(arguments, datetime.now(UTC))
    return asyncio.run(_replay(settings, asked, report))


async def _replay(settings: Settings, asked: Asked, report: Report) -> dict[str, Any]:
    def said(line: str) -> None:
        report(Progress(line))

    database, stopping = await connect_server(settings, said), Event()
    log = KafkaLog(settings, Metrics(), Health(time.monotonic))
    try:
        await wait_for_brokers(settings, said, patience_s=settings.clickhouse_patience)
        await log.start()

        def say(text: str, done: int, total: int) -> None:
            if stopping.is_set():
                raise Stopped
            report(Progress(text, done, total, "letters"))

        replay = Replay(
            _Store(database, stopping),
            _Log(log, asyncio.get_running_loop(), stopping),
            Limits(max_attributes=settings.max_attributes, max_depth=settings.max_depth),
            settings.kafka_partitions,
            say,
            lambda: time.time_ns() // 1_000_000,
        )
        running = asyncio.create_task(asyncio.to_thread(replay.run, asked))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            stopping.set()
            await asyncio.wait({running})
            raise
    finally:
        await log.aclose()
        await asyncio.to_thread(database.close)


@dataclass(frozen=True, slots=True)
class _Store:
    database: ServerDatabase
    stopping: Event

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.database.bench().rows(sql)

    def note(self, rows: pa.RecordBatch, token: str) -> None:
        """Insert rows; an insert that comes again because its answer was lost is dropped by its token."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.database.insert(REPLAYS, rows, token=token)
            except ClickHouseError as error:
                if attempt == ATTEMPTS or Failure.of(error) is Failure.PERMANENT:
                    raise MaintenanceError(f"ClickHouse does not take what was done: {error}") from None
                _wait(self.stopping, FIRST_WAIT_S * 2**attempt)
            else:
                return


@dataclass(frozen=True, slots=True)
class _Log:
    log: KafkaLog
    loop: asyncio.AbstractEventLoop
    stopping: Event

    def append(self, _run: str, _number: int, messages: Sequence[Message]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                asyncio.run_coroutine_threadsafe(self.log.append(messages), self.loop).result()
            except (LogAway, LogFull) as error:
                if time.monotonic() > deadline:
                    raise MaintenanceError(f"{error}; go on with --run when Kafka answers") from None
                _wait(self.stopping, min(error.retry_after_s, LONGEST_WAIT_S))
            except MessagesRefused as refused:
                raise MaintenanceError(f"{refused.records} records cannot be sent: {refused}") from None
            except LogClosed:
                raise Stopped from None
            else:
                return


def _wait(stopping: Event, seconds: float) -> None:
    """Wait about so long. Raises Stopped."""
    if stopping.wait(seconds * random.uniform(0.5, 1.5)):  # noqa: S311
        raise Stopped
