"""Lists of traces: the newest, slowest, dearest and failed of a scope, page by page, stable while data arrives.

A page is found in two steps: spans in the order of the list, of few narrow columns, then the lines of their traces. A
trace stands where its best matching span puts it, so one whose line says that it stood on an earlier page is passed
over. The slowest are found through a floor: the values of a late slice of the range bound those of the whole from
below, and blocks without a larger value are never read. Not guaranteed: figures in the line of a trace that was
corrected or went on since; the cursor holds the order alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.traces._ask import ask
from spanpulse_dashboards.traces._cursor import Cursor
from spanpulse_dashboards.traces._dearest import dearest
from spanpulse_dashboards.traces._filters import Condition, condition_of, ns_of, time_of
from spanpulse_dashboards.traces._models import Order, Ranking, TraceList, TraceSummary
from spanpulse_dashboards.traces._summaries import FAR_NS, Sighting, summaries, summary_of

__all__ = ["MOST_TRACES", "Page", "list_traces", "read_summaries"]

MOST_TRACES = 100
MOST_ROUNDS = 8
SLICES = (1 / 64, 1 / 8)
SETTLES_MS = 2_000

BY = {
    "newest": "the end of its latest matching span",
    "slowest": "the duration of its longest matching span, as a rule the root",
    "dearest": "the cost of its matching calls",
    "failed": "the end of its latest matching span that failed",
}
VALUES = {
    "newest": "toUnixTimestamp64Nano(end_time)",
    "slowest": "duration_ns",
    "failed": "toUnixTimestamp64Nano(end_time)",
}
# What a list is ordered by as a column: the engine finds the largest of it by the index of its blocks.
COLUMNS = {"newest": "end_time", "slowest": "duration_ns", "failed": "end_time"}
WANTED = {"newest": "1", "slowest": "duration_ns > 0", "failed": "status = 'error'"}
RANKED = {
    "newest": "maxIf(end_ns, matching) AS ranked",
    "slowest": "maxIf(duration_ns, matching) AS ranked",
    "failed": "maxIf(end_ns, matching AND status = 'error') AS ranked",
    "dearest": "NULL AS ranked",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What is asked for: at most ``limit`` traces behind ``cursor``; ``whole``: rank the whole range, however long."""

    order: Order
    limit: int
    cursor: Cursor | None = None
    whole: bool = False


async def list_traces(backend: Backend, scope: Scope, page: Page) -> TraceList:
    """Return a page of traces. Raises QueryFailed."""
    window = backend.window(scope)
    cursor = page.cursor or Cursor(_settled(backend))
    condition = condition_of(scope, ns_of(window.start), ns_of(window.end), cursor.through_ms)
    ranking = Ranking(order=page.order, by=BY[page.order], complete=True)
    asked = replace(page, cursor=cursor)
    if page.order == "dearest":
        ranked = await dearest(backend, scope, window, condition, asked)
        ranking = ranking.model_copy(update={"complete": ranked.complete, "detail": ranked.detail})
        lines = await read_summaries(backend, window, ranked.sightings, condition, RANKED["dearest"])
        found = [(each, lines[_key(each)][1]) for each in ranked.sightings if _key(each) in lines]
        last = ranked.sightings[-1] if ranked.more else None
    else:
        found, last = await _found(backend, window, condition, asked)
    following = replace(cursor, value=last.value, trace_id=last.trace_id) if last else None
    return TraceList(
        ranking=ranking,
        traces=[summary for _, summary in found],
        next=following.dump() if following else None,
        through=time_of(cursor.through_ms * 1_000_000),
    )


async def read_summaries(
    backend: Backend, window: Window, sightings: Sequence[Sighting], condition: Condition, ranked: str
) -> dict[tuple[str, str], tuple[Any, TraceSummary]]:
    """Return (tenant, trace id) -> (what ``ranked`` says of it, its line). Raises QueryFailed."""
    if not sightings:
        return {}
    now = backend.now()
    rows = list(await ask(backend, summaries(sightings, condition, ranked), window))
    if lacking := {(row["tenant"], row["trace_id"]) for row in rows if row["missing"] or not row["root"]}:
        again = [each for each in sightings if _key(each) in lacking]
        rows += await ask(backend, summaries(again, condition, ranked, around_ns=FAR_NS), window)
    return {(row["tenant"], row["trace_id"]): (row["ranked"], summary_of(row, now)) for row in rows}


