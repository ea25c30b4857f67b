"""`dead-letters replay` of a data folder: letters go into the log as what senders send does, each portion once.

The log knows the portions of a run by their names, as those of an imported file, so a run that was interrupted doubles
nothing when it goes on. Spans are accepted meanwhile; what waits to be processed is bounded as with an import.
"""

import random
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from spanpulse_sinks.clickhouse import Workbench, workbench
from spanpulse_stream.decode import Limits
from spanpulse_stream.importing import BACKLOG_BYTES
from spanpulse_stream.letters import REPLAYS, Asked, Replay
from spanpulse_stream.log import ChunkName, LogClosed, LogFull, LogUnusable, Message
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.operations import MaintenanceError, Stopped

__all__ = ["replay"]

NAME = "dead-letters"  # in front of a run, among the names of imported files
APPEND_WITHIN_S = 60.0
PATIENCE_S = 900.0  # without room in the log: the process does not get on
LOOK_EVERY_S = 0.2


def replay(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Send dead letters again; see `Asked` for the arguments, `Replay.run` for the report.

    Raises MaintenanceError, Stopped, ClickHouseError, QueryFailed or OSError.
    """
    settings = context.settings
    asked = Asked.parse(arguments, datetime.now(UTC))
    with workbench(context.database) as bench:
        return Replay(
            _Store(bench),
            _Log(context),
            Limits(max_attributes=settings.max_attributes, max_depth=settings.max_depth),
            settings.partitions,
            lambda text, done, total: context.say(text, done, total, "letters"),
            lambda: time.time_ns() // 1_000_000,
        ).run(asked)


@dataclass(frozen=True, slots=True)
class _Store:
    bench: Workbench

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.bench.rows(sql)

    def note(self, rows: pa.RecordBatch, token: str) -> None:  # noqa: ARG002 -- nobody else writes
        self.bench.insert(REPLAYS, rows)


@dataclass(frozen=True, slots=True)
class _Log:
    context: Context

    def append(self, run: str, number: int, messages: Sequence[Message]) -> None:
        name, deadline = ChunkName(f"{NAME}/{run}", number), time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(LogFull):
                if self.context.log.pending_bytes() <= BACKLOG_BYTES:
                    self._append(name, messages)
                    return
            if self.context.stopping.wait(LOOK_EVERY_S * random.uniform(0.5, 1.5)):  # noqa: S311
                raise Stopped
        raise MaintenanceError("the log takes nothing; see `spanpulse status`, then go on with --run")

    def _append(self, name: ChunkName, messages: Sequence[Message]) -> None:
        try:
            self.context.log.append_once(name, messages).result(APPEND_WITHIN_S)
        except (LogClosed, LogUnusable, TimeoutError) as error:
            raise MaintenanceError(f"the log failed: {error or 'it did not answer'}") from None
