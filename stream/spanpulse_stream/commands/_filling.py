"""Fills the process of a demo over HTTP, as an application would, and prints the summary out of its database."""

import asyncio
import time
from typing import Any

from rich.console import Console

from spanpulse_stream.commands._figures import reader_of
from spanpulse_stream.commands._progress import doing
from spanpulse_stream.commands._run import CommandError
from spanpulse_stream.commands._shows import Show
from spanpulse_stream.commands._summary import print_summary
from spanpulse_stream.embedded import EmbeddedProcess
from spanpulse_stream.observe import catalog
from spanpulse_stream.traffic import Report, Sender

__all__ = ["fill"]

DRAIN_WITHIN_S = 120.0
AT_ONCE = 4


async def fill(process: EmbeddedProcess, show: Show, console: Console, progress: Console, *, page: str | None) -> None:
    """Send what a show has of the past, wait until it is stored, and tell; ``page`` is its address where it stays.

    Raises CommandError where not everything went in.
    """
    begun = time.perf_counter()
    report = await _send(process, show, progress)
    sent = time.perf_counter() - begun
    if report.refused or report.failed:
        raise CommandError(f"{report.refused + report.failed} requests did not get through: {report.reasons}")
    completeness = (await _drained(process, progress))["completeness"]
    console.print(f"sent and processed {completeness['accepted']:,} records in {sent:.0f} s")
    read = reader_of(process.database)
    await asyncio.to_thread(print_summary, read, completeness, console)
    await asyncio.to_thread(show.tell, read, page, console)


async def _send(process: EmbeddedProcess, show: Show, progress: Console) -> Report:
    sender = Sender(f"http://{process.addresses['otlp_http']}", at_once=AT_ONCE)
    async with doing(progress, "sending ...") as update:

        def on_sent(report: Report) -> None:
            update(f"sending: {_received(process):,} records in {report.acknowledged:,} exports ...")

        return await sender.send(show.past(), on_sent=on_sent)


def _received(process: EmbeddedProcess) -> int:
    signals = ("traces", "logs")
    return int(sum(process.metrics.value(catalog.RECEIVER_RECORDS, signal, "accepted") for signal in signals))


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
