"""Queries of the operator in the running process: each in a thread of its own, ended when nobody waits for it.

The threads are daemons: a query that waits for another machine cannot be ended, and must not hold up a stop. Not
guaranteed: that a query has ended when its caller is cancelled for the second time.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from spanpulse_sinks.clickhouse import Cancel, EmbeddedDatabase
from spanpulse_stream.embedded._database import run_query

__all__ = ["ask"]

AGAIN_S = 0.2  # a query that had not begun when it was killed is killed again


async def ask(database: EmbeddedDatabase, sql: str, output_format: str) -> bytes:
    """Return the result of an operator's query; a cancelled caller ends it. Raises QueryFailed."""
    cancel = Cancel()
    running = _in_daemon(lambda: run_query(database, sql, output_format, cancel))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            await asyncio.to_thread(cancel.cancel, database)
            await asyncio.wait({running}, timeout=AGAIN_S)
        raise


def _in_daemon(work: Callable[[], bytes]) -> "asyncio.Future[bytes]":
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bytes] = loop.create_future()

    def settle(result: bytes, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
            future.exception()  # nobody may be left to ask for it

    def run() -> None:
        result, error = b"", None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 -- handed on
            error = raised
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="query", daemon=True).start()
    return future
