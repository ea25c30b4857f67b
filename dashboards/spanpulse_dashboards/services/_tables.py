"""Which rollup answers for a scope, and the conditions that a scope sets on it.

The rollup by minute has no users and that by user has nothing but the tenant beside them, so some filters do not go
together: `Inapplicable` says why, in words for the page. Whole quarters of an hour are read from their own rollup,
which has a fifteenth of the rows, and what is left at the ends of a range from the minutes. Users are kept by quarter
alone, so of them a range means every quarter that it touches. A span is received a day before its end at the earliest,
which keeps older partitions out of every query.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from spanpulse_dashboards._period import Window, ceiled, floored
from spanpulse_dashboards._scope import Scope
from spanpulse_sinks.clickhouse import Parameters

__all__ = [
    "CALLS",
    "SCORES",
    "USERS",
    "Condition",
    "Inapplicable",
    "Table",
    "calls_table",
    "condition",
    "rows_of",
    "score_table",
    "user_quarters",
]

DIMENSIONS: Mapping[str, str] = {
    "tenant": "tenant",
    "service": "service_name",
    "environment": "environment",
    "provider": "provider",
    "model": "model",
    "prompt": "prompt_name",
    "prompt_version": "prompt_version",
}
QUARTER = 900
NO_SESSIONS = "sessions are not kept in the rollups: see the traces of the session"
USERS_ALONE = "by user only the tenant is kept: take the other filters away ({})"
NO_USER = "calls without a user are not kept apart: see their traces"
NO_SCORES_BY = "scores are not kept by {}"


class Inapplicable(ValueError):  # noqa: N818 -- reads as what it is
    """A figure does not exist for a scope; the message is for the page."""


@dataclass(frozen=True, slots=True)
class Table:
    """A rollup: the column of its time, which holds the start of so many seconds, and filter -> column."""

    name: str
    time: str
    seconds: int
    columns: Mapping[str, str]


CALLS = Table("rollup_minute", "minute", 60, DIMENSIONS)
QUARTERS = Table("rollup_quarter", "quarter", QUARTER, DIMENSIONS)
USERS = Table("rollup_user", "quarter", QUARTER, {"tenant": "tenant", "user": "user_id"})
SCORES = Table("rollup_score", "minute", 60, {name: each for name, each in DIMENSIONS.items() if name != "provider"})


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL of a WHERE clause over the alias ``r``, and the values of its places."""

    sql: str
    parameters: Parameters = field(default_factory=dict)


def calls_table(scope: Scope) -> Table:
    """Return the rollup of calls that knows all filters of the scope. Raises Inapplicable."""
    if scope.values("session"):
        raise Inapplicable(NO_SESSIONS)
    if not scope.values("user"):
        return CALLS
    if "" in scope.values("user"):
        raise Inapplicable(NO_USER)
    if others := [name for name, _ in scope.filters if name not in USERS.columns]:
        raise Inapplicable(USERS_ALONE.format(", ".join(others)))
    return USERS


def score_table(scope: Scope) -> Table:
    """Return the rollup of scores. Raises Inapplicable."""
    if unknown := [name for name, _ in scope.filters if name not in SCORES.columns]:
        raise Inapplicable(NO_SCORES_BY.format(" or ".join(unknown)))
    return SCORES


def user_quarters(window: Window) -> Window:
    """Return the quarters of an hour that a window touches: what is known of users for it."""
    return replace(window, start=floored(window.start, QUARTER), end=ceiled(window.end, QUARTER))


def rows_of(table: Table, scope: Scope, window: Window, *, by_bucket: bool = False) -> Condition:
    """Return a subquery for the rows of a window that pass the filters, to stand behind FROM, and its values.

    Times of calls are in the column `minute`; with ``by_bucket`` they tell the buckets of the window apart.
    """
    fine = condition(table, scope, window)
    first, last = ceiled(window.start, QUARTER), floored(window.end, QUARTER)
    if table is not CALLS or (by_bucket and window.bucket % QUARTER) or first >= last:
        return Condition(f"(SELECT * FROM {table.name} AS r WHERE {fine.sql})", fine.parameters)
    quarters = condition(QUARTERS, scope, replace(window, start=first, end=last))
    parts = [f"SELECT quarter AS minute, * EXCEPT (quarter) FROM {QUARTERS.name} AS r WHERE {quarters.sql}"]
    ends = [replace(window, start=start, end=end) for start, end in _ends(window, first, last)]
    parameters = dict(quarters.parameters)
    if ends:
        minutes = condition(CALLS, scope, *ends, number=1)
        parts.append(f"SELECT minute, * EXCEPT (minute) FROM {CALLS.name} AS r WHERE {minutes.sql}")
        parameters |= minutes.parameters
    return Condition(f"({' UNION ALL '.join(parts)})", parameters)


def condition(table: Table, scope: Scope, *windows: Window, number: int = 0) -> Condition:
    """Return the condition that a row lies in one of the windows and passes the filters.

    A row lies in a window that its minute or quarter touches. The places are named `start_0`, `end_0`, ... from
    ``number`` on, and `in_<filter>`.
    """
    times, parameters = [], dict[str, int | list[str]]()
    for place, window in enumerate(windows, number):
        parameters[f"start_{place}"] = int(floored(window.start, table.seconds).timestamp())
        parameters[f"end_{place}"] = int(window.end.timestamp())
        start, end = (f"{{{name}_{place}:DateTime('UTC')}}" for name in ("start", "end"))
        times.append(f"(r.{table.time} >= {start} AND r.{table.time} < {end})")
    first = number + min(range(len(windows)), key=lambda place: windows[place].start)
    found = [f"r.received_day >= toDate({{start_{first}:DateTime('UTC')}}) - 1", f"({' OR '.join(times)})"]
    for name, values in scope.filters:
        found.append(f"r.{table.columns[name]} IN {{in_{name}:Array(String)}}")
        parameters[f"in_{name}"] = list(values)
    return Condition(" AND ".join(found), parameters)


def _ends(window: Window, first: datetime, last: datetime) -> list[tuple[datetime, datetime]]:
    """Return what of a window lies before and behind its whole quarters."""
    return [(start, end) for start, end in ((window.start, first), (last, window.end)) if start < end]
