"""The stream processors of one process: the Faust app with its agent, and how it is started again after a failure.

A batch that could not be written, or whose state could not be read for want of memory, time or a free session, is
tried again by a new app, which replays what the log says was claimed; waits between attempts grow and have jitter.
Whatever else ends an app (a broken part, a defect) ends the process. Not guaranteed: that `stop` finishes what waits
in the log; it waits for the batch that is being written alone.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from spanpulse_sinks.backoff import pause
from spanpulse_sinks.clickhouse import BatchWriter, EmbeddedDatabase, QueryFailed, WriteFailed, WriteReport
from spanpulse_stream.log import TOPIC, LocalLog
from spanpulse_stream.observe import Condition, Health, Metrics, catalog
from spanpulse_stream.partitions import TP
from spanpulse_stream.pipeline import Computed, Enricher, PartitionSteps, PriceBooks, Steps, Tools
from spanpulse_stream.process import Recorder, versions_now
from spanpulse_stream.settings import Settings
from spanpulse_stream.transport import LogClaims, failed, make_app, register_log, unregister_log

__all__ = ["Processors"]

LOG = logging.getLogger(__name__)
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
PASSING = (QueryFailed.Kind.LIMIT, QueryFailed.Kind.BUSY, QueryFailed.Kind.CANCELLED)


@dataclass(slots=True)
class Processors:
    """Processes one log into one database. `start`, then `failed` or `stop`."""

    settings: Settings
    log: LocalLog
    database: EmbeddedDatabase
    writer: BatchWriter
    books: PriceBooks
    metrics: Metrics
    health: Health
    _app: Any = None
    _running: "asyncio.Task[BaseException] | None" = None
    _failures: int = 0
    _pausing: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _resumed: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, *, seed: int) -> None:
        """Start the agents; they have their partitions a moment later. Raises what made them fail."""
        url = register_log(self.log)
        recorder = Recorder(self.metrics)

        def written(computed: Computed, report: WriteReport) -> None:
            recorder.written(computed, report)
            self._failures = 0
            self.health.clear(Condition.DATABASE_FAILING)

        tools = Tools(self.database, self.writer, self.books, written, seed)
        await self._begin(url, tools)
        self._running = asyncio.create_task(self._run(url, tools))

    async def failed(self) -> BaseException:
        """Wait until processing cannot go on, and return why. Only after `start`."""
        assert self._running is not None
        return await asyncio.shield(self._running)

    async def pause(self) -> None:
        """Stop the agents until `resume`. A batch that is being written is finished first, or has failed.

        What they remember is read anew from the database afterwards. `resume` follows, also where this is cancelled.
        Raises RuntimeError where they have ended.
        """
        assert self._running is not None
        self._resumed.clear()
        self._pausing.set()
        idle = asyncio.create_task(self._idle.wait())
        try:
            await asyncio.wait({idle, self._running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            idle.cancel()
        if self._running.done():
            raise RuntimeError("the stream processors have ended")
        self.health.pause()

    def resume(self) -> None:
        """Let the agents go on."""
        self._idle.clear()
        self._pausing.clear()
        self._resumed.set()
        self.health.resume()

    async def stop(self) -> None:
        """Stop the agents. A batch that is being written is finished first."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        await self._end()
        unregister_log(self.log)

    async def _run(self, url: str, tools: Tools) -> BaseException:
        """Start apps again while what ends them may pass."""
        while True:
            reason = await self._ended()
            asked = self._pausing.is_set()  # it may be resumed before the app has ended
            await self._end()
            if asked or self._pausing.is_set():
                self._idle.set()
                await self._resumed.wait()
                self._idle.clear()
                await self._begin(url, tools)
                continue
            if not _may_pass(reason):
                return reason or RuntimeError("the stream processors stopped by themselves")
            self._failures += 1
            self.health.report(Condition.DATABASE_FAILING, str(reason))
            self.metrics.add(catalog.PIPELINE_RESTARTS)
            wait = pause(self._failures, FIRST_WAIT_S, LONGEST_WAIT_S)
            LOG.error("a batch could not be read or written; trying again in %.1f s: %s", wait, reason)
            await asyncio.sleep(wait)
            await self._begin(url, tools)

    async def _ended(self) -> BaseException | None:
        """Wait until the app has ended, and return why, or until a pause is asked for."""
        ended = asyncio.create_task(failed(self._app))
        asked = asyncio.create_task(self._pausing.wait())
        try:
            await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
            return ended.result() if ended.done() else None
        finally:
            ended.cancel()
            asked.cancel()

    async def _begin(self, url: str, tools: Tools) -> None:
        app = self._app = make_app(url)

        async def partition(tp: TP) -> PartitionSteps:
            source = await asyncio.to_thread(self.log.source, *tp)
            tools.writer.distrust(source)
            return PartitionSteps(source, tools)

        steps = Steps(partition, _constant(versions_now(self.settings, self.books).dump()), app.crash)
        enricher = Enricher(LogClaims(self.log), steps, most_records=self.settings.batch_records)

        async def enrich(stream: Any) -> None:
            await enricher.run(stream, within=self.settings.batch_within)

        topic = app.topic(TOPIC, key_serializer="raw", value_serializer="raw")
        app.agent(topic, name="enrich")(enrich)
        await app.start()

    async def _end(self) -> None:
        """Stop the app, to the end: no step may run when the database is closed next."""
        if self._app is not None:
            ending = asyncio.ensure_future(self._app.stop())
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                await asyncio.wait({ending})
                raise
            finally:
                self._app = None


def _may_pass(reason: BaseException | None) -> bool:
    """Whether another attempt can help."""
    if isinstance(reason, QueryFailed):
        return reason.kind in PASSING
    return isinstance(reason, WriteFailed)


def _constant(text: str) -> Callable[[], str]:
    return lambda: text
