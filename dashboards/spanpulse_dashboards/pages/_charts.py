"""What static/charts.js draws: the timeline of the overview as charts, with colours and event marks.

Times are epoch seconds, latencies ms, money USD; null is a gap. A chart without any value is not drawn: ``empty`` says
why.
"""

from collections.abc import Sequence
from typing import Any

from spanpulse_dashboards._models import Event, Overview, Series, Timeline
from spanpulse_dashboards.pages._colour_book import ColourBook
from spanpulse_dashboards.pages._visible import visible

__all__ = ["charts"]

Chart = dict[str, Any]
CONFIDENCES = {"computed": 0, "provider": 2, "estimated": 1}


def charts(overview: Overview, events: Sequence[Event], book: ColourBook, *, log: bool) -> Chart:
    """Return all charts of the page; ``log``: latencies on a logarithmic scale."""
    timeline, shown = overview.timeline, overview.range
    partial = timeline.partial_from
    kept = overview.figures.requests.value is not None
    return {
        "starts": timeline.starts,
        "bucket": timeline.bucket_seconds,
        "from": timeline.starts[0] if timeline.starts else int(shown.start.timestamp()),
        "to": int(shown.end.timestamp()),
        "partial": timeline.starts[partial] if partial is not None else None,
        "empty": "No data in this range" if kept else "Not kept for these filters",
        "marks": [{"at": event.time.timestamp(), "text": visible(event.title)} for event in events],
        "charts": {
            "latency": _latency(timeline, log=log),
            "cost": _chart("Cost by model", "USD", "columns", _named(timeline.cost_by_model, book)),
            "requests": _requests(timeline),
            "first-token": _chart(
                "Time to first token", "ms", "lines",
                [_line("p50", 0, timeline.time_to_first_token_p50), _line("p95", 1, timeline.time_to_first_token_p95)],
            ),
            "tokens": _tokens(timeline),
            "confidence": _chart(
                "Cost by confidence", "USD", "columns",
                [_line(each.name, CONFIDENCES.get(each.name), each.values) for each in timeline.cost_by_confidence],
            ),
        },
    }  # fmt: skip


def _latency(timeline: Timeline, *, log: bool) -> Chart:
    lines = [
        _line("p50", 0, timeline.latency_p50),
        _line("p95", 1, timeline.latency_p95),
        _line("p99", 3, timeline.latency_p99),
    ]
    return _chart("Latency", "ms", "lines", lines) | {"log": log, "errors": timeline.errors}


def _requests(timeline: Timeline) -> Chart:
    fine = [
        None if all_ is None else all_ - (failed or 0)
        for all_, failed in zip(timeline.requests, timeline.errors, strict=True)
    ]
    return _chart("Requests", "requests", "columns", [_line("failed", 3, timeline.errors), _line("answered", 0, fine)])


def _tokens(timeline: Timeline) -> Chart:
    cached = timeline.cache_read_tokens
    fresh = [
        None if all_ is None else all_ - (read or 0) for all_, read in zip(timeline.input_tokens, cached, strict=True)
    ]
    lines = [_line("out", 1, timeline.output_tokens), _line("in, cached", 5, cached), _line("in", 0, fresh)]
    return _chart("Tokens", "tokens", "columns", lines)


def _named(series: Sequence[Series], book: ColourBook) -> list[Chart]:
    slots = book.slots(each.name for each in series if not each.other)
    return [_line(display(each), None if each.other else slots[each.name], each.values) for each in series]


def display(series: Series) -> str:
    """Return what a series is called on the page."""
    return "other" if series.other else visible(series.name) or "(none)"


def _chart(title: str, unit: str, shape: str, series: list[Chart]) -> Chart:
    return {"title": title, "unit": unit, "shape": shape, "log": False, "errors": None, "series": series}


def _line(name: str, slot: int | None, values: Sequence[float | None]) -> Chart:
    return {"name": name, "slot": slot, "values": [value if value is None else _short(value) for value in values]}


def _short(value: float) -> float:
    """Round to six digits: three are shown, and the page is a third smaller."""
    return float(f"{value:.6g}")
