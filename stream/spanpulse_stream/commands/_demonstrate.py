"""What `spanpulse demo` does: a process of its own, traffic into it over HTTP, a summary out of its database."""

import asyncio
import time
import webbrowser
from collections.abc import Coroutine
from typing import Any

from rich.console import Console

from spanpulse_stream.commands._figures import reader_of
from spanpulse_stream.commands._live import go_on
from spanpulse_stream.commands._progress import doing
from spanpulse_stream.commands._run import CommandError, LeaveAtOnce
from spanpulse_stream.commands._serve import announce, signalled
from spanpulse_stream.commands._shows import Show
from spanpulse_stream.commands._summary import print_summary
from spanpulse_stream.embedded import EmbeddedProcess
from spanpulse_stream.observe import catalog, configure_logging
from spanpulse_stream.settings import Settings
from spanpulse_stream.traffic import Report, Sender

__all__ = ["demonstrate"]

DRAIN_WITHIN_S = 120.0
AT_ONCE = 4
INTERRUPTED = 130


async def demonstrate(settings: Settings, show: Show, console: Console, *, once: bool, open_page: bool) -> int:
    """Run the demo; returns the exit code. Raises CANNOT_START, and CommandError where not all data went in."""
    configure_logging("warning")
    stopping = signalled()
    progress = Console(stderr=True, highlight=False, soft_wrap=True)
    async with doing(progress, "starting ...") as update:
        starting = asyncio.create_task(EmbeddedProcess.start(settings, lambda text: update(f"{text} ...")))
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            update("stopping ...")
            starting.cancel()
            await asyncio.wait({starting})
            return INTERRUPTED
    process = starting.result()
    try:
        work = _demonstrated(process, show, console, progress, stopping, once=once, open_page=open_page)
        code = await _until_failed(process, work)
    finally:
        await process.stop()
    if process.stuck:
        raise LeaveAtOnce(code)
    return code


async def _until_failed(process: EmbeddedProcess, work: Coroutine[Any, Any, int]) -> int:
    """Return what the work returns. Raises CommandError as soon as the process cannot go on."""
    working, failing = asyncio.create_task(work), asyncio.create_task(process.failed())
    try:
        await asyncio.wait({working, failing}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise CommandError(f"the process cannot go on: {failing.result()}")
        return working.result()
    finally:
        for task in (working, failing):
            task.cancel()
        await asyncio.wait({working, failing})


async def _demonstrated(
    process: EmbeddedProcess,
    show: Show,
    console: Console,
    progress: Console,
    stopping: "asyncio.Task[bool]",
    *,
    once: bool,
    open_page: bool,
) -> int:
    if not await _before_stop(_fill(process, show, console, progress, once=once), stopping):
        return INTERRUPTED
    if once:
        return 0
    page = _page(process)
    announce(process, console)
    console.print(f"\n[bold]Look:[/] [bold underline]{page}[/]   (Ctrl-C ends it)\n")
    if open_page:
        await asyncio.to_thread(webbrowser.open, page)
    await _before_stop(go_on(_otlp(process), show, progress), stopping)
    await stopping
    return 0


async def _before_stop(work: Coroutine[Any, Any, None], stopping: "asyncio.Task[bool]") -> bool:
    """Do the work until somebody stops the demo, and tell whether it was finished."""
    working = asyncio.create_task(work)
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            return False
        working.result()
        return True
    finally:
        working.cancel()
        await asyncio.wait({working})


async def _fill(process: EmbeddedProcess, show: Show, console: Console, progress: Console, *, once: bool) -> None:
    if kept := (await process.status.read())["completeness"]["accepted"]:
        console.print(f"the data folder holds {kept:,} records already; what is sent now is added to them")
    begun = time.perf_counter()
    report = await _send(process, show, progress)
    sent = time.perf_counter() - begun
    if report.refused or report.failed:
        raise CommandError(f"{report.refused + report.failed} requests did not get through: {report.reasons}")
    status = await _drained(process, progress)
    console.print(f"sent and processed {status['completeness']['accepted']:,} records in {sent:.0f} s")
    read = reader_of(process.database)
    await asyncio.to_thread(print_summary, read, status["completeness"], console)
    await asyncio.to_thread(show.tell, read, None if once else _page(process), console)


async def _send(process: EmbeddedProcess, show: Show, progress: Console) -> Report:
    sender = Sender(_otlp(process), at_once=AT_ONCE)
    async with doing(progress, "sending ...") as update:

        def on_sent(report: Report) -> None:
            update(f"sending: {_received(process):,} records in {report.acknowledged:,} exports ...")

        return await sender.send(show.past(), on_sent=on_sent)


def _received(process: EmbeddedProcess) -> int:
    signals = ("traces", "logs")
    return int(sum(process.metrics.value(catalog.RECEIVER_RECORDS, signal, "accepted") for signal in signals))


def _otlp(process: EmbeddedProcess) -> str:
    return f"http://{process.addresses['otlp_http']}"


def _page(process: EmbeddedProcess) -> str:
    return f"http://{process.addresses['web']}/"


async def _drained(process: EmbeddedProcess, progress: Console) -> dict[str, Any]:
    """Wait until everything that was accepted is in the database, and return the status."""
    deadline = time.monotonic() + DRAIN_WITHIN_S
    async with doing(progress, "waiting for the last batch ...") as update:
        while True:
            status = await process.status.read()
            if not status["completeness"]["pending"]:
                return status
            if time.monotonic() > deadline:
                reasons = "; ".join(reason["detail"] for reason in status["reasons"])
                raise CommandError(f"{status['completeness']['pending']} records still wait: {reasons or 'no reason'}")
            update(f"{status['completeness']['pending']:,} records wait ...")
            await asyncio.sleep(0.1)
