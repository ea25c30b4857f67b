"""Embedded mode: one process with the log, the agents, the database and everything that listens.

What can fail for a reason of the operator's (a port, a key, the folder) fails before what takes long; the receiver
answers 503 until every part is ready. With ``listen=False`` no port is opened: for maintenance while nothing else
runs. Stopped in the order of the data: receiver, agents, database, log. Not guaranteed: that `stop` finishes what
waits in the log; the next start does.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Self, TypeVar

from spanpulse_sinks.clickhouse import BatchWriter, DamagedNote, EmbeddedDatabase, QueryFailed, repair
from spanpulse_stream.control import ControlServer, Operations, socket_path
from spanpulse_stream.embedded._database import check_free, open_database
from spanpulse_stream.embedded._folder import DataFolder, FolderUnusable
from spanpulse_stream.embedded._guests import ask
from spanpulse_stream.embedded._limits import DiskCap
from spanpulse_stream.embedded._log import open_log
from spanpulse_stream.embedded._maintenance import Maintenance
from spanpulse_stream.embedded._messages import LogMessages
from spanpulse_stream.embedded._monitor import Monitor
from spanpulse_stream.embedded._processors import Processors
from spanpulse_stream.embedded._status import StatusReader
from spanpulse_stream.gateway import GrpcServer, HttpServer, OtlpApp, OtlpOptions, Receiver, check_page_binding
from spanpulse_stream.importing import BACKLOG_BYTES, Importer, import_routes
from spanpulse_stream.log import LocalLog
from spanpulse_stream.observe import Condition, Health, LoopPulse, Metrics, catalog, observe_routes
from spanpulse_stream.pipeline import PriceBooks, RowsFromLog, rebuilt_day
from spanpulse_stream.process import Lag, Surroundings, WebPort, exporter_variables, versions_now, warm_up
from spanpulse_stream.settings import Settings

__all__ = ["EmbeddedProcess", "Progress"]

Result = TypeVar("Result")
Progress = Callable[[str], None]
"""Hears what the start is doing, for a person."""


class EmbeddedProcess:
    """A running spanpulse. Made by `start`; `failed` returns when it cannot go on; `stop` ends it."""

    def __init__(self, settings: Settings, progress: Progress, *, listen: bool) -> None:
        self.settings = settings
        self._listens = listen
        self.version = version("spanpulse")
        self.metrics = Metrics(self.version)
        self.health = Health(time.monotonic, settings.stalled_after)
        self._progress = progress
        self._begun = time.monotonic()
        self._stack = contextlib.AsyncExitStack()
        self._addresses: dict[str, str | None] = {"otlp_http": None, "otlp_grpc": None, "web": None}
        self._web: WebPort | None = None
        self.folder: DataFolder
        self.log: LocalLog
        self._opened = False
        self.database: EmbeddedDatabase
        self.status: StatusReader
        self.maintenance: Maintenance
        self._processors: Processors

    @classmethod
    async def start(cls, settings: Settings, progress: Progress = lambda _line: None, *, listen: bool = True) -> Self:
        """Start every part, or none; without ``listen`` nothing that has a port.

        Raises InvalidKey, BindingRefused, FolderUnusable, CannotListen, LogInUse, LogUnusable, OverrideError,
        SinkError or OSError.
        """
        process = cls(settings, progress, listen=listen)
        try:
            await process._start()
        except BaseException:
            await process.stop()
            raise
        return process

    @property
    def addresses(self) -> dict[str, str | None]:
        """The real addresses, `host:port` by setting; None for what is not served."""
        return dict(self._addresses)

    @property
    def exporter_variables(self) -> dict[str, str]:
        """The variables that point an application at this process."""
        return exporter_variables(str(self._addresses["otlp_http"]), keys=bool(self.settings.api_keys))

    async def failed(self) -> BaseException:
        """Wait until the process cannot go on, and return why."""
        return await self._processors.failed()

    async def stop(self) -> None:
        """Stop every part that was started. May be called again.

        Where ``stuck`` is true then, the interpreter must not end by itself.
        """
        self.health.report(Condition.STOPPING, "the process stops")
        await self._stack.aclose()

    @property
    def stuck(self) -> bool:
        """Whether a query that waits for another machine is all that is left after `stop`."""
        return self._opened and self.database.stuck > 0

    async def query(self, sql: str, output_format: str) -> bytes:
        """Return the result of an operator's query; a cancelled caller ends it. Raises QueryFailed."""
        return await ask(self.database, sql, output_format)

    async def _start(self) -> None:
        settings, stack = self.settings, self._stack
        options = OtlpOptions.from_settings(settings)
        check_page_binding(settings.web_host, token=settings.web_token is not None)
        self.folder = DataFolder.prepare(settings.data)
        check_free(self.folder)
        self._progress("loading the decoders (compiled at the first start after an install: about 20 s)")
        compiled = asyncio.create_task(asyncio.to_thread(warm_up))
        stack.push_async_callback(_finished, compiled)
        self.database = await _in_thread(open_database, self.folder, settings)
        self._opened = True
        stack.push_async_callback(asyncio.to_thread, self.database.close)
        self.log = await _in_thread(open_log, self.folder, settings, self.database)
        stack.push_async_callback(self.log.aclose)
        receiver = await self._listen(options) if self._listens else None
        books = await asyncio.to_thread(PriceBooks, settings.prices, self.folder.prices)
        await compiled
        self._progress("checking the database against the log")
        await _in_thread(self._repair, books)
        writer = BatchWriter(self.database)
        self.maintenance = Maintenance(settings, self.log, self.database, books, writer, self.health)
        await _in_thread(self.maintenance.finish)
        self._processors = Processors(settings, self.log, self.database, writer, books, self.metrics, self.health)
        stack.push_async_callback(self._processors.stop)
        await self._processors.start(seed=secrets.randbits(64))
        self.maintenance.processors = self._processors
        stack.push_async_callback(self.maintenance.stop)
        await self._watch(options)
        if missing := (await self.status.read())["completeness"]["unaccounted"]:
            self._progress(f"{missing} records that were accepted are unaccounted for (spanpulse status)")
        if receiver is not None:
            receiver.serve()
            stack.callback(receiver.stop)
        if self._web is not None:
            self._web.load(self._surroundings(self._web))
        self.maintenance.resume()
        self.health.started()

    async def _listen(self, options: OtlpOptions) -> Receiver:
        """Bind all ports: a taken one is known before anything slow begins."""
        settings, stack = self.settings, self._stack
        pulse = LoopPulse(time.monotonic, self.metrics)
        beat = asyncio.create_task(pulse.run())
        stack.push_async_callback(_cancelled, beat)
        receiver = Receiver(self.log, options, self.metrics, self.health)
        stack.callback(receiver.close)
        otlp, heard = OtlpApp(receiver), receiver.refused
        self._web = WebPort(observe_routes(self.metrics, self.health, pulse))
        stack.push_async_callback(self._web.close)
        web = HttpServer(self._web, host=settings.web_host, port=settings.web, setting="web", plain=True)
        await self._serve("web", web)
        await self._serve(
            "otlp_http",
            HttpServer(otlp, host=settings.host, port=settings.otlp_http, setting="otlp_http", on_refused=heard),
        )
        await self._serve("otlp_grpc", GrpcServer(receiver, host=settings.host, port=settings.otlp_grpc))
        return receiver

    async def _serve(self, setting: str, server: HttpServer | GrpcServer) -> None:
        await server.start()
        self._stack.push_async_callback(server.stop)
        self._addresses[setting] = server.address

    def _surroundings(self, web: WebPort) -> Surroundings:
        """Return what the page is given."""
        settings, metrics = self.settings, self.metrics

        def lag() -> Lag:
            partitions = (str(number) for number in range(settings.partitions))
            records = sum(metrics.value(catalog.LOG_LAG, number) for number in partitions)
            return Lag(int(records), metrics.value(catalog.LOG_PENDING_AGE))

        return Surroundings(
            database=self.database,
            version=self.version,
            status=self.status.read,
            lag=lag,
            changes=lambda: metrics.value(catalog.PIPELINE_BATCHES) + self.maintenance.ended,
            worked=lambda: metrics.total(catalog.PIPELINE_STAGE_SECONDS),
            exporter_variables=lambda: self.exporter_variables,
            price_archive=self.folder.prices,
            routes=web.routes,
            token=settings.web_token,
            hosts=(*settings.web_hosts, settings.web_host),
            root_path=settings.web_root_path,
        )

    async def _watch(self, options: OtlpOptions) -> None:
        """Start what looks after the process, and the operator's socket."""
        parts = (self.settings, self.folder, self.log, self.database, self.metrics, self.health)
        cap = DiskCap(self.settings, self.folder, self.log, self.maintenance, self.metrics, self.health)
        monitor = asyncio.create_task(Monitor(*parts, cap).run())
        self._stack.push_async_callback(_cancelled, monitor)
        self.status = StatusReader(*parts, self.version, lambda: self.addresses, self._begun)
        operations = Operations(self.query, self.status.read, self.maintenance.run, (QueryFailed,))
        importer = Importer(self.log, options, most_waiting=BACKLOG_BYTES)
        more = import_routes(importer, self.metrics)
        control = ControlServer(socket_path(self.folder.path), operations, more)
        await control.start()
        self._stack.push_async_callback(control.stop)

    def _repair(self, books: PriceBooks) -> None:
        messages = LogMessages(self.log, self.settings.partitions)
        rows = RowsFromLog(messages, self.database, books, versions_now(self.settings, books))

        def rebuild(day: Any, committed: Any) -> Any:
            return rebuilt_day(self.database, day, committed)

        today = datetime.now(UTC).date()
        try:
            report = repair(self.database, rows, rebuild, today=today, note=self.folder.repair_note)
        except DamagedNote as error:
            raise FolderUnusable(str(error)) from error
        if not report.clean:
            self._progress(
                f"repaired: {len(report.refilled)} batches refilled from the log, {len(report.detached)} broken parts,"
                f" {len(report.rebuilt_days)} days rebuilt, {len(report.lost)} not repairable (see the log)"
            )


async def _in_thread(function: Callable[..., Result], *arguments: object) -> Result:
    """Run a function in a thread and wait for its end even when cancelled: what it opens must be closed."""
    running = asyncio.create_task(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _finished(task: "asyncio.Task[None]") -> None:
    """Wait for a thread's work: the interpreter cannot end before it does."""
    with contextlib.suppress(Exception):
        await task
