"""The table of the page: one dimension's values with their sums, sortable, paged by key.

A page ends with a cursor that holds the last row's place in the order, so that a page neither repeats nor skips a row
while rows stay as they are. Live data moves rows: who pages while data arrives sees each row where it is by then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._models import Breakdown
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.services._breakdown_rows import row_of
from spanpulse_dashboards.services._cursor import Place, read_place, write_place
from spanpulse_dashboards.services._sessions import SESSION_SPANS, session_condition
from spanpulse_dashboards.services._sums import SUMS, percentile_items
from spanpulse_dashboards.services._tables import (
    CALLS,
    USERS,
    Condition,
    Inapplicable,
    calls_table,
    condition,
    rows_of,
    user_quarters,
)
from spanpulse_sinks.clickhouse import QueryFailed

__all__ = ["DIMENSIONS", "MOST_ROWS", "SORTS", "By", "Sort", "breakdown"]

By = Literal["model", "service", "prompt", "prompt_version", "user", "session", "provider", "environment", "tenant"]
Sort = Literal[
    "requests",
    "errors",
    "error_rate",
    "latency_p50",
    "latency_p95",
    "first_token_p95",
    "input_tokens",
    "output_tokens",
    "cost",
    "cost_per_request",
    "name",
]
DIMENSIONS: tuple[str, ...] = get_args(By)
SORTS: tuple[str, ...] = get_args(Sort)
MOST_ROWS = 200
PERCENTILES = percentile_items((0.5, 0.95), (0.95,))
NO_PERCENTILES = "[]::Array(Float64) AS latency_ns, [] ::Array(Float64) AS first_token_ns"
RANKS: Mapping[str, str] = {
    "requests": "requests",
    "errors": "errors",
    "error_rate": "errors / requests",
    "latency_p50": "nullIf(latency_ns[1], 0)",
    "latency_p95": "nullIf(latency_ns[2], 0)",
    "first_token_p95": "nullIf(first_token_ns[1], 0)",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cost": "if(requests > usage_missing + unpriced, toFloat64(cost), NULL)",
    "cost_per_request": "if(requests > usage_missing + unpriced,"
    " toFloat64(cost) / (requests - usage_missing - unpriced), NULL)",
    "name": "0",
}
TOO_MANY = "too many {} in the range for a table sorted by this: choose a shorter range, a filter or another column"
WHOLE_QUARTERS = "users are kept by quarter of an hour: the rows are of every whole quarter that the range touches"
KEPT_FOR_ALL = "by user the {} is not kept: take the filter away"


@dataclass(frozen=True, slots=True)
class _Source:
    """Where rows come from: the alias ``r`` of ``table``, maybe a subquery, and the expressions of one or two keys."""

    table: str
    where: Condition
    keys: Mapping[str, str]
    providers: str = "[]::Array(String)"


async def breakdown(
    backend: Backend,
    scope: Scope,
    *,
    by: By,
    sort: Sort = "requests",
    descending: bool = True,
    limit: int = 20,
    after: str | None = None,
) -> Breakdown:
    """Return a page of at most ``limit`` rows behind the cursor ``after``. Raises ScopeError, QueryFailed."""
    window = backend.window(scope)
    place = read_place(after) if after is not None else None
    rows: tuple[Row, ...] = ()
    reason = None
    source = None
    try:
        source = _source(scope, window, by)
        rows = await _rows(backend, window, source, by, _Order(sort, descending, limit, place))
    except Inapplicable as inapplicable:
        reason = str(inapplicable)
    except QueryFailed as error:
        if error.kind is not QueryFailed.Kind.LIMIT or by not in {"user", "session"}:
            raise
        reason = TOO_MANY.format(f"{by}s")
    shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
    return Breakdown(
        range=backend.range_of(scope, window),
        version=backend.version_of(window),
        by=by,
        sort=sort,
        descending=descending,
        rows=[row_of(row, tuple(source.keys)) for row in shown] if source else [],
        total=int(rows[0]["total"]) if rows else None if reason or place else 0,
        next=write_place(Place(float(last["rank"]), last["key"], last["more"])) if last else None,
        reason=reason,
        note=WHOLE_QUARTERS if source and by == "user" and user_quarters(window) != window else None,
    )


@dataclass(frozen=True, slots=True)
class _Order:
    """How rows are sorted, how many are wanted, and behind which."""

    sort: Sort
    descending: bool
    limit: int
    after: Place | None

    @property
    def of_percentile(self) -> bool:
        return self.sort in {"latency_p50", "latency_p95", "first_token_p95"}


def _source(scope: Scope, window: Window, by: By) -> _Source:
    if by == "session":
        return _Source(SESSION_SPANS, session_condition(scope, window), {"session": "r.session_id"})
    table = calls_table(scope)
    if by == "user":
        if others := [name for name, _ in scope.filters if name not in USERS.columns]:
            raise Inapplicable(f"users are kept by tenant alone: take the other filters away ({', '.join(others)})")
        where = condition(USERS, scope, window)
        return _Source(
            USERS.name, Condition(f"{where.sql} AND r.user_id != ''", where.parameters), {"user": "r.user_id"}
        )
    if table is not CALLS and by != "tenant":
        raise Inapplicable(KEPT_FOR_ALL.format(by))
    names = ("prompt", "prompt_version") if by == "prompt_version" else (by,)
    keys = {name: f"toString(r.{table.columns[name]})" for name in names}
    providers = "arraySort(groupUniqArray(5)(toString(r.provider)))" if by == "model" else "[]::Array(String)"
    found = rows_of(table, scope, window)
    return _Source(found.sql, Condition("true", found.parameters), keys, providers)


async def _rows(backend: Backend, window: Window, source: _Source, by: By, order: _Order) -> tuple[Row, ...]:
    """Ask for a page. Of users and sessions, of which there may be many, percentiles are read for the page alone."""
    many = by in {"user", "session"}
    first = _statement(source, order, PERCENTILES if order.of_percentile or not many else NO_PERCENTILES)
    rows = await _ask(backend, window, first, by)
    if not many or order.of_percentile or not rows:
        return rows
    timed = {row["key"]: row for row in await _ask(backend, window, _times(source, rows), by)}
    return tuple({**row, **timed.get(row["key"], {})} for row in rows)


async def _ask(backend: Backend, window: Window, statement: Statement, by: By) -> tuple[Row, ...]:
    if by != "session":  # which are read from spans
        return await backend.rows(statement, window)
    return await backend.seldom(statement, window, dear=True)


def _statement(source: _Source, order: _Order, percentiles: str) -> Statement:
    first, second = [*source.keys.values(), "''"][:2]
    down = "DESC" if order.descending else "ASC"
    keys_down = down if order.sort == "name" else "ASC"
    absent = "-1" if order.descending else "1e300"
    parameters = {**source.where.parameters, "limit": order.limit + 1}
    behind = ""
    if order.after is not None:
        parameters |= {"rank": order.after.rank, "key": order.after.key, "more": order.after.more}
        sign, keys_sign = "<" if order.descending else ">", "<" if keys_down == "DESC" else ">"
        behind = f"""WHERE rank {sign} {{rank:Float64}}
            OR (rank = {{rank:Float64}} AND (key, more) {keys_sign} ({{key:String}}, {{more:String}}))"""
    sql = f"""
        SELECT * FROM (
            SELECT *, toFloat64(ifNull({RANKS[order.sort]}, {absent})) AS rank, count() OVER () AS total,
                sum(requests) OVER () AS all_requests,
                toString(sum(toDecimal128(cost, 12)) OVER ()) AS all_cost
            FROM (
                SELECT {first} AS key, {second} AS more, {source.providers} AS providers, {SUMS}, {percentiles}
                FROM {source.table} AS r
                WHERE {source.where.sql}
                GROUP BY key, more
                HAVING observed > 0
            )
        )
        {behind}
        ORDER BY rank {down}, key {keys_down}, more {keys_down}
        LIMIT {{limit:UInt32}}"""
    return Statement(sql, parameters)


def _times(source: _Source, rows: tuple[Row, ...]) -> Statement:
    """Return the query for the percentiles of the keys in ``rows``, which have one part."""
    (key,) = source.keys.values()
    sql = f"""
        SELECT {key} AS key, {PERCENTILES}
        FROM {source.table} AS r
        WHERE {source.where.sql} AND {key} IN {{keys:Array(String)}}
        GROUP BY key"""
    return Statement(sql, {**source.where.parameters, "keys": [row["key"] for row in rows]})
