"""An operation as a stream of lines of JSON: how far it is, now and then, and at the end its report or its error.

A line is {"progress": {"text", "done", "total", "unit"}}, {"report": ...}, {"error": "..."} or, where nothing is
new for a while, {}. Guarantee: the operation is asked to stop, and has ended, when the stream is closed or the server
stops. Not guaranteed: every progress; of several the newest is sent.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict
from threading import Event
from typing import Any

import orjson

from spanpulse_stream.operations import MaintenanceError, Progress, Stopped

__all__ = ["Operate", "events"]

LOG = logging.getLogger(__name__)
ALIVE_EVERY_S = 5.0

Operate = Callable[[str, Mapping[str, Any], Callable[[Progress], None], Event], Awaitable[dict[str, Any]]]
"""Runs an operation (name, arguments, report, stopping). Raises MaintenanceError and Stopped."""


async def events(
    operate: Operate, name: str, arguments: Mapping[str, Any], stop: asyncio.Event
) -> AsyncIterator[bytes]:
    """Run an operation and yield its lines; ``stop`` is set when the server stops."""
    stopping, fresh = Event(), asyncio.Event()
    newest: list[Progress] = []
    loop = asyncio.get_running_loop()

    def report(progress: Progress) -> None:
        newest[:] = [progress]
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(fresh.set)

    working = asyncio.ensure_future(operate(name, arguments, report, stopping))
    ending = asyncio.create_task(_passed_on(stop, stopping))
    try:
        while not working.done():
            told = asyncio.create_task(fresh.wait())
            await asyncio.wait({working, told}, timeout=ALIVE_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            fresh.clear()
            if not working.done():
                yield _line({"progress": asdict(newest.pop())} if newest else {})
        yield _line(_outcome(working))
    finally:
        ending.cancel()
        stopping.set()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await working


async def _passed_on(stop: asyncio.Event, stopping: Event) -> None:
    await stop.wait()
    stopping.set()


def _outcome(working: "asyncio.Future[dict[str, Any]]") -> dict[str, Any]:
    try:
        return {"report": working.result()}
    except MaintenanceError as error:
        return {"error": str(error)}
    except Stopped:
        return {"error": "it was stopped before its end"}
    except Exception as error:
        LOG.exception("an operation failed; this is a defect")
        return {"error": f"it failed by a defect, {type(error).__name__}: {error}; the log has where"}


def _line(found: dict[str, Any]) -> bytes:
    return orjson.dumps(found, default=str) + b"\n"
