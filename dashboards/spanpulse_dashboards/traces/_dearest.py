"""The dearest traces by the sum of their counted calls, which no index can know beforehand.

Every call of the range is added up, in passes of bounded memory: about a second for two million calls. Corrections of
what counts are applied. Not guaranteed: that the number of calls, which decides how it is done, is exact.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.services import CALLS, rows_of
from spanpulse_dashboards.traces._ask import ask
from spanpulse_dashboards.traces._cursor import Cursor
from spanpulse_dashboards.traces._filters import Condition
from spanpulse_dashboards.traces._summaries import Sighting
from spanpulse_sinks.clickhouse import QueryLimits

__all__ = ["Asked", "by_sum", "calls_of"]

CALLS_A_PASS = 400_000
MIB = 1024 * 1024
PASS_LIMITS = QueryLimits(seconds=20.0, rows=1_000, result_bytes=4 * MIB, memory_bytes=300 * MIB)

UNCOUNTED = (
    " AND (log_source, log_offset, ordinal) NOT IN (SELECT log_source, target_log_offset, target_ordinal"
    " FROM span_updates WHERE counted = 0 OR dropped)"
)
CORRECTED = Statement("SELECT count() AS corrected FROM span_updates WHERE counted = 0 OR dropped")


class Asked(Protocol):
    """What is asked for."""

    @property
    def limit(self) -> int: ...
    @property
    def cursor(self) -> Cursor | None: ...


async def by_sum(
    backend: Backend, window: Window, condition: Condition, page: Asked, calls: int
) -> tuple[list[Sighting], bool]:
    """Return the dearest traces behind the page's cursor, and whether there are more. Raises QueryFailed."""
    corrected = (await ask(backend, CORRECTED, window))[0]["corrected"]
    matching = condition.sql + (UNCOUNTED if corrected else "")
    counted = Condition(matching, condition.parameters)
    passes = -(-calls // CALLS_A_PASS) or 1
    return _merged([await _summed(backend, window, counted, page, (part, passes)) for part in range(passes)], page)


async def calls_of(backend: Backend, scope: Scope, window: Window, condition: Condition) -> int:
    """Return how many calls there are to add up, about."""
    if any(name not in CALLS.columns for name, _ in scope.filters):
        rows = await ask(
            backend,
            Statement(f"SELECT countIf(counted) AS calls FROM span_rows WHERE {condition.sql}", condition.parameters),
            window,
        )
        return int(rows[0]["calls"])
    found = rows_of(CALLS, scope, window)
    statement = Statement(f"SELECT sum(requests) AS calls FROM {found.sql}", found.parameters)
    return int((await ask(backend, statement, window))[0]["calls"])


async def _summed(
    backend: Backend, window: Window, condition: Condition, page: Asked, part: tuple[int, int]
) -> Sequence[Row]:
    """Return the dearest traces of one pass behind the cursor, one more than the page has."""
    parameters: dict[str, Any] = dict(condition.parameters)
    where = condition.sql
    if part[1] > 1:
        where += " AND cityHash64(trace_id) % {passes:UInt32} = {part:UInt32}"
        parameters |= {"part": part[0], "passes": part[1]}
    having = ""
    if page.cursor is not None and page.cursor.value is not None and page.cursor.trace_id is not None:
        having = "HAVING (total, trace_id) < (toDecimal128({last:String}, 12), {last_id:String})"
        parameters |= {"last": page.cursor.value, "last_id": page.cursor.trace_id}
    sql = (
        "SELECT tenant, trace_id, min(toUnixTimestamp64Nano(start_time)) AS start_ns,"
        " max(toUnixTimestamp64Nano(end_time)) AS end_ns, sum(cost) AS total, toString(total) AS value"
        f" FROM span_rows PREWHERE counted AND cost > 0 AND NOT dropped WHERE {where}"
        f" GROUP BY tenant, trace_id {having}"
        f" ORDER BY total DESC, trace_id DESC LIMIT {page.limit + 1}"
    )
    return await ask(backend, Statement(sql, parameters), window, limits=PASS_LIMITS)


def _merged(passes: Sequence[Sequence[Row]], page: Asked) -> tuple[list[Sighting], bool]:
    rows = [row for rows in passes for row in rows]
    rows.sort(key=lambda row: (Decimal(row["value"]), row["trace_id"]), reverse=True)
    found = [
        Sighting(row["tenant"], row["trace_id"], int(row["start_ns"]), int(row["end_ns"]), row["value"])
        for row in rows[: page.limit]
    ]
    return found, len(rows) > page.limit
