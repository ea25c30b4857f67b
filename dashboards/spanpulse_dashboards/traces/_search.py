"""One search box that understands what was typed: ids are looked up, names compared, anything else sought in texts.

`kind:value` says what is meant; without it a value is taken for every kind that it can be. Ids, users, sessions, error
types and tools are found exactly; texts of messages anywhere in them, whatever their case. A search in texts goes from
the newest to older ones, slice by slice, until it has a page or its time is over; it says how far it has looked, and
the cursor goes on from there. Not guaranteed: texts that came apart from their span, in log events.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._period import EARLIEST, LATEST
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.traces._ask import ask_now
from spanpulse_dashboards.traces._filters import Condition, condition_of, ns_of, time_of
from spanpulse_dashboards.traces._lists import read_summaries
from spanpulse_dashboards.traces._models import Looked, SearchResult
from spanpulse_dashboards.traces._orders import ORDERS
from spanpulse_dashboards.traces._summaries import Sighting

__all__ = ["ENDS", "KINDS", "LONGEST_QUERY", "BadSearch", "Wanted", "search_traces", "understand"]

LONGEST_QUERY: Final = 500
SHORTEST_TEXT: Final = 2
MOST_FOUND: Final = 50
SECONDS: Final = 2.0
SLICE_ROWS: Final = 40_000
HOUR_NS: Final = 3600 * 10**9
DAY_NS: Final = 24 * HOUR_NS
TRACE: Final = re.compile(r"[0-9a-f]{32}")
SPAN: Final = re.compile(r"[0-9a-f]{16}")
ENDS: Final = r"^[0-9]{18,19}$"
"""What the cursor of a search looks like, here and in the OpenAPI document: ns since the epoch."""
OLDEST_NS, NEWEST_NS = ns_of(EARLIEST), ns_of(LATEST)


def newest(column: str) -> str:
    """Return what a span fulfils whose column is what is sought, or has become so by a correction."""
    return (
        f"({column} = {{sought:String}} OR (log_source, log_offset, ordinal) IN (SELECT log_source, target_log_offset,"
        f" target_ordinal FROM span_updates WHERE {column} = {{sought:String}}))"
    )


COLUMNS = {
    "trace": "trace_id = {sought:String}",
    "span": "span_id = {sought:String}",
    "response": "response_id = {sought:String}",
    "user": newest("user_id"),
    "session": newest("session_id"),
    "error": "error_type = {sought:String}",
    "tool": "kind = 'tool' AND (attributes['gen_ai.tool.name'] = {sought:String} OR name = {sought:String}"
    " OR name = concat('execute_tool ', {sought:String}))",
}
KINDS = (*COLUMNS, "text")
TEXTS = " OR ".join(
    f"positionCaseInsensitiveUTF8(ifNull({column}, ''), {{sought:String}}) > 0"
    for column in ("input_messages", "output_messages", "retrieval_query", "retrieval_documents", "status_message")
)
WORDS = {
    "trace": "a trace id",
    "span": "a span id",
    "response": "a response id",
    "user": "a user",
    "session": "a session",
    "error": "an error type",
    "tool": "a tool",
    "text": "words in messages",
}


class BadSearch(ValueError):  # noqa: N818 -- reads as what it is
    """What was typed cannot be looked for; the message says what can."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed: the value, and the kinds of things that it is taken for."""

    value: str
    kinds: tuple[str, ...]

    @property
    def words(self) -> str:
        """Return what it was taken for, in words."""
        return " or ".join(WORDS[kind] for kind in self.kinds)


def understand(typed: str) -> Wanted:
    """Return what is meant. Raises BadSearch."""
    text = typed.strip()
    if len(text) > LONGEST_QUERY:
        raise BadSearch(f"a search has at most {LONGEST_QUERY} characters")
    kind, colon, value = text.partition(":")
    kinds: tuple[str, ...]
    if colon and kind.lower() in KINDS:
        kinds, text = (kind.lower(),), value.strip()
    elif TRACE.fullmatch(text.lower()):
        kinds = ("trace",)
    elif SPAN.fullmatch(text.lower()):
        kinds = ("span",)
    elif re.search(r"\s", text):
        kinds = ("text",)
    else:
        kinds = tuple(each for each in KINDS if each not in {"trace", "span"})
    if not text:
        raise BadSearch("type an id, a user, a session, an error type, a tool, or words of a message")
    if kinds[0] in {"trace", "span"}:
        text = text.lower()
    elif kinds == ("text",) and len(text) < SHORTEST_TEXT:
        raise BadSearch(f"words in messages have at least {SHORTEST_TEXT} characters")
    return Wanted(text, kinds)


