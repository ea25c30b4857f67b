"""How the services of traces ask: answers are kept by edition as everywhere.

A list may cost more than the figures of a page do, and the pause between editions follows what queries cost; so what
is asked here is not counted there, only in what open pages may cost together. Lists and searches are dear questions;
the spans of one trace, found by its id, are not.
"""

from functools import partial

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_sinks.clickhouse import QueryLimits

__all__ = ["ask", "ask_now"]

MIB = 1024 * 1024
LIMITS = QueryLimits(seconds=10.0, rows=20_100, result_bytes=64 * MIB, memory_bytes=256 * MIB)


async def ask(
    backend: Backend, statement: Statement, window: Window, *, limits: QueryLimits = LIMITS
) -> tuple[Row, ...]:
    """Return the rows of a statement over a window, as of the present edition. Raises QueryFailed."""
    length = backend.length(window)
    edition, took = backend.freshness.edition(length), partial(backend.freshness.spent, length)
    return (await backend.reader.rows(statement, edition=edition, limits=limits, dear=True, took=took)).rows


async def ask_now(
    backend: Backend, statement: Statement, *, limits: QueryLimits = LIMITS, dear: bool = False
) -> tuple[Row, ...]:
    """Return the rows of a statement as they are now. Raises QueryFailed."""
    return (await backend.reader.rows(statement, limits=limits, dear=dear)).rows
