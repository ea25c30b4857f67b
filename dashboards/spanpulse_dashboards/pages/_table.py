"""The table of the overview: one dimension at a time, sorted, page by page; a click on a row narrows the page.

A row leads to where there is more to see of it: a user to the user's sessions, as nothing else is kept by user, and a
session to its traces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from spanpulse_dashboards._models import Breakdown, BreakdownRow
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.pages import _numbers
from spanpulse_dashboards.pages._colour_book import COLOURS
from spanpulse_dashboards.pages._numbers import Shown
from spanpulse_dashboards.pages._scope_bar import Link, address
from spanpulse_dashboards.pages._visible import visible

__all__ = ["DIMENSIONS", "SORTS", "Look", "Table", "table"]

DIMENSIONS = {
    "model": "Model",
    "service": "Service",
    "prompt": "Prompt",
    "prompt_version": "Version",
    "user": "User",
    "session": "Session",
}
"""What the table can be by, and its tab."""
SORTS = {
    "requests": "Requests",
    "error_rate": "Errors",
    "latency_p50": "p50",
    "latency_p95": "p95",
    "first_token_p95": "First token p95",
    "input_tokens": "Tokens in",
    "output_tokens": "Tokens out",
    "cost_per_request": "Cost per request",
    "cost": "Cost",
}
"""What it can be sorted by, and the head of the column."""
BARRED = {"requests", "cost"}


@dataclass(frozen=True, slots=True)
class Look:
    """What a table needs of its page: addresses, its own parameters, colours of models, the error rate of the whole."""

    path: str
    traces: str
    own: Mapping[str, str]
    slots: Mapping[str, int]
    usual_errors: float


@dataclass(frozen=True, slots=True)
class Head:
    """A column: its name, the address that sorts by it, `ascending` or `descending` where it is sorted already."""

    name: str
    href: str
    sorted: str | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A value; ``share`` (0 to 1) is drawn as a bar where the column is ``barred``; ``bad`` colours it."""

    name: str
    value: Shown
    barred: bool
    share: float | None
    bad: bool


@dataclass(frozen=True, slots=True)
class Row:
    """What a value of the dimension stands for; ``leads`` says where its address leads.

    ``swatch`` is the class of its colour in the charts, if it has one; ``id`` is the same wherever the row stands.
    """

    id: str
    name: str
    detail: str
    href: str
    leads: str
    swatch: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """What templates/parts/table.html shows."""

    tabs: Sequence[Link]
    dimension: str
    heads: Sequence[Head]
    rows: Sequence[Row]
    total: int | None
    next: str | None
    first: str | None
    reason: str | None
    note: str | None
    traces: str
    """Address of the traces of the scope, which are there where the table is not."""


def table(breakdown: Breakdown, scope: Scope, look: Look) -> Table:
    """Return the table of the page."""
    sorting = {"by": breakdown.by, "sort": breakdown.sort, "order": "desc" if breakdown.descending else "asc"}
    others = {name: value for name, value in look.own.items() if name not in {*sorting, "after"}}

    def href(**changed: str) -> str:
        return address(look.path, scope, others | changed)

    return Table(
        tabs=[Link(title, href(by=name), name == breakdown.by) for name, title in DIMENSIONS.items()],
        dimension=DIMENSIONS[breakdown.by],
        heads=[
            _head(name, title, breakdown, href(**sorting | _sorted_by(name, breakdown)))
            for name, title in SORTS.items()
        ],
        rows=[_row(row, breakdown.by, scope, replace(look, own=others)) for row in breakdown.rows],
        total=breakdown.total,
        next=href(**sorting, after=breakdown.next) if breakdown.next else None,
        first=href(**sorting) if "after" in look.own else None,
        reason=breakdown.reason,
        note=breakdown.note,
        traces=address(look.traces, scope, {}),
    )


def _sorted_by(name: str, breakdown: Breakdown) -> dict[str, str]:
    turned = name == breakdown.sort and breakdown.descending
    return {"sort": name, "order": "asc" if turned else "desc"}


def _head(name: str, title: str, breakdown: Breakdown, href: str) -> Head:
    way = "descending" if breakdown.descending else "ascending"
    return Head(title, href, way if name == breakdown.sort else None)


def _row(row: BreakdownRow, by: str, scope: Scope, look: Look) -> Row:
    narrowed = scope
    for name, value in row.key.items():
        narrowed = narrowed.narrowed(name, value)
    following = {**look.own, "by": _next_dimension(by, narrowed)}
    name = " ".join(visible(value) or "(none)" for value in row.key.values())
    to_traces = by == "session"
    return Row(
        id=f"row-{sha256(repr(sorted(row.key.items())).encode('utf-8', 'surrogatepass')).hexdigest()[:16]}",
        name=name,
        detail=visible(", ".join(row.providers)),
        href=address(look.traces, narrowed, {}) if to_traces else address(look.path, narrowed, following),
        leads=f"Traces of the session {name}" if to_traces else f"Narrow the page to {name}",
        swatch=_swatch(row, look.slots) if by == "model" else "",
        cells=_cells(row, look.usual_errors),
    )


def _swatch(row: BreakdownRow, slots: Mapping[str, int]) -> str:
    slot = slots.get(row.key["model"])
    return "slot-other" if slot is None else f"slot-{slot % COLOURS}"


def _next_dimension(by: str, narrowed: Scope) -> str:
    """Return the first dimension that still tells rows apart: a table of one row says nothing."""
    if narrowed.values("user"):
        return "session"
    return next((name for name in DIMENSIONS if name != by and not narrowed.values(name)), by)


def _cells(row: BreakdownRow, usual: float) -> list[Cell]:
    cost = _numbers.money(row.cost, "no call has a known cost")
    if row.cost is not None and row.coverage < 1:
        cost = Shown(cost.text, f"{cost.full}, of {_numbers.percent(row.coverage).text} of the calls")
    never = "no call was timed"
    values = [
        (_numbers.count(row.requests, "requests"), row.requests_share),
        (_numbers.percent(row.error_rate), None),
        (_numbers.milliseconds(row.latency_p50, never), None),
        (_numbers.milliseconds(row.latency_p95, never), None),
        (_numbers.milliseconds(row.time_to_first_token_p95, "no call was streamed"), None),
        (_numbers.count(row.input_tokens, "tokens"), None),
        (_numbers.count(row.output_tokens, "tokens"), None),
        (_numbers.money(row.cost_per_request, "no call has a known cost"), None),
        (cost, row.cost_share),
    ]
    return [
        Cell(title, _estimated(value, row), key in BARRED, share, bad=key == "error_rate" and row.error_rate > usual)
        for (key, title), (value, share) in zip(SORTS.items(), values, strict=True)
    ]


def _estimated(value: Shown, row: BreakdownRow) -> Shown:
    return _numbers.estimated(value, "estimated from sampled calls") if row.estimated else value
