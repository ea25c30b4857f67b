"""What happened in the demo's day, in the figures of the database: each event with its time, and where to look.

Which windows are looked at is known from the story; every figure is read from the rollups, as the page reads them: a
cost by request is that of the requests whose cost is known.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from rich.console import Console
from rich.markup import escape

from spanpulse_sinks.clickhouse import percentiles
from spanpulse_stream.commands._figures import Read
from spanpulse_stream.commands._show import count_of, plain_of, seconds_of, small_usd_of
from spanpulse_stream.traffic.day import (
    AGENT,
    AGENT_ROOT,
    DEARER,
    FAILING,
    NEW_PRICE_MODEL,
    PROMPT,
    SLOW,
    SLOW_MODEL,
    TOOL,
    Window,
)

__all__ = ["Event", "print_events", "read_events"]

MARGIN = timedelta(hours=1)
PRODUCTION = "production"
TIMES = "minute >= {begin:DateTime('UTC')} AND minute < {end:DateTime('UTC')}"
SPENDING = f"""
SELECT toInt64(sum(requests) - sum(requests_usage_missing) - sum(requests_unpriced)) AS priced,
    toString(sum(cost)) AS cost,
    toInt64(sum(input_tokens) + sum(output_tokens)) AS tokens,
    arrayStringConcat(arraySort(groupUniqArray(prompt_version)), ', ') AS versions,
    arrayStringConcat(arraySort(groupUniqArray(model)), ', ') AS models
FROM rollup_minute WHERE {TIMES} AND environment = {{environment:String}}
"""  # noqa: S608 -- text of our own, as below
OF_PROMPT = SPENDING + "AND prompt_name = {prompt:String}"
OF_MODEL = SPENDING + "AND model = {model:String}"
SPEED = f"""
SELECT toInt64(sum(requests)) AS requests, toInt64(sum(errors)) AS errors,
    {percentiles("latency", [0.95])} AS latency, {percentiles("time_to_first_token", [0.95])} AS first_token,
    toInt64(sumMap(errors_by_type)['APITimeoutError']) AS timeouts
