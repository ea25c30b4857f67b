"""The figures of the overview as cards: a value, how it changed, how it went."""

from collections.abc import Callable
from dataclasses import dataclass

from spanpulse_dashboards._models import Figure, Figures
from spanpulse_dashboards.pages import _numbers
from spanpulse_dashboards.pages._numbers import Number, Shown
from spanpulse_dashboards.pages._sparkline import Sparkline, sparkline

__all__ = ["Card", "main_cards", "other_cards"]

FORMATS: dict[str, Callable[[Number | None, str | None], Shown]] = {
    "requests": lambda value, reason: _numbers.count(value, "requests", reason),
    "ratio": _numbers.percent,
    "ms": _numbers.milliseconds,
    "USD": _numbers.money,
    "tokens": lambda value, reason: _numbers.count(value, "tokens", reason),
    "users": lambda value, reason: _numbers.count(value, "users", reason),
    "score": lambda value, reason: _numbers.count(value, "", reason),
}
NEARLY_ALL = 0.9995
COMPARABLE = 0.01
"""Of the requests now, what the period before must have."""


@dataclass(frozen=True, slots=True)
class Card:
    """One figure. ``up`` is good or bad: what a rise means; empty: neither. ``note`` qualifies the value."""

    name: str
    title: str
    value: Shown
    change: Shown | None
    up: str
    note: str
    spark: Sparkline


def main_cards(figures: Figures, *, compare: bool) -> list[Card]:
    """Return the six of the first screen."""
    told = _Compared.of(figures, compare=compare)
    return [
        _card("requests", "Requests", figures.requests, "", told),
        _card("error-rate", "Error rate", figures.error_rate, "bad", told),
        _card("latency-p95", "Latency p95", figures.latency_p95, "bad", told),
        _card("ttft-p95", "First token p95", figures.time_to_first_token_p95, "bad", told),
        _card("cost", "Cost", figures.cost, "", told),
        _card("cost-per-request", "Cost per request", figures.cost_per_request, "bad", told),
    ]


def other_cards(figures: Figures, *, compare: bool) -> list[Card]:
    """Return those that belong to them."""
    told = _Compared.of(figures, compare=compare)
    return [
        _card("users", "Users", figures.users, "", told),
        _card("cost-per-user", "Cost per user", figures.cost_per_user, "bad", told),
        _card("thumbs-up", "Thumbs up", figures.thumbs_up_rate, "good", told),
        _card("input-tokens", "Tokens in", figures.input_tokens, "", told),
        _card("output-tokens", "Tokens out", figures.output_tokens, "", told),
    ]


@dataclass(frozen=True, slots=True)
class _Compared:
    """Whether changes are asked for, and what is said instead, once, where they would mislead.

    A day against its first minute is no comparison.
    """

    asked: bool
    instead: Shown | None

    @classmethod
    def of(cls, figures: Figures, *, compare: bool) -> "_Compared":
        now, before = figures.requests.value or 0, figures.requests.previous or 0
        if before >= now * COMPARABLE:
            return cls(compare, None)
        reason = f"the period before has only {_numbers.count(before).text} requests to compare with"
        return cls(compare, Shown("too little before" if before else "no period before", reason, absent=True))


def _card(name: str, title: str, figure: Figure, up: str, told: _Compared) -> Card:
    formatted = FORMATS[figure.unit]
    value = formatted(figure.value if figure.exact is None else figure.exact, figure.reason)
    changed = _change(figure, formatted, told) if told.asked and not value.absent else None
    if figure.estimated:
        value = _numbers.estimated(value, "estimated from a part of the calls")
    return Card(name, title, value, changed, up, _note(figure), sparkline(figure.sparkline))


def _change(figure: Figure, formatted: Callable[[Number | None, str | None], Shown], told: _Compared) -> Shown | None:
    if told.instead:
        return told.instead if figure.unit == "requests" else None
    before = formatted(figure.previous, None).text
    changed = _numbers.points if figure.unit == "ratio" else _numbers.change
    return changed(figure.value, figure.previous, before)


def _note(figure: Figure) -> str:
    if figure.coverage is None or figure.value is None or figure.coverage >= NEARLY_ALL:
        return ""
    return f"covers {_numbers.percent(figure.coverage).text}"
