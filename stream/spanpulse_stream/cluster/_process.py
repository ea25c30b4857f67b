"""What the processes of a cluster share: the web port with metrics and health, and how parts are started and stopped.

Parts are stopped in the opposite order. `start` starts every part or none. Not guaranteed: that `stop` finishes what
waits elsewhere; the next process does.
"""

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from typing import ClassVar, Self

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from spanpulse_stream.gateway import GrpcServer, HttpServer
from spanpulse_stream.observe import Condition, Health, LoopPulse, Metrics, observe_routes
from spanpulse_stream.process import give_back_memory
from spanpulse_stream.settings import Settings

__all__ = ["ClusterProcess", "Progress"]

TIDY_EVERY_S = 10.0
Progress = Callable[[str], None]
"""Hears what the start is doing, for a person."""


class ClusterProcess(ABC):
    """A running process. Made by `start`; `failed` returns when it cannot go on; `stop` ends it."""

    name: ClassVar[str]
    stuck: ClassVar[bool] = False

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self.settings = settings
        self.version = version("spanpulse")
        self.metrics = Metrics(self.version)
        self.health = Health(time.monotonic, settings.stalled_after)
        self.progress = progress
        self.stack = contextlib.AsyncExitStack()
        self._pulse = LoopPulse(time.monotonic, self.metrics)
        self._addresses: dict[str, str | None] = {"otlp_http": None, "otlp_grpc": None, "web": None}
        self._failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    @classmethod
    async def start(cls, settings: Settings, progress: Progress = lambda _line: None) -> Self:
        """Start every part, or none. Raises what the parts raise for reasons that a person can mend."""
        process = cls(settings, progress)
        try:
            await process.begin()
        except BaseException:
            await process.stop()
            raise
        process.health.started()
        return process

    @abstractmethod
    async def begin(self) -> None:
        """Start the parts, each with its end on the stack."""

    @property
    def addresses(self) -> dict[str, str | None]:
        """The real addresses, `host:port` by setting; None for what is not served."""
        return dict(self._addresses)

    async def failed(self) -> BaseException:
        """Wait until the process cannot go on, and return why."""
        return await asyncio.shield(self._failure)

    def fail(self, reason: BaseException) -> None:
        """Say that the process cannot go on."""
        if not self._failure.done():
            self._failure.set_result(reason)

    async def stop(self) -> None:
        """Stop every part that was started. May be called again."""
        self.health.report(Condition.STOPPING, "the process stops")
        await self.stack.aclose()

    async def serve(self, setting: str, server: HttpServer | GrpcServer) -> None:
        """Start a server. Raises CannotListen."""
        await server.start()
        self.stack.push_async_callback(server.stop)
        self._addresses[setting] = server.address

    async def serve_web(self, app: ASGIApp | None = None) -> None:
        """Serve the web port: monitoring, or ``app``, which has it as well. Raises CannotListen."""
        self.keep(self._pulse.run())
        self.keep(_tidy())
        settings = self.settings
        served = app if app is not None else Starlette(routes=self.monitoring)
        await self.serve(
            "web", HttpServer(served, host=settings.web_host, port=settings.web, setting="web", plain=True)
        )

    @property
    def monitoring(self) -> list[Route]:
        """The routes /metrics, /healthz and /readyz."""
        return observe_routes(self.metrics, self.health, self._pulse)

    def keep(self, work: Coroutine[object, object, None]) -> None:
        """Run something until the process stops; where it fails, so does the process."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self.stack.push_async_callback(_cancelled, task)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)


async def _tidy() -> None:
    """Give memory back now and then, until cancelled."""
    while True:
        await asyncio.sleep(TIDY_EVERY_S)
        await asyncio.to_thread(give_back_memory)


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
