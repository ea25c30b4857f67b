"""What `spanpulse demo` does: a process of its own, real traffic into it over HTTP, a summary out of its database."""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from spanpulse_stream.commands._progress import doing
from spanpulse_stream.commands._run import CommandError, LeaveAtOnce
from spanpulse_stream.commands._serve import announce, signalled
from spanpulse_stream.commands._summary import print_summary
from spanpulse_stream.embedded import EmbeddedProcess, run_query
from spanpulse_stream.observe import catalog, configure_logging
from spanpulse_stream.settings import Settings
from spanpulse_stream.traffic import Outgoing, Report, Sender, TraceName, corpus_requests, replay

__all__ = ["demonstrate"]

DRAIN_WITHIN_S = 120.0
AT_ONCE = 4
INTERRUPTED = 130


async def demonstrate(settings: Settings, console: Console, *, trace: TraceName, once: bool) -> int:
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
        code = await _until_failed(process, _demonstrated(process, console, progress, stopping, trace=trace, once=once))
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
    console: Console,
    progress: Console,
    stopping: "asyncio.Task[bool]",
    *,
    trace: TraceName,
    once: bool,
) -> int:
    work = asyncio.create_task(_show(process, console, progress, trace))
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            return INTERRUPTED
        work.result()
    finally:
        work.cancel()
        await asyncio.wait({work})
    if not once:
        announce(process, console)
        console.print(f"look into it with: spanpulse sql 'SHOW TABLES' --data {process.settings.data}", markup=False)
        console.print("Ctrl-C ends it")
        await stopping
    return 0


async def _show(process: EmbeddedProcess, console: Console, progress: Console, trace: TraceName) -> None:
    begun = time.perf_counter()
    report = await _send(process, progress, trace)
    sent = time.perf_counter() - begun
    if report.refused or report.failed:
        raise CommandError(f"{report.refused + report.failed} requests did not get through: {report.reasons}")
    status = await _drained(process, progress)
    console.print(f"sent and processed {status['completeness']['accepted']:,} records in {sent:.0f} s")
    await asyncio.to_thread(
        print_summary, lambda sql, form: run_query(process.database, sql, form), status["completeness"], console
    )


async def _send(process: EmbeddedProcess, progress: Console, trace: TraceName) -> Report:
    now = datetime.now(UTC)
    sender = Sender(f"http://{process.addresses['otlp_http']}", at_once=AT_ONCE)
    async with doing(progress, "sending ...") as update:

        def on_sent(report: Report) -> None:
            update(f"sending: {_received(process):,} records in {report.acknowledged:,} exports ...")

        return await sender.send(_requests(now, trace), on_sent=on_sent)


def _received(process: EmbeddedProcess) -> int:
    signals = ("traces", "logs")
    return int(sum(process.metrics.value(catalog.RECEIVER_RECORDS, signal, "accepted") for signal in signals))


def _requests(now: datetime, trace: TraceName) -> Iterator[Outgoing]:
    for signal, body in corpus_requests(now):
        yield Outgoing(signal, body)
    for _, body in replay(trace, until=now):
        yield Outgoing("traces", body)


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
