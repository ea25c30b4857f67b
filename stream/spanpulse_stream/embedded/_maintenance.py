"""Runs operations of `maintenance` in the process that owns the data: one at a time, each in a thread of its own.

A hold waits for what an earlier process left half written as well: that is whole once its claim is committed.
"""

import asyncio
import logging
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any, TypeVar

from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse import BatchWriter, EmbeddedDatabase, QueryFailed, WriteFailed
from spanpulse_stream.embedded._database import committed_ends
from spanpulse_stream.embedded._processors import Processors
from spanpulse_stream.log import TOPIC, LocalLog
from spanpulse_stream.maintenance import FINISHERS, OPERATIONS, RESUMERS, Context, unfinished
from spanpulse_stream.observe import Condition, Health
from spanpulse_stream.operations import MaintenanceError, Progress, Stopped
from spanpulse_stream.pipeline import PriceBooks
from spanpulse_stream.settings import Settings

__all__ = ["Maintenance"]

Result = TypeVar("Result")
LOG = logging.getLogger(__name__)
HOLD_WITHIN_S = 60.0
PAUSE_WITHIN_S = 90.0  # for the agents to stop or to start
LOOK_AGAIN_S = 0.05
LONGEST_REASON = 500  # the database quotes whole queries
MENDABLE = (MaintenanceError, ClickHouseError, QueryFailed, WriteFailed, TimeoutError, OSError)
"""What an operation raises for a reason that a person can understand from the message."""


