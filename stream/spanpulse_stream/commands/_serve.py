"""Commands that run: start, say where, serve until a signal, stop; the exit code says how it ended."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from rich.console import Console

from spanpulse_sinks.clickhouse import SinkError
from spanpulse_stream.commands._ready import Announced, remove_ready_file
from spanpulse_stream.commands._run import LeaveAtOnce
from spanpulse_stream.embedded import EmbeddedProcess, FolderUnusable
from spanpulse_stream.gateway import BindingRefused, InvalidKey
from spanpulse_stream.log import LogInUse, LogUnusable
from spanpulse_stream.observe import configure_logging
from spanpulse_stream.price import OverrideError
from spanpulse_stream.process import allow_files, here, settle, tame_memory
from spanpulse_stream.settings import Settings

__all__ = ["CANNOT_START", "announce", "serve", "serve_process", "signalled"]

Progress = Callable[[str], None]

FAILED = 1
CANNOT_START = (
    *(FolderUnusable, LogInUse, LogUnusable, InvalidKey, BindingRefused, OverrideError, SinkError),
    OSError,  # CannotListen among them
)
"""What a start raises for a reason that a person can mend; the message says how."""


def serve(settings: Settings, ready_file: Path | None) -> int:
    """Run `spanpulse up` until SIGINT or SIGTERM (exit code 0) or until it cannot go on (1). Raises CANNOT_START."""
    goes_on = "nothing is lost: `spanpulse up` goes on where it stopped"
    return serve_process(settings, ready_file, EmbeddedProcess.start, announce, goes_on)


class Process(Protocol):
    """What runs until it is stopped."""

    @property
    def addresses(self) -> dict[str, str | None]:
        """The real addresses, `host:port` by setting; None for what is not served."""

    @property
    def stuck(self) -> bool:
        """Whether a thread is still inside the database's engine after `stop`."""

    async def failed(self) -> BaseException:
        """Wait until the process cannot go on, and return why."""

    async def stop(self) -> None:
        """Stop every part."""


Started = TypeVar("Started", bound=Process)


def serve_process(
    settings: Settings,
    ready_file: Path | None,
    start: Callable[[Settings, Progress], Awaitable[Started]],
    announce: Callable[[Started, Console], None],
    goes_on: str,
    reasons: Callable[[Started], Mapping[str, str]] = lambda _process: {},
) -> int:
    """Run one process until SIGINT or SIGTERM (exit code 0) or until it cannot go on (1).

    ``announce`` says where it is, once there are no ``reasons`` why it is not ready; ``goes_on`` what a person is told
    who sees it fail. Raises what ``start`` raises.
    """
    configure_logging(settings.log_level, settings.log_format)
    tame_memory()
    allow_files()
    remove_ready_file(ready_file)
    try:
        return asyncio.run(_serve(settings, ready_file, start, announce, goes_on, reasons))
    finally:
        remove_ready_file(ready_file)


async def _serve(
    settings: Settings,
    ready_file: Path | None,
    start: Callable[[Settings, Progress], Awaitable[Started]],
    announce: Callable[[Started, Console], None],
    goes_on: str,
    reasons: Callable[[Started], Mapping[str, str]],
) -> int:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    stopping = signalled()
    starting = asyncio.ensure_future(start(settings, lambda line: console.print(f"{line} ...", markup=False)))
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
        return 0
    process = starting.result()
    failing = asyncio.create_task(process.failed())
    announced = Announced(
        console, process.addresses, partial(reasons, process), partial(announce, process, console), ready_file
    )
    announcing = asyncio.create_task(announced.run())
    try:
        settle()
        await asyncio.wait({stopping, failing, announcing}, return_when=asyncio.FIRST_COMPLETED)
        if announcing.done():
            announcing.result()
            await asyncio.wait({stopping, failing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        announcing.cancel()
        console.print("stopping ...")
        failing.cancel()
        await process.stop()
    if not stopping.done():
        console.print(f"spanpulse cannot go on: {failing.result()}", style="red", markup=False)
        console.print(goes_on, markup=False)
    code = 0 if stopping.done() else FAILED
    if process.stuck:
        raise LeaveAtOnce(code)
    return code


def signalled() -> "asyncio.Task[bool]":
    """Return a task that ends with the first SIGINT or SIGTERM; a second one ends the process at once."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
        event.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    return asyncio.create_task(event.wait())


def announce(process: EmbeddedProcess, console: Console) -> None:
    """Say where the process is and how an application is pointed at it."""
    addresses = process.addresses
    console.print(f"spanpulse {process.version} is ready, data in {process.folder.path}", markup=False)
    console.print(f"  OTLP/HTTP  http://{addresses['otlp_http']}")
    console.print(f"  OTLP/gRPC  http://{addresses['otlp_grpc']}")
    page = f"http://{here(str(addresses['web']))}{process.settings.web_root_path}/"
    console.print(f"  page       {page}  (/metrics, /healthz, /readyz)")
    console.print("Point an OpenTelemetry application at it:")
    for name, value in process.exporter_variables.items():
        console.print(f"  export {name}={value}", markup=False)