async def _found(
    backend: Backend, window: Window, condition: Condition, page: Page
) -> tuple[list[tuple[Sighting, TraceSummary]], Sighting | None]:
    """Return the traces of a page in order, and where to go on: None behind the last of all."""
    found: list[tuple[Sighting, TraceSummary]] = []
    passed: set[str] = set()
    last: Sighting | None = None
    count = 4 * page.limit
    floor = await _floor(backend, window, condition, page, count)
    for _ in range(MOST_ROUNDS):
        spans = await ask(backend, _candidates(condition, page, count, floor, passed), window)
        sightings = _first_of_each(spans)
        examined = sightings[: page.limit + 1 - len(found)]
        lines = await read_summaries(backend, window, examined, condition, RANKED[page.order])
        for each in examined:
            place = lines.get(_key(each))
            # A larger value than that of this span: it stood on an earlier page.
            if place is not None and int(place[0] or 0) <= int(each.value):
                if len(found) == page.limit:
                    return found, last
                found.append((each, place[1]))
            last = each
        if len(spans) < count and len(examined) == len(sightings):
            if floor is None:
                return found, None
            floor = None
        passed |= {f"{each.tenant}/{each.trace_id}" for each in examined}
    return found, last


async def _floor(backend: Backend, window: Window, condition: Condition, page: Page, count: int) -> int | None:
    """Return a value that at least ``count`` spans reach; None: not needed, or not known.

    Each larger slice is read above the floor of the one before, so that the last floor is close to the answer.
    """
    if page.order != "slowest":
        return None
    floor = None
    start, end = ns_of(window.start), ns_of(window.end)
    for share in SLICES:
        late = Condition(condition.sql, {**condition.parameters, "from_ns": end - int((end - start) * share)})
        spans = await ask(backend, _candidates(late, page, count, floor, set()), window)
        if len(spans) == count:
            floor = int(spans[-1]["value"])
    return floor


def _candidates(condition: Condition, page: Page, count: int, floor: int | None, passed: set[str]) -> Statement:
    column, parameters = COLUMNS[page.order], dict(condition.parameters)
    value = VALUES[page.order]
    parts, first = [condition.sql, WANTED[page.order]], ""
    if floor is not None:
        first = f" PREWHERE {column} >= {{floor:Int64}}"
        parameters["floor"] = floor
    if page.cursor is not None and page.cursor.value is not None and page.cursor.trace_id is not None:
        # The first comparison chooses the blocks, the second one the rows.
        last = "fromUnixTimestamp64Nano({last:Int64})" if column == "end_time" else "{last:Int64}"
        parts.append(f"{column} <= {last} AND ({value}, trace_id) < ({{last:Int64}}, {{last_id:String}})")
        parameters |= {"last": int(page.cursor.value), "last_id": page.cursor.trace_id}
    if passed:
        parts.append("concat(tenant, '/', trace_id) NOT IN {passed:Array(String)}")
        parameters["passed"] = sorted(passed)
    return Statement(
        "SELECT tenant, trace_id, toUnixTimestamp64Nano(start_time) AS start_ns,"
        f" toUnixTimestamp64Nano(end_time) AS end_ns, {value} AS value FROM span_rows{first}"
        f" WHERE {' AND '.join(parts)} ORDER BY {column} DESC, trace_id DESC LIMIT {count}",
        parameters,
    )


def _first_of_each(spans: Sequence[Any]) -> list[Sighting]:
    """Return the first span of each trace, in order."""
    found: dict[tuple[str, str], Sighting] = {}
    for row in spans:
        key = (row["tenant"], row["trace_id"])
        if key not in found:
            found[key] = Sighting(*key, int(row["start_ns"]), int(row["end_ns"]), str(row["value"]))
    return list(found.values())


def _settled(backend: Backend) -> int:
    """Return the present in ms, the same for some time, so that equal pages are one question."""
    now = ns_of(backend.now()) // 1_000_000
    return now - now % SETTLES_MS


def _key(sighting: Sighting) -> tuple[str, str]:
    return sighting.tenant, sighting.trace_id
