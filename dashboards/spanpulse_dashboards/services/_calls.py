"""The calls of a range: sums and percentiles by bucket and of the whole, and those of the period before.

The whole comes out of the same scan as its buckets: merging sketches is associative, and ROLLUP does it. The period
before has a query of its own that is repeated seldom, as next to nothing is added to it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.services._sums import NO_SUMS, SUMS, Sums, percentile_items, times_of
from spanpulse_dashboards.services._tables import Table, calls_table, rows_of

__all__ = ["Calls", "Timed", "read_calls"]

LATENCY = (0.5, 0.95, 0.99)
FIRST_TOKEN = (0.5, 0.95)
PERCENTILES = percentile_items(LATENCY, FIRST_TOKEN)


@dataclass(frozen=True, slots=True)
class Timed:
    """Sums of some calls and their percentiles in ms: latency at 0.5, 0.95, 0.99, first token at 0.5, 0.95."""

    sums: Sums = NO_SUMS
    latency: list[float | None] = field(default_factory=lambda: [None] * len(LATENCY))
    first_token: list[float | None] = field(default_factory=lambda: [None] * len(FIRST_TOKEN))

    @classmethod
    def of(cls, row: Row) -> "Timed":
        """Return what a row of the query says."""
        return cls(
            Sums.of(row),
            times_of(row["latency_ns"], len(LATENCY)),
            times_of(row["first_token_ns"], len(FIRST_TOKEN)),
        )


@dataclass(frozen=True, slots=True)
class Calls:
    """The range, the period before (None where nobody asked), and bucket number -> its calls; no calls, no entry."""

    now: Timed
    before: Timed | None
    buckets: dict[int, Timed]


async def read_calls(backend: Backend, scope: Scope, window: Window) -> Calls:
    """Return the calls of a scope. Raises Inapplicable, QueryFailed."""
    table = calls_table(scope)
    now = backend.rows(_by_bucket(table, scope, window), window)
    if not scope.compare:
        return _calls(await now, None)
    return _calls(*await asyncio.gather(now, backend.seldom(_whole(table, scope, window.before), window)))


def _calls(rows: Sequence[Row], before: Sequence[Row] | None) -> Calls:
    whole = next((Timed.of(row) for row in rows if row["whole"]), Timed())
    buckets = {int(row["bucket"]): Timed.of(row) for row in rows if not row["whole"]}
    return Calls(whole, None if before is None else next(map(Timed.of, before), Timed()), buckets)


def _by_bucket(table: Table, scope: Scope, window: Window) -> Statement:
    found = rows_of(table, scope, window, by_bucket=True)
    sql = f"""
        SELECT bucket, grouping(bucket) AS whole, {SUMS}, {PERCENTILES}
        FROM {found.sql} AS r
        GROUP BY ROLLUP(intDiv(toUnixTimestamp(r.{table.time}), {{bucket:UInt32}}) AS bucket)
        HAVING observed != 0"""
    return Statement(sql, {**found.parameters, "bucket": window.bucket})


def _whole(table: Table, scope: Scope, window: Window) -> Statement:
    found = rows_of(table, scope, window)
    sql = f"""
        SELECT {SUMS}, {PERCENTILES}
        FROM {found.sql} AS r
        HAVING observed != 0"""
    return Statement(sql, found.parameters)