async def search_traces(backend: Backend, scope: Scope, wanted: Wanted, cursor: str | None = None) -> SearchResult:
    """Return the traces in which something matches, newest first. Raises BadSearch, QueryFailed.

    A trace id is looked for whatever the scope is. ``cursor`` is the end of the text to go on with.
    """
    window, now = backend.window(scope), backend.now()
    end = ns_of(window.end) if cursor is None else _end_of(cursor)
    condition = condition_of(scope, ns_of(window.start), end, ns_of(now) // 1_000_000)
    exact = [kind for kind in wanted.kinds if kind != "text"] if cursor is None else []
    rows: list[Row] = []
    matched: list[str] = []
    for kind in exact:
        if found := await _exactly(backend, wanted.value, kind, condition):
            rows += found
            matched.append(kind)
    looked, following = None, None
    # What is found as an id or a name was meant as one.
    if not rows and "text" in wanted.kinds and len(wanted.value) >= SHORTEST_TEXT:
        rows, looked, following = await _in_texts(backend, wanted.value, condition, ns_of(window.start))
        matched = ["text"] if rows else []
    sightings = _sightings(rows)
    lines = await read_summaries(backend, window, sightings, Condition("1", {}), ORDERS["newest"])
    traces = [lines[each.tenant, each.trace_id][1] for each in sightings if (each.tenant, each.trace_id) in lines]
    return SearchResult(
        query=wanted.value,
        understood=wanted.words,
        kinds=matched,
        traces=traces,
        matches={row["trace_id"]: row["span_id"] for row in reversed(rows) if matched != ["trace"]},
        looked=looked,
        next=following,
    )


def _end_of(cursor: str) -> int:
    """Return where the answer before has stopped, ns since the epoch. Raises BadSearch."""
    if not re.fullmatch(ENDS, cursor) or not OLDEST_NS <= int(cursor) <= NEWEST_NS:
        raise BadSearch("the cursor is damaged; search again")
    return int(cursor)


async def _exactly(backend: Backend, value: str, kind: str, condition: Condition) -> tuple[Row, ...]:
    """Return the newest spans that are meant; a trace wherever it is, all else in the scope."""
    by_id = kind == "trace"
    where = COLUMNS[kind] if by_id else f"{COLUMNS[kind]} AND {condition.sql}"
    parameters = {"sought": value} if by_id else {"sought": value, **condition.parameters}
    sql = f"{SELECT} WHERE {where} ORDER BY end_time DESC LIMIT 1 BY tenant, trace_id LIMIT {MOST_FOUND}"
    return await ask_now(backend, Statement(sql, parameters), dear=True)


SELECT = (
    "SELECT tenant, trace_id, span_id, toUnixTimestamp64Nano(start_time) AS start_ns,"
    " toUnixTimestamp64Nano(end_time) AS end_ns FROM span_rows"
)


async def _in_texts(
    backend: Backend, value: str, condition: Condition, start: int
) -> tuple[list[Row], Looked, str | None]:
    """Return the spans whose texts hold the value, how far it was looked, and the cursor to go on with."""
    begun, end = time.monotonic(), int(str(condition.parameters["to_ns"]))
    found: list[Row] = []
    spans, here = 0, end
    while here > start and len(found) < MOST_FOUND and time.monotonic() - begun < SECONDS:
        since, count = await _slice(backend, here, start)
        parameters = {**condition.parameters, "from_ns": since, "to_ns": here, "sought": value}
        sql = f"{SELECT} WHERE {condition.sql} AND ({TEXTS}) ORDER BY end_time DESC LIMIT {MOST_FOUND}"
        rows = await ask_now(backend, Statement(sql, parameters), dear=True)
        spans += count
        # A full slice ends at its last match: what lies before it was not looked at.
        here = int(rows[-1]["end_ns"]) if len(rows) == MOST_FOUND else since
        found += rows
    complete = here <= start
    looked = Looked(since=time_of(max(here, start)), spans=spans, complete=complete)
    return found, looked, None if complete else str(here)


async def _slice(backend: Backend, end: int, start: int) -> tuple[int, int]:
    """Return the start of a slice of about `SLICE_ROWS` spans before ``end``, and how many they are.

    Found by the times alone: the texts of one slice are read within a fraction of a second.
    """
    sql = (
        "SELECT min(end_ns) AS since, count() AS spans FROM (SELECT toUnixTimestamp64Nano(end_time) AS end_ns"
        " FROM span_rows WHERE end_time >= fromUnixTimestamp64Nano({from_ns:Int64})"
        " AND end_time < fromUnixTimestamp64Nano({to_ns:Int64})"
        f" ORDER BY end_time DESC LIMIT {SLICE_ROWS})"
    )
    (row,) = await ask_now(backend, Statement(sql, {"from_ns": start, "to_ns": end}), dear=True)
    count = int(row["spans"])
    return (start if count < SLICE_ROWS else int(row["since"])), count


def _sightings(rows: Sequence[Row]) -> list[Sighting]:
    found: dict[tuple[str, str], Sighting] = {}
    for row in sorted(rows, key=lambda row: -int(row["end_ns"])):
        key = (row["tenant"], row["trace_id"])
        found.setdefault(key, Sighting(*key, int(row["start_ns"]), int(row["end_ns"])))
    return list(found.values())[:MOST_FOUND]
