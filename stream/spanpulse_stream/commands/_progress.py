"""What a command is doing, for a person who waits: one line that changes, or plain lines where there is no terminal."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from rich.console import Console

__all__ = ["doing"]

EVERY_S = 3.0


@asynccontextmanager
async def doing(console: Console, text: str) -> AsyncIterator[Callable[[str], None]]:
    """Show ``text`` while the block runs; the function that is yielded replaces it, from any thread."""
    if console.is_terminal:
        with console.status(text) as line:
            yield line.update
        return
    newest = [text]
    lines = asyncio.create_task(_print_lines(console, newest))
    try:
        yield lambda replaced: newest.__setitem__(0, replaced)
    finally:
        lines.cancel()
        with suppress(asyncio.CancelledError):
            await lines


async def _print_lines(console: Console, newest: list[str]) -> None:
    begun = time.monotonic()
    console.print(newest[0], markup=False)
    while True:
        await asyncio.sleep(EVERY_S)
        console.print(f"{newest[0]} ({time.monotonic() - begun:.0f} s)", markup=False)
