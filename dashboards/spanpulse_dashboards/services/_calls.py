"""The calls of a range in one query: sums and percentiles by bucket, for the range and for the period before.

The totals come out of the same scan as the buckets: merging sketches is associative, and ROLLUP does it.
"""

from dataclasses import dataclass, field
from typing import Literal

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.services._sums import NO_SUMS, SUMS, Sums, percentile_items, times_of
from spanpulse_dashboards.services._tables import calls_table, condition

__all__ = ["Calls", "Timed", "read_calls"]

LATENCY = (0.5, 0.95, 0.99)
FIRST_TOKEN = (0.5, 0.95)


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
    rows = await backend.rows(_statement(scope, window), window)
    found: dict[tuple[str, int], Timed] = {(row["part"], int(row["bucket"])): Timed.of(row) for row in rows}
    buckets = {bucket: timed for (part, bucket), timed in found.items() if part == "bucket"}
    before = found.get(("before", 0), Timed()) if scope.compare else None
    return Calls(found.get(("now", 0), Timed()), before, buckets)


Part = Literal["now", "before", "bucket"]
PART = "multiIf(NOT now, 'before', grouping(bucket) = 1, 'now', 'bucket') AS part"


def _statement(scope: Scope, window: Window) -> Statement:
    table = calls_table(scope)
    windows = (window, window.before) if scope.compare else (window,)
    where = condition(table, scope, *windows)
    now = f"r.{table.time} >= {{start_0:DateTime('UTC')}}"
    number = f"intDiv(toUnixTimestamp(r.{table.time}), {{bucket:UInt32}})"
    sql = f"""
        SELECT {PART}, bucket, {SUMS}, {percentile_items(LATENCY, FIRST_TOKEN)}
        FROM {table.name} AS r
        WHERE {where.sql}
        GROUP BY ROLLUP({now} AS now, if(now, {number}, 0) AS bucket)
        HAVING grouping(now) = 0 AND (now OR grouping(bucket) = 1)"""
    return Statement(sql, {**where.parameters, "bucket": window.bucket})
