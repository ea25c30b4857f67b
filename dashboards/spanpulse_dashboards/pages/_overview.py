"""The overview as its template wants it: bar, cards, charts, table, all from the models that the API answers with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spanpulse_dashboards._models import Breakdown, Event, Overview
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.pages._cards import main_cards, other_cards
from spanpulse_dashboards.pages._charts import charts
from spanpulse_dashboards.pages._colour_book import ColourBook
from spanpulse_dashboards.pages._scope_bar import Link, address, scope_bar
from spanpulse_dashboards.pages._table import Look, table

__all__ = ["PATH", "TRACES", "Answers", "overview_values"]

PATH = "/"
TRACES = "/traces"
CONFIDENCES = {
    "computed": "from tokens and the price book",
    "provider": "stated by the provider",
    "estimated": "from counts that contradict each other",
    "missing": "the call reported no tokens",
    "unpriced": "the price book has no price",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What the services said for one page."""

    overview: Overview
    breakdown: Breakdown
    events: Sequence[Event]


def overview_values(
    answers: Answers, scope: Scope, *, root: str, own: Mapping[str, str], book: ColourBook
) -> dict[str, Any]:
    """Return the values of templates/overview.html; ``own`` are the parameters of the page beside the scope."""
    overview = answers.overview
    slots = book.slots(series.name for series in overview.timeline.cost_by_model if not series.other)
    log = own.get("scale") == "log"
    kept = {name: value for name, value in own.items() if name not in ("after", "scale")}
    look = Look(root + PATH, root + TRACES, own, slots, overview.figures.error_rate.value or 0.0)
    requests = overview.figures.requests
    return {
        "overview": overview,
        "reason": requests.reason if requests.value is None else None,
        "bar": scope_bar(
            scope,
            path=PATH,
            root=root,
            start=overview.range.start,
            end=overview.range.end,
            more={name: value for name, value in own.items() if name != "after"},
        ),
        "cards": main_cards(overview.figures, compare=scope.compare),
        "more_cards": other_cards(overview.figures, compare=scope.compare),
        "payload": charts(overview, answers.events, book, log=log),
        "scale": Link(
            "linear" if log else "log", address(root + PATH, scope, kept if log else {**kept, "scale": "log"})
        ),
        "table": table(answers.breakdown, scope, look),
        "confidences": CONFIDENCES,
    }
