"""What happened in a range, for marks in the charts: new prices, first calls of a prompt version.

A change of prices is one of the price version that batches were processed with, as they say themselves. A version of
a prompt is new where neither the range before its first call nor the period before has one, but other versions of the
prompt do. Deployments and alerts are part of the model and have no source yet.
"""

from datetime import UTC, datetime

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._models import Event, Events
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.services._tables import CALLS, Inapplicable, calls_table, condition

__all__ = ["events"]

MOST = 200


async def events(backend: Backend, scope: Scope) -> Events:
    """Return the events of a range, oldest first. Raises QueryFailed."""
    window = backend.window(scope)
    found = await _prices(backend, window)
    try:
        if calls_table(scope) is CALLS:
            found += await _prompt_versions(backend, scope, window)
    except Inapplicable:
        pass  # prices concern every call
    found.sort(key=lambda event: (event.time, event.title))
    return Events(range=backend.range_of(scope, window), events=found[-MOST:])


async def _prices(backend: Backend, window: Window) -> list[Event]:
    sql = """
        SELECT JSONExtractString(versions, 'prices') AS prices, toUnixTimestamp64Milli(min(first)) AS first
        FROM (
            SELECT versions, min(received_at) AS first FROM batches
            WHERE received_at >= {start:DateTime('UTC')} - INTERVAL 1 DAY AND received_at < {end:DateTime('UTC')}
            GROUP BY versions
        )
        GROUP BY prices
        ORDER BY first
        LIMIT 100"""
    start = int(window.start.timestamp())
    statement = Statement(sql, {"start": start, "end": int(window.end.timestamp())})
    changes = [(_moment(row["first"]), row["prices"]) for row in await backend.seldom(statement)]
    return [
        Event(time=time, kind="prices", title="new prices", detail=f"price version {version}")
        for time, version in changes[1:]
        if time >= window.start
    ]


async def _prompt_versions(backend: Backend, scope: Scope, window: Window) -> list[Event]:
    before = Window(window.before.start, window.start, window.start, window.bucket)
    where = condition(CALLS, scope, window, before)
    sql = f"""
        SELECT prompt, version, first FROM (
            SELECT toString(r.prompt_name) AS prompt, toString(r.prompt_version) AS version,
                toUnixTimestamp(min(r.minute)) * 1000 AS first, min(first) OVER (PARTITION BY prompt) AS earliest
            FROM rollup_minute AS r
            WHERE {where.sql} AND r.prompt_name != '' AND r.prompt_version != ''
            GROUP BY prompt, version
            HAVING sum(r.requests) > 0
        )
        WHERE first > earliest AND first >= {{start_0:DateTime('UTC')}}::UInt32 * 1000
        ORDER BY first DESC
        LIMIT {MOST}"""
    statement = Statement(sql, where.parameters)
    return [
        Event(
            time=_moment(row["first"]),
            kind="prompt_version",
            title=f"{row['prompt']} {row['version']}",
            detail=f"first calls of version {row['version']} of prompt {row['prompt']}",
        )
        for row in await backend.seldom(statement)
    ]


def _moment(ms: int | str) -> datetime:
    return datetime.fromtimestamp(int(ms) / 1000, UTC)
