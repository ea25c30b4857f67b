"""What each filter can be set to: the values in the range, under the other filters of the scope.

Filters that are not set share one scan; one that is set has a scan of its own, without itself.
"""

import asyncio
from collections import defaultdict

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._models import Facet, Facets, FacetValue
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.services._tables import CALLS, USERS, Inapplicable, calls_table, condition, rows_of

__all__ = ["facets"]

MOST = 100


async def facets(backend: Backend, scope: Scope) -> Facets:
    """Return the values of every filter but the session. Raises QueryFailed."""
    window = backend.window(scope)
    unset = [name for name in CALLS.columns if not scope.values(name)]
    alone = [name for name in CALLS.columns if scope.values(name)]
    groups = [[*unset], *([name] for name in alone)] if unset else [[name] for name in alone]
    found = await asyncio.gather(
        *(_values(backend, scope, window, names) for names in groups), _users(backend, scope, window)
    )
    by_name = {facet.name: facet for group in found for facet in group}
    return Facets(range=backend.range_of(scope, window), facets=[by_name[name] for name in [*CALLS.columns, "user"]])


async def _values(backend: Backend, scope: Scope, window: Window, names: list[str]) -> list[Facet]:
    """Return the facets of some dimensions in one scan, without their own filters."""
    free = scope.filtered({name: values for name, values in scope.filters if name not in names})
    try:
        calls_table(free)
    except Inapplicable as reason:
        return [Facet(name=name, values=[], more=False, reason=str(reason)) for name in names]
    if free.values("user"):
        return [Facet(name=name, values=[], more=False, reason=f"by user the {name} is not kept") for name in names]
    found = rows_of(CALLS, free, window)
    columns = [CALLS.columns[name] for name in names]
    chosen = ", ".join(f"grouping(r.{column}) = 0, '{name}'" for name, column in zip(names, columns, strict=True))
    values = ", ".join(f"grouping(r.{column}) = 0, toString(r.{column})" for column in columns)
    sql = f"""
        SELECT multiIf({chosen}, '') AS name, multiIf({values}, '') AS value, sum(r.weighted_requests) AS requests
        FROM {found.sql} AS r
        GROUP BY GROUPING SETS ({", ".join(f"(r.{column})" for column in columns)})
        HAVING requests > 0
        ORDER BY requests DESC, value
        LIMIT {MOST + 1} BY name"""
    rows = await backend.rows(Statement(sql, found.parameters), window)
    by_name: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_name[row["name"]].append(row)
    return [_facet(name, by_name[name]) for name in names]


async def _users(backend: Backend, scope: Scope, window: Window) -> list[Facet]:
    free = scope.filtered({name: values for name, values in scope.filters if name != "user"})
    if others := [name for name, _ in free.filters if name not in USERS.columns]:
        reason = f"users are kept by tenant alone: take the other filters away ({', '.join(others)})"
        return [Facet(name="user", values=[], more=False, reason=reason)]
    where = condition(USERS, free, window)
    sql = f"""
        SELECT r.user_id AS value, sum(r.weighted_requests) AS requests
        FROM rollup_user AS r
        WHERE {where.sql}
        GROUP BY value
        HAVING requests > 0
        ORDER BY requests DESC, value
        LIMIT {MOST + 1}"""
    rows = await backend.rows(Statement(sql, where.parameters), window)
    return [_facet("user", list(rows))]


def _facet(name: str, rows: list[Row]) -> Facet:
    values = [FacetValue(value=row["value"], requests=float(row["requests"])) for row in rows[:MOST]]
    return Facet(name=name, values=values, more=len(rows) > MOST)