FROM rollup_minute WHERE {TIMES} AND model = {{model:String}}
"""  # noqa: S608
FAILURES = f"""
SELECT toInt64(sum(spans)) AS spans, toInt64(sum(errors)) AS errors, sumMap(errors_by_type) AS types
FROM rollup_service WHERE {TIMES} AND service_name = {{service:String}} AND name = {{name:String}}
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: its name, when (aware), what the database says of it, and the path of its page."""

    title: str
    begin: datetime
    end: datetime | None  # None: it still holds
    lines: tuple[str, ...]
    path: str


def print_events(read: Read, until: datetime, page: str | None, console: Console) -> None:
    """Print what happened in the day that ended at ``until``; ``page`` is the address of the page that shows it."""
    local = until.astimezone()
    console.print(f"\n[bold]What happened[/] in the 24 h before {local:%a %H:%M} ({local.tzname()})\n")
    for number, event in enumerate(read_events(read, until), start=1):
        console.print(f"[bold]{number}  {escape(event.title)}[/]  {_when(event)}")
        for line in event.lines:
            console.print(f"   {line}", markup=False)
        if page is not None:
            console.print(f"   {page}{event.path}", markup=False, style="dim", soft_wrap=True)
    if new := _price_list(read, until):
        console.print(f"\n{new}", markup=False)


def read_events(read: Read, until: datetime) -> tuple[Event, Event, Event]:
    """Return the three events with their figures. Raises QueryFailed."""
    return _slow_model(read, until), _price_jump(read, until), _failing_tool(read, until)


def _price_jump(read: Read, until: datetime) -> Event:
    begin, end = DEARER.dated(until)
    before, after = (begin - (end - begin), begin), (begin, end)
    old, new = (_one(read, OF_PROMPT, each, environment=PRODUCTION, prompt=PROMPT) for each in (before, after))
    whole = [_one(read, SPENDING, each, environment=PRODUCTION) for each in (before, after)]
    versions, models = (f"{plain_of(old[name])} -> {plain_of(new[name])}" for name in ("versions", "models"))
    lines = (
        f"prompt {PROMPT}, version {versions}: {models}",
        f"cost per request {_each(old)} -> {_each(new)}, of all requests {_each(whole[0])} -> {_each(whole[1])}",
    )
    path = "?" + _scope(begin - MARGIN * 3, end, environment=PRODUCTION, prompt=PROMPT)
    return Event("Price jump", begin, None, lines, path)


def _slow_model(read: Read, until: datetime) -> Event:
    begin, end = SLOW.dated(until)
    model = SLOW_MODEL.name
    usual, slow = (_one(read, SPEED, each, model=model) for each in _around(SLOW, until))
    latency, first_token = (f"{_p95(usual[name])} -> {_p95(slow[name])}" for name in ("latency", "first_token"))
    before, within = (f"{count_of(each['timeouts'])} of {count_of(each['requests'])}" for each in (usual, slow))
    lines = (
        f"{model}: p95 latency {latency}, p95 time to first token {first_token}",
        f"{within} calls timed out, {before} in the hour before",
    )
    return Event("Slow model", begin, end, lines, "?" + _scope(begin - MARGIN, end + MARGIN, model=model))


def _failing_tool(read: Read, until: datetime) -> Event:
    begin, end = FAILING.dated(until)
    name = f"execute_tool {TOOL}"
    tool = _one(read, FAILURES, (begin, end), service=AGENT, name=name)
    usual, roots = (_one(read, FAILURES, each, service=AGENT, name=AGENT_ROOT) for each in _around(FAILING, until))
    kind = max(tool["types"], key=lambda each: int(tool["types"][each]), default="none")
    lines = (
        f"{TOOL} of {AGENT}: {_ratio(tool)} calls failed, {plain_of(kind)}",
        f"agents gave up: {_ratio(roots)} requests failed, {_ratio(usual)} before",
    )
    return Event("Failing tool", begin, end, lines, "traces?" + _scope(begin, end, service=AGENT, order="failed"))


def _price_list(read: Read, until: datetime) -> str | None:
    """Say what the price list that changed at midnight UTC means; None where a side of it had no requests."""
    midnight = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    model = NEW_PRICE_MODEL.name
    old, new = (
        _one(read, OF_MODEL, each, environment=PRODUCTION, model=model)
        for each in ((until - timedelta(days=1), midnight), (midnight, until))
    )
    if not old["tokens"] or not new["tokens"]:
        return None
    paid, pays = (small_usd_of(Decimal(each["cost"]) * 10**6 / each["tokens"]) for each in (old, new))
    since = midnight.astimezone()
    return f"Price list: a million tokens of {model} cost {paid} until {since:%a %H:%M}, and {pays} since then"


def _around(window: Window, until: datetime) -> tuple[tuple[datetime, datetime], tuple[datetime, datetime]]:
    """Return as much time before a window, and the window."""
    begin, end = window.dated(until)
    return (begin - (end - begin), begin), (begin, end)


def _one(read: Read, sql: str, times: tuple[datetime, datetime], **names: str) -> dict[str, Any]:
    begin, end = (f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" for moment in times)
    (row,) = read(sql, {"begin": begin, "end": end, **names})
    return row


def _scope(begin: datetime, end: datetime, **filters: str) -> str:
    """Return the query of a page that shows this time."""
    begin_text, end_text = (f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in (begin, end))
    return urlencode({"from": begin_text, "to": end_text, **filters}, safe=":")


def _when(event: Event) -> str:
    begin = event.begin.astimezone()
    if event.end is None:
        return f"since {begin:%a %H:%M}"
    return f"{begin:%a %H:%M} to {event.end.astimezone():%H:%M}"


def _each(row: dict[str, Any]) -> str:
    return small_usd_of(Decimal(row["cost"]) / row["priced"]) if row["priced"] else "-"


def _p95(found: list[float]) -> str:
    return seconds_of(found[0] / 1e9) if found else "-"


def _ratio(row: dict[str, Any]) -> str:
    return f"{count_of(row['errors'])} of {count_of(row['spans'])}"
