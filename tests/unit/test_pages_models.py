"""What pages make of the models: cards that compare or say why not, price overrides, the dot in the bar, the table."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from spanpulse_dashboards._models import Breakdown, BreakdownRow, Figure, Figures, Range, UnpricedModel, UnpricedModels
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards._state import Completeness, Counts
from spanpulse_dashboards.pages._cards import main_cards, other_cards
from spanpulse_dashboards.pages._health import FRESH_S, STALE_S, UNKNOWN, HealthWatch
from spanpulse_dashboards.pages._lists import counts, override_yaml
from spanpulse_dashboards.pages._table import Look, table
from spanpulse_stream.price._overrides import OverrideError, parse_rules

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RANGE = Range(query="", start=NOW, end=NOW, through=NOW, bucket_seconds=60, previous_start=NOW, previous_end=NOW)
UNITS = {
    "requests": "requests", "error_rate": "ratio", "latency_p95": "ms", "time_to_first_token_p95": "ms",
    "cost": "USD", "cost_per_request": "USD", "users": "users", "cost_per_user": "USD", "thumbs_up_rate": "ratio",
    "input_tokens": "tokens", "output_tokens": "tokens",
}  # fmt: skip


def figures(**changed: Figure) -> Figures:
    plain = {name: Figure(unit=unit, value=2.0, previous=1.0) for name, unit in UNITS.items()}  # type: ignore[arg-type]
    return Figures(**(plain | changed))


def state(**changed: int) -> Completeness:
    names = dict.fromkeys(Counts.model_fields, 0) | changed
    return Completeness(
        verdict="complete", ready=True, trouble=[], counts=Counts(**names), dead_letters=[], refused_requests={},
        lag_seconds=0, lag_bytes=0, accepted_per_second=0, requests_beyond_cap={},
        disk_free_bytes=0, database_bytes=0, log_bytes=0, uptime_seconds=0,
    )  # fmt: skip


def test_a_card_tells_the_change_and_the_exact_cost() -> None:
    exact = Figure(unit="USD", value=46.0, previous=23.0, exact=Decimal("46.000000000001"), coverage=0.848)
    cards = {card.name: card for card in main_cards(figures(cost=exact), compare=True)}
    assert (cards["cost"].value.text, cards["cost"].value.full) == ("$46.0", "$46.000000000001 USD")
    assert cards["cost"].note == "covers 84.8%"
    assert cards["cost"].change is not None
    assert cards["cost"].change.text == "+100%"
    assert cards["error-rate"].change is not None
    assert cards["error-rate"].change.text == "+100 pp"


@pytest.mark.parametrize(("before", "said"), [(5.0, "too little before"), (0.0, "no period before")])
def test_a_day_is_not_compared_with_its_first_minute_and_that_is_said_once(before: float, said: str) -> None:
    few = Figure(unit="requests", value=20_000.0, previous=before)
    first, *others = [
        *main_cards(figures(requests=few), compare=True),
        *other_cards(figures(requests=few), compare=True),
    ]
    assert first.change is not None
    assert (first.change.text, first.change.absent) == (said, True)
    assert f"{before:.0f} requests" in first.change.full
    assert [card.change for card in others] == [None] * len(others)
    assert all(card.change is None for card in main_cards(figures(), compare=False))


def test_what_is_not_known_has_no_change_and_says_why() -> None:
    unknown = Figure(unit="USD", value=None, previous=1.0, reason="no call has a known cost")
    card = next(card for card in main_cards(figures(cost=unknown), compare=True) if card.name == "cost")
    assert (card.value.text, card.value.full, card.change) == ("-", "no call has a known cost", None)


def test_price_overrides_are_refused_until_prices_are_filled_in() -> None:
    names = [("acme", "house-7b"), ("", "yes"), ("x", '"><img\x1b: #\u202e'), ("y", "two\nlines")]
    models = [
        UnpricedModel(provider=provider, model=model, requests=1, input_tokens=1, output_tokens=1, first=NOW, last=NOW)
        for provider, model in names
    ]
    text = override_yaml(UnpricedModels(range=RANGE, models=models))
    with pytest.raises(OverrideError):
        parse_rules(text, Path("prices.yaml"))
    filled = text.replace("input:  #", "input: 2 #").replace("output:  #", "output: 3 #")
    rules = parse_rules(filled, Path("prices.yaml"))
    assert [rule.clause[1] for rule in rules] == [model.lower() for _, model in names]
    assert all(rule.names(provider or None, model) for rule, (provider, model) in zip(rules, names, strict=True))


def test_counts_of_completeness_are_whole_numbers_and_a_loss_is_marked() -> None:
    found = {each.key: each for each in counts(state(accepted=1_234_567, stored=1_234_566, unaccounted=1))}
    assert found["accepted"].value.text == "1,234,567"
    assert found["stored"].share == pytest.approx(1_234_566 / 1_234_567)
    assert [each.key for each in found.values() if each.bad] == ["unaccounted"]


async def test_the_dot_is_read_once_for_many_pages() -> None:
    asked, clock = [], [100.0]

    async def read() -> Completeness:
        asked.append(clock[0])
        return state()

    watch = HealthWatch(read, lambda: clock[0])
    assert [(await watch()).tone for _ in range(5)] == ["good"] * 5
    assert len(asked) == 1
    clock[0] += FRESH_S + 1
    await watch()
    await asyncio.sleep(0)  # the look begins
    clock[0] += STALE_S + 1
    await watch()
    assert asked == [100.0, 100.0 + FRESH_S + 1, clock[0]]


async def test_a_state_that_cannot_be_read_is_unknown() -> None:
    async def read() -> Completeness:
        raise OSError("gone")

    assert await HealthWatch(read)() == UNKNOWN


def rows_by(by: str, name: str) -> Breakdown:
    row = BreakdownRow(
        key={by: name}, requests=4, requests_share=1.0, errors=1, error_rate=0.25, latency_p50=None,
        latency_p95=None, time_to_first_token_p95=None, input_tokens=0, output_tokens=0, cost=None, cost_share=None,
        cost_per_request=None, coverage=0.0, estimated=True,
    )  # fmt: skip
    return Breakdown(range=RANGE, version="", by=by, sort="cost", descending=True, rows=[row], total=1, next="n")


def test_rows_narrow_by_their_key_and_heads_turn_the_order() -> None:
    found = rows_by("model", "gpt-5")
    made = table(found, Scope(), Look("/", "/traces", {"by": "model", "after": "x"}, {"gpt-5": 9}, 0.1))
    (shown,) = made.rows
    assert parse_qs(urlsplit(shown.href).query) == {"model": ["gpt-5"], "by": ["service"]}
    assert shown.swatch == "slot-1"
    assert shown.cells[0].value.text == "~4"
    assert [cell.name for cell in shown.cells if cell.bad] == ["Errors"]
    cost = next(head for head in made.heads if head.name == "Cost")
    assert (cost.sorted, parse_qs(urlsplit(cost.href).query)["order"]) == ("descending", ["asc"])
    assert made.first is not None
    assert "after" not in parse_qs(urlsplit(made.first).query)
    assert parse_qs(urlsplit(made.next or "").query)["after"] == ["n"]


def test_a_user_leads_to_sessions_and_a_session_to_its_traces() -> None:
    scope = Scope.parse([("range", "6h"), ("tenant", "acme")])
    (user,) = table(rows_by("user", "ann"), scope, Look("/p/", "/p/traces", {"by": "user"}, {}, 0.1)).rows
    parts = urlsplit(user.href)
    assert parts.path == "/p/"
    assert parse_qs(parts.query) == {"range": ["6h"], "tenant": ["acme"], "user": ["ann"], "by": ["session"]}
    of_user = scope.narrowed("user", "ann")
    (session,) = table(rows_by("session", "s 1"), of_user, Look("/p/", "/p/traces", {"by": "session"}, {}, 0.1)).rows
    parts = urlsplit(session.href)
    assert parts.path == "/p/traces"
    assert parse_qs(parts.query) == {"range": ["6h"], "tenant": ["acme"], "user": ["ann"], "session": ["s 1"]}
    assert session.leads == "Traces of the session s 1"
