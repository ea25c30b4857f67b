"""The dearest traces: sums over their counted calls, which no index can know beforehand.

Up to `MOST_CALLS` calls every trace of the range is summed. Beyond that a page would take seconds, so two kinds of
traces are: those with the dearest single calls of the whole range, and all of a late part of it. The answer says so,
and ``whole`` ranks the whole range, in several passes of bounded memory. Corrections of what counts are applied.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._period import Window, text_of
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.traces._ask import ask
from spanpulse_dashboards.traces._cursor import Cursor
from spanpulse_dashboards.traces._filters import Condition, ns_of, time_of
from spanpulse_dashboards.traces._summaries import Sighting
from spanpulse_sinks.clickhouse import QueryLimits

__all__ = ["MOST_CALLS", "Asked", "Ranked", "dearest"]

MOST_CALLS = 400_000
CALLS_A_PASS = 400_000
DEAR_CALLS = 300
MIB = 1024 * 1024
PASS_LIMITS = QueryLimits(seconds=20.0, rows=1_000, result_bytes=4 * MIB, memory_bytes=300 * MIB)

UNCOUNTED = (
    " AND (log_source, log_offset, ordinal) NOT IN (SELECT log_source, target_log_offset, target_ordinal"
    " FROM span_updates WHERE counted = 0)"
)
CORRECTED = Statement("SELECT count() AS corrected FROM span_updates WHERE counted = 0")
# Dimensions of the rollup: with any other filter the calls are counted among the spans.
KNOWN = {
    "tenant": "tenant",
    "service": "service_name",
    "environment": "environment",
    "provider": "provider",
    "model": "model",
    "prompt": "prompt_name",
    "prompt_version": "prompt_version",
}


class Asked(Protocol):
    """What is asked for."""

    @property
    def limit(self) -> int: ...
    @property
    def cursor(self) -> Cursor | None: ...
    @property
    def whole(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Ranked:
    """Traces in order; ``complete``: whether every one of the range took part, else ``detail`` says which."""

    sightings: list[Sighting]
    more: bool
    complete: bool
    detail: str | None = None


async def dearest(backend: Backend, scope: Scope, window: Window, condition: Condition, page: Asked) -> Ranked:
    """Return the dearest traces behind the page's cursor. Raises QueryFailed."""
    calls = await _calls(backend, scope, window, condition)
    corrected = (await ask(backend, CORRECTED, window))[0]["corrected"]
    matching = condition.sql + (UNCOUNTED if corrected else "")
    counted = Condition(f"counted AND cost > 0 AND {matching}", condition.parameters)
    if calls <= MOST_CALLS or page.whole:
        passes = -(-calls // CALLS_A_PASS) or 1
        return _merged([await _summed(backend, window, counted, page, (part, passes)) for part in range(passes)], page)
    end = min(ns_of(window.end), ns_of(backend.now()))
    since = end - int((end - ns_of(window.start)) * MOST_CALLS / calls)
    late = Condition(counted.sql, {**counted.parameters, "from_ns": since})
    ids = await _with_dear_calls(backend, window, counted, ns_of(window.end))
    among = Condition(f"trace_id IN {{ids:Array(String)}} AND {counted.sql}", {**counted.parameters, "ids": ids})
    rows = [await _summed(backend, window, late, page, (0, 1)), await _summed(backend, window, among, page, (0, 1))]
    merged = _merged(rows, page)
    detail = (
        f"{calls:,} calls are too many to add up at once: ranked are the traces since {text_of(time_of(since))}"
        f" and those with the {DEAR_CALLS} dearest single calls of the whole range"
    )
    return Ranked(merged.sightings, merged.more, complete=False, detail=detail)


async def _calls(backend: Backend, scope: Scope, window: Window, condition: Condition) -> int:
    """Return how many calls there are to add up, about."""
    if any(name not in KNOWN for name, _ in scope.filters):
        rows = await ask(
            backend,
            Statement(f"SELECT countIf(counted) AS calls FROM span_rows WHERE {condition.sql}", condition.parameters),
            window,
        )
        return int(rows[0]["calls"])
    parts = ["minute >= fromUnixTimestamp({first:Int64})", "minute < fromUnixTimestamp({last:Int64})"]
    parameters: dict[str, Any] = {"first": int(window.start.timestamp()), "last": int(window.end.timestamp())}
    for name, values in scope.filters:
        parts.append(f"{KNOWN[name]} IN {{f_{name}:Array(String)}}")
        parameters[f"f_{name}"] = list(values)
    sql = f"SELECT sum(requests) AS calls FROM rollup_minute WHERE {' AND '.join(parts)}"
    return int((await ask(backend, Statement(sql, parameters), window))[0]["calls"])


async def _with_dear_calls(backend: Backend, window: Window, condition: Condition, end: int) -> list[str]:
    """Return the traces of the dearest single calls: found through a floor, as the slowest are."""
    floor = None
    start = int(str(condition.parameters["from_ns"]))
    for share in (1 / 64, 1 / 8):
        late = Condition(condition.sql, {**condition.parameters, "from_ns": end - int((end - start) * share)})
        rows = await ask(backend, _dear(late, None), window)
        if len(rows) == DEAR_CALLS:
            floor = rows[-1]["value"]
            break
    return sorted({row["trace_id"] for row in await ask(backend, _dear(condition, floor), window)})


def _dear(condition: Condition, floor: str | None) -> Statement:
    above = "" if floor is None else " AND cost >= toDecimal128({floor:String}, 12)"
    return Statement(
        f"SELECT trace_id, toString(cost) AS value FROM span_rows WHERE {condition.sql}{above}"
        f" ORDER BY cost DESC LIMIT {DEAR_CALLS}",
        condition.parameters if floor is None else {**condition.parameters, "floor": floor},
    )


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
        f" FROM span_rows WHERE {where} GROUP BY tenant, trace_id {having}"
        f" ORDER BY total DESC, trace_id DESC LIMIT {page.limit + 1}"
    )
    return await ask(backend, Statement(sql, parameters), window, limits=PASS_LIMITS)


def _merged(passes: Sequence[Sequence[Row]], page: Asked) -> Ranked:
    best: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in (row for rows in passes for row in rows):
        key = (row["tenant"], row["trace_id"])
        # In a late part of the range a trace may have less than in the whole.
        if key not in best or Decimal(best[key]["value"]) < Decimal(row["value"]):
            best[key] = row
    ordered = sorted(best.values(), key=lambda row: (Decimal(row["value"]), row["trace_id"]), reverse=True)
    found = [
        Sighting(row["tenant"], row["trace_id"], int(row["start_ns"]), int(row["end_ns"]), row["value"])
        for row in ordered[: page.limit]
    ]
    return Ranked(found, len(ordered) > page.limit, complete=True)
