"""Lists of traces: the newest, slowest, dearest and failed of a scope, page by page, stable while data arrives.

A page is found in two steps: spans in the order of the list, of few narrow columns, then the lines of their traces. A
trace stands where its best matching span puts it, so one whose line says that it stood on an earlier page is passed
over. The slowest and the dearest calls are found above a floor, which is guessed from slices of the range: an
index says which granules reach it, and of other columns nothing is read elsewhere. Costs of traces are sums, which
no index knows: up to `MOST_CALLS` calls are added up, beyond that the dearest call of a trace decides, and the answer
says so. Not guaranteed: figures in the line of a trace that was corrected or went on since; the cursor holds the order
alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.traces._ask import ask
from spanpulse_dashboards.traces._cursor import Cursor
from spanpulse_dashboards.traces._dearest import by_sum, calls_of
from spanpulse_dashboards.traces._filters import Condition, condition_of, ns_of, time_of
from spanpulse_dashboards.traces._models import Order, Ranking, TraceList, TraceSummary
from spanpulse_dashboards.traces._orders import BY_CALL, ORDERS, SUMMED, By
from spanpulse_dashboards.traces._summaries import FAR_NS, Sighting, partial, summaries, summary_of

__all__ = ["MOST_TRACES", "Page", "list_traces", "read_summaries"]

MOST_TRACES = 100
MOST_ROUNDS = 8
MOST_CALLS = 150_000
SHARES = (1 / 64, 1 / 8)
SLICES = 8
FEWEST = 4  # values that a guess is made from
SETTLES_MS = 2_000


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
    page = replace(page, cursor=cursor)
    by, detail = ORDERS[page.order], None
    if page.order == "dearest":
        calls = await calls_of(backend, scope, window, condition)
        if page.whole or calls <= MOST_CALLS:
            by = SUMMED
        else:
            by, detail = (
                BY_CALL,
                f"{calls:,} calls are too many to add up at once, so the dearest call of a trace decides",
            )
    if by is SUMMED:
        sightings, more = await by_sum(backend, window, condition, page, calls)
        lines = await read_summaries(backend, window, sightings, condition, by)
        found = [(each, lines[_key(each)][1]) for each in sightings if _key(each) in lines]
        last = sightings[-1] if more else None
    else:
        found, last = await _found(backend, window, condition, page, by)
    following = replace(cursor, value=last.value, trace_id=last.trace_id) if last else None
    return TraceList(
        ranking=Ranking(order=page.order, by=by.words, complete=detail is None, detail=detail),
        traces=[summary for _, summary in found],
        next=following.dump() if following else None,
        through=time_of(cursor.through_ms * 1_000_000),
    )


async def read_summaries(
    backend: Backend, window: Window, sightings: Sequence[Sighting], condition: Condition, by: By
) -> dict[tuple[str, str], tuple[Any, TraceSummary]]:
    """Return (tenant, trace id) -> (what puts it where it stands, its line). Raises QueryFailed."""
    if not sightings:
        return {}
    now = backend.now()
    rows = list(await ask(backend, summaries(sightings, condition, by.ranked), window))
    known = {_key(each): each for each in sightings}
    places = ((row, known.get((row["tenant"], row["trace_id"]))) for row in rows)
    if again := [each for row, each in places if each is not None and partial(row, each)]:
        rows += await ask(backend, summaries(again, condition, by.ranked, around_ns=FAR_NS), window)
    return {(row["tenant"], row["trace_id"]): (row["ranked"], summary_of(row, now)) for row in rows}


async def _found(
    backend: Backend, window: Window, condition: Condition, page: Page, by: By
) -> tuple[list[tuple[Sighting, TraceSummary]], Sighting | None]:
    """Return the traces of a page in order, and where to go on: None behind the last of all."""
    found: list[tuple[Sighting, TraceSummary]] = []
    passed: set[str] = set()
    last: Sighting | None = None
    count = 4 * page.limit
    floors = await _floors(backend, window, condition, page, by, count)
    for _ in range(MOST_ROUNDS):
        spans = await ask(backend, _candidates(condition, page, by, count, floors[0], passed), window)
        sightings = _first_of_each(spans)
        examined = sightings[: page.limit + 1 - len(found)]
        lines = await read_summaries(backend, window, examined, condition, by)
        for each in examined:
            place = lines.get(_key(each))
            # A larger value than that of this span: it stood on an earlier page.
            if place is not None and Decimal(place[0] or 0) <= Decimal(each.value):
                if len(found) == page.limit:
                    return found, last
                found.append((each, place[1]))
            last = each
        if len(spans) < count and len(examined) == len(sightings):
            if len(floors) == 1:
                return found, None
            del floors[0]
        passed |= {f"{each.tenant}/{each.trace_id}" for each in examined}
    return found, last


async def _floors(
    backend: Backend, window: Window, condition: Condition, page: Page, by: By, count: int
) -> list[str | None]:
    """Return values to look above, one after the other until a page is full; None, the last: look at everything.

    The first is likely to be reached by about three spans for each trace of a page, the second by ``count`` for sure.
    """
    guess: str | None = None
    sure: str | None = None
    for share in SHARES if by.floored else ():
        sample = _sample(condition, window, share)
        values = [str(row["value"]) for row in await ask(backend, _values(sample, page, by, count, guess), window)]
        place = min(max(FEWEST, math.ceil(3 * page.limit * share)), len(values))
        guess = values[place - 1] if place >= FEWEST else guess
        sure = values[-1] if len(values) == count else sure
    return [*dict.fromkeys(floor for floor in (guess, sure) if floor is not None), None]


def _sample(condition: Condition, window: Window, share: float) -> Condition:
    """Return the condition for a share of the range: slices that lie evenly in it."""
    start, end = ns_of(window.start), ns_of(window.through)
    step = (end - start) // SLICES
    slices, parameters = [], dict(condition.parameters)
    for number in range(SLICES):
        last = end - number * step
        parameters |= {f"first_{number}": last - int(step * share), f"last_{number}": last}
        times = (f"fromUnixTimestamp64Nano({{{name}_{number}:Int64}})" for name in ("first", "last"))
        slices.append("end_time >= {} AND end_time < {}".format(*times))
    return Condition(f"{condition.sql} AND ({' OR '.join(slices)})", parameters)


def _values(condition: Condition, page: Page, by: By, count: int, floor: str | None) -> Statement:
    """Return the statement for the largest values alone."""
    where, first, parameters = _conditions(condition, page, by, floor)
    sql = f"SELECT {by.value} AS value FROM span_rows{first} WHERE {where} ORDER BY {by.column} DESC LIMIT {count}"
    return Statement(sql, parameters)


def _candidates(condition: Condition, page: Page, by: By, count: int, floor: str | None, passed: set[str]) -> Statement:
    """Return the statement for spans in the order of the list, behind the cursor and not of the ``passed`` traces."""
    where, first, parameters = _conditions(condition, page, by, floor)
    if passed:
        where += " AND concat(tenant, '/', trace_id) NOT IN {passed:Array(String)}"
        parameters["passed"] = sorted(passed)
    return Statement(
        "SELECT tenant, trace_id, toUnixTimestamp64Nano(start_time) AS start_ns,"
        f" toUnixTimestamp64Nano(end_time) AS end_ns, {by.value} AS value FROM span_rows{first}"
        f" WHERE {where} ORDER BY {by.column} DESC, trace_id DESC LIMIT {count}",
        parameters,
    )


def _conditions(condition: Condition, page: Page, by: By, floor: str | None) -> tuple[str, str, dict[str, Any]]:
    """Return what spans behind the page's cursor fulfil, what of it comes first, and the values of the places."""
    parameters = dict(condition.parameters)
    parts, first = [condition.sql], [by.wanted] if by.wanted else []
    if floor is not None:
        first.append(f"assumeNotNull({by.column}) >= {by.literal('floor')}")  # as the index has it
        parameters["floor"] = floor
    if page.cursor is not None and page.cursor.value is not None and page.cursor.trace_id is not None:
        # The first comparison chooses the blocks, the second one the rows.
        last = by.literal("last")
        parts.append(f"{by.column} <= {last} AND ({by.column}, trace_id) < ({last}, {{last_id:String}})")
        parameters |= {"last": page.cursor.value, "last_id": page.cursor.trace_id}
    # What few spans fulfil comes first: other columns are read only where it holds.
    return " AND ".join(parts), f" PREWHERE {' AND '.join(first)}" if first else "", parameters


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