@dataclass(slots=True)
class Maintenance:
    """Made before the stream processors start; `finish` runs before them, `run` and `resume` at any time after."""

    settings: Settings
    log: LocalLog
    database: EmbeddedDatabase
    books: PriceBooks
    writer: BatchWriter
    health: Health
    processors: Processors | None = None
    _working: "asyncio.Task[Any] | None" = None
    _resuming: "asyncio.Task[None] | None" = None
    _unfinished: dict[int, int] = field(default_factory=dict)  # partition -> end of an earlier process's claim
    _running: str | None = None
    _ended: int = 0
    _failed: dict[str, str] = field(default_factory=dict)  # what could not be finished -> why

    def __post_init__(self) -> None:
        """Note which batches an earlier process may have left half written."""
        for partition in range(self.settings.partitions):
            if claim := self.log.claimed(TOPIC, partition):
                self._unfinished[partition] = claim.end

    def finish(self) -> None:
        """Bring to its end what a kill interrupted. Raises what the database raises."""
        held = self._nobody_writes
        context = self._context(lambda _progress: None, Event(), held=held, paused=held)
        for finish in FINISHERS:
            finish(context)

    def resume(self) -> None:
        """Begin to finish, in the background, what may only be finished when no batch is half written."""
        if RESUMERS:
            self._resuming = asyncio.create_task(self._resume())

    async def stop(self) -> None:
        """End what `resume` began; the next start goes on with it."""
        if self._resuming is not None:
            self._resuming.cancel()
            await asyncio.wait({self._resuming})
        if self._working is not None:
            await asyncio.wait({self._working})

    @property
    def busy(self) -> bool:
        """Whether an operation runs."""
        return self._running is not None

    @property
    def ended(self) -> int:
        """How many operations have ended: each may have changed what is stored."""
        return self._ended

    async def attempt(self, name: str, operation: Callable[[Context], Result]) -> Result:
        """Run an operation of the process's own; only where it is not ``busy``. Raises MaintenanceError, Stopped."""
        return await self._work(name, operation, lambda _progress: None, Event())

    async def run(
        self, name: str, arguments: Mapping[str, Any], report: Callable[[Progress], None], stopping: Event
    ) -> dict[str, Any]:
        """Run an operation to its end; ``report`` is called from its thread, ``stopping`` asks it to stop.

        Raises MaintenanceError with a message for a person, and Stopped. A cancelled caller stops it and waits.
        """
        if (operation := OPERATIONS.get(name)) is None:
            raise MaintenanceError(f"this process knows no operation {name!r}; is it of an older version?")
        if self._resuming is not None:
            await asyncio.wait({self._resuming})
        if self._running is not None:
            raise MaintenanceError(f"{self._running} is running; wait for its end")
        return await self._work(name, lambda context: operation(context, arguments), report, stopping)

    async def _resume(self) -> None:
        for name, finish in RESUMERS.items():
            try:
                await self._work(f"the rest of {name}", finish, lambda _progress: None, Event())
            except Stopped:
                return
            except MaintenanceError as error:
                self._could_not(name, error)
                LOG.error("%s could not be finished; the next start tries again: %s", name, error)  # noqa: TRY400
            except Exception as error:
                self._could_not(name, error)
                LOG.exception("%s could not be finished; the next start tries again", name)

    async def _work(
        self, name: str, operation: Callable[[Context], Result], report: Callable[[Progress], None], stopping: Event
    ) -> Result:
        self._running = name
        loop = asyncio.get_running_loop()
        context = self._context(
            report,
            stopping,
            held=lambda: self._between_batches(stopping),
            paused=lambda: self._paused(loop, stopping),
        )
        working = self._working = asyncio.create_task(asyncio.to_thread(operation, context))
        working.add_done_callback(self._has_ended)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            stopping.set()
            await asyncio.wait({working})
            raise
        except MENDABLE as error:
            raise MaintenanceError(_shortened(error)) from error

    def _has_ended(self, working: "asyncio.Task[Any]") -> None:
        """Hear of an operation's end from its thread: who waited for it may have been cancelled, even twice."""
        if not working.cancelled():
            working.exception()  # it has been looked at
        self._working, self._running = None, None
        self._ended += 1
        self._tell_unfinished()

    def _tell_unfinished(self) -> None:
        """Have `status` show what was begun and waits for the next start, and why where that is known."""
        names = unfinished(self._context(lambda _progress: None, Event(), held=None, paused=None))
        self._failed = {name: why for name, why in self._failed.items() if name in names}
        if names:
            begun = " and ".join(f"{name} ({self._failed[name]})" if name in self._failed else name for name in names)
            detail = f"begun and not finished: {begun}; the next start goes on, or repeat it"
            self.health.report(Condition.OPERATION_UNFINISHED, detail)
        else:
            self.health.clear(Condition.OPERATION_UNFINISHED)

    def _could_not(self, name: str, error: Exception) -> None:
        self._failed[name] = _shortened(error)
        self._tell_unfinished()

    def _context(self, report: Callable[[Progress], None], stopping: Event, held: Any, paused: Any) -> Context:
        return Context(
            settings=self.settings,
            folder=self.settings.data.resolve(),
            log=self.log,
            database=self.database,
            books=self.books,
            between_batches=held,
            paused=paused,
            report=report,
            stopping=stopping,
        )

    @contextmanager
    def _between_batches(self, stopping: Event) -> Iterator[Mapping[int, int]]:
        self._wait_for_the_first(stopping)
        with self.writer.between_batches(HOLD_WITHIN_S):
            yield committed_ends(self.database)

    def _wait_for_the_first(self, stopping: Event) -> None:
        deadline = time.monotonic() + HOLD_WITHIN_S
        while self._half_written():
            if time.monotonic() > deadline:
                raise TimeoutError(f"a batch that was begun before the start is not finished after {HOLD_WITHIN_S:g} s")
            if stopping.wait(LOOK_AGAIN_S):
                raise Stopped

    @contextmanager
    def _paused(self, loop: asyncio.AbstractEventLoop, stopping: Event) -> Iterator[Mapping[int, int]]:
        assert self.processors is not None
        self._wait_for_the_first(stopping)
        deadline = time.monotonic() + HOLD_WITHIN_S
        while True:
            pausing = asyncio.run_coroutine_threadsafe(self.processors.pause(), loop)
            try:
                _await(pausing)
                if self.writer.whole:
                    yield committed_ends(self.database)
                    return
            finally:
                pausing.cancel()  # where it took too long, it must not end after what follows
                loop.call_soon_threadsafe(self.processors.resume)
            if time.monotonic() > deadline:
                raise TimeoutError(f"a batch could not be written within {HOLD_WITHIN_S:g} s")
            if stopping.wait(1.0):  # the batch that failed is tried again meanwhile
                raise Stopped

    @contextmanager
    def _nobody_writes(self) -> Iterator[Mapping[int, int]]:
        yield committed_ends(self.database)

    def _half_written(self) -> bool:
        return any(self.log.committed(TOPIC, partition) < end for partition, end in self._unfinished.items())


def _shortened(error: Exception) -> str:
    return textwrap.shorten(str(error) or type(error).__name__, LONGEST_REASON, placeholder=" ...")


def _await(pausing: "Future[None]") -> None:
    """Wait for the stream processors to stop. Raises TimeoutError and RuntimeError."""
    try:
        pausing.result(PAUSE_WITHIN_S)
    except TimeoutError:
        raise TimeoutError(f"the stream processors did not stop within {PAUSE_WITHIN_S:g} s") from None
