"""What happened in a range, for marks in the charts: new prices, prompt versions that took over.

A change of prices is one of the price version that batches were processed with, as they say themselves. A version of
a prompt is marked where it begins to have most of the prompt's calls: not at its first call, which may be a trial half
a day before. Not guaranteed: a mark for a version that has few calls, or that comes back a second time. Deployments
and alerts are part of the model and have no source yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._models import Event, Events
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.services._tables import CALLS, Inapplicable, calls_table, rows_of

__all__ = ["events"]

MOST = 200
CLEAR = 4
"""In how many standard deviations of a tossed coin a majority is one and no chance: of n calls CLEAR x sqrt(n)."""


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
    changes = [(_moment(row["first"]), row["prices"]) for row in await backend.seldom(statement, window)]
    return [
        Event(time=time, kind="prices", title="new prices", detail=f"price version {version}")
        for time, version in changes[1:]
        if time >= window.start
    ]


async def _prompt_versions(backend: Backend, scope: Scope, window: Window) -> list[Event]:
    found = rows_of(CALLS, scope, replace(window, start=window.before.start), by_bucket=True)
    sql = f"""
        SELECT prompt, version, arraySort(groupArray((start, own - calls, own, whole - all_calls, whole))) AS steps
        FROM (
            SELECT *, sum(calls) OVER (PARTITION BY prompt, version ORDER BY start) AS own,
                sum(calls) OVER (PARTITION BY prompt ORDER BY start) AS whole,
                sum(calls) OVER (PARTITION BY prompt, start) AS all_calls
            FROM (
                SELECT toString(r.prompt_name) AS prompt, toString(r.prompt_version) AS version,
                    intDiv(toUnixTimestamp(r.minute), {{bucket:UInt32}}) * {{bucket:UInt32}} AS start,
                    sum(r.requests) AS calls
                FROM {found.sql} AS r
                WHERE r.prompt_name != '' AND r.prompt_version != ''
                GROUP BY prompt, version, start
                HAVING calls > 0
            )
        )
        GROUP BY prompt, version
        HAVING sum(calls) < max(whole)
        ORDER BY sum(calls) DESC, prompt, version
        LIMIT {MOST}"""
    rows = await backend.seldom(Statement(sql, {**found.parameters, "bucket": window.bucket}), window)
    events = []
    for row in rows:
        start = _taken_over([_Step.of(step) for step in row["steps"]])
        if start is not None and start >= window.start.timestamp():
            events.append(_took_over(row["prompt"], row["version"], start))
    return events


@dataclass(frozen=True, slots=True)
class _Step:
    """A bucket with calls of a version: how many it and its prompt had since the beginning, before and after it."""

    start: int
    own_before: int
    own: int
    all_before: int
    all: int

    @classmethod
    def of(cls, step: Sequence[Any]) -> "_Step":
        return cls(*map(int, step))

    @property
    def lead_before(self) -> int:
        """By how many calls the version was ahead of all others."""
        return 2 * self.own_before - self.all_before

    @property
    def lead(self) -> int:
        return 2 * self.own - self.all


def _taken_over(steps: Sequence[_Step]) -> int | None:
    """Return the start of the buckets in which a version leads by most; None where it led before, or never clearly."""
    lowest = first = last = steps[0]
    for step in steps:
        if step.lead_before < lowest.lead_before:
            lowest = step
        if step.lead - lowest.lead_before > last.lead - first.lead_before:
            first, last = lowest, step
    behind = _clear(-first.lead_before, first.all_before)
    return first.start if behind and _clear(last.lead - first.lead_before, last.all - first.all_before) else None


def _clear(lead: int, calls: int) -> bool:
    return lead > 0 and lead**2 >= CLEAR**2 * calls


def _took_over(prompt: str, version: str, start: int) -> Event:
    return Event(
        time=_moment(start * 1000),
        kind="prompt_version",
        title=f"{prompt} {version}",
        detail=f"from here on version {version} has most of the calls of prompt {prompt}",
    )


def _moment(ms: int | str) -> datetime:
    return datetime.fromtimestamp(int(ms) / 1000, UTC)
