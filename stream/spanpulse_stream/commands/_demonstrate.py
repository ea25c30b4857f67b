"""What `spanpulse demo` does: start a process of its own, fill it, tell, go on until somebody stops it."""

import asyncio
import webbrowser
from collections.abc import Coroutine
from typing import Any

from rich.console import Console

from spanpulse_stream.commands._filling import fill
from spanpulse_stream.commands._live import go_on
from spanpulse_stream.commands._progress import doing
from spanpulse_stream.commands._run import CommandError, LeaveAtOnce
from spanpulse_stream.commands._serve import announce, signalled
from spanpulse_stream.commands._shows import Show
from spanpulse_stream.embedded import EmbeddedProcess
from spanpulse_stream.observe import configure_logging
from spanpulse_stream.settings import Settings

__all__ = ["demonstrate"]

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
    page = f"http://{process.addresses['web']}/"
    if not await _before_stop(fill(process, show, console, progress, page=None if once else page), stopping):
        return INTERRUPTED
    if once:
        return 0
    announce(process, console)
    console.print(f"\n[bold]Look:[/] [bold underline]{page}[/]   (Ctrl-C ends it)\n")
    if open_page:
        await asyncio.to_thread(webbrowser.open, page)
    await _before_stop(go_on(f"http://{process.addresses['otlp_http']}", show, progress), stopping)
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
