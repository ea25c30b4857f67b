"""Every figure of the page against the spans themselves, which know no rollup: real exports, some of them sampled."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dashboards_truth import Truth, backend_of, filled, scope_of
from sinks_process import CONFIG
from spanpulse_dashboards import services
from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._models import Figure
from spanpulse_dashboards._period import ceiled, floored
from spanpulse_dashboards.services import DIMENSIONS, SORTS
from spanpulse_sinks.clickhouse import EmbeddedDatabase

SCOPES = (
    *("range=1h", "range=24h", "range=7d", "range=15m", "range=6h&compare=0"),
    *("range=24h&model=gpt-5-2025-08-07", "range=24h&service=chat-web&service=doc-search", "range=24h&prompt="),
    *("range=24h&tenant=acme", "range=24h&provider=openai&environment=production", "range=24h&model=no-such-model"),
)
KEYS = {"prompt_version": ("prompt", "prompt_version")}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedDatabase, datetime, Truth]]:
    folder = tmp_path_factory.mktemp("figures")
    with EmbeddedDatabase.open(folder / "db", CONFIG) as database:
        now = filled(folder, database, spread_ms=60_000)
        yield database, now, Truth.read(database)


@pytest.fixture
async def backend(data: tuple[EmbeddedDatabase, datetime, Truth]) -> AsyncIterator[Backend]:
    made = backend_of(data[0], data[1])
    yield made
    await made.reader.close()


@pytest.fixture
def truth(data: tuple[EmbeddedDatabase, datetime, Truth]) -> Truth:
    return data[2]


def between(value: float | None, bounds: tuple[float, float] | None) -> bool:
    return value is None if bounds is None else value is not None and bounds[0] <= value <= bounds[1]


def close(value: float | None, expected: float | Decimal | None) -> bool:
    if value is None or expected is None:
        return value is None and expected is None
    return value == pytest.approx(float(expected), rel=1e-9)


def test_the_data_has_what_makes_figures_hard(truth: Truth) -> None:
    assert len(truth.calls) > 1_000
    assert {int(call.weight) for call in truth.calls} == {1, 7, 40}
    assert abs(truth.coverage - sum(call.known for call in truth.calls) / len(truth.calls)) > 0.005
    assert {"computed", "missing", "unpriced"} <= {call.confidence for call in truth.calls}
    assert len({call.tenant for call in truth.calls}) == 2


@pytest.mark.parametrize("query", SCOPES)
async def test_the_figures_are_those_of_the_spans(backend: Backend, truth: Truth, query: str) -> None:
    scope = scope_of(query)
    window = backend.window(scope)
    found = await services.overview(backend, scope)
    calls = truth.filtered(scope).within(window)
    figures = found.figures
    assert figures.requests.value == calls.requests
    assert found.empty == (calls.requests == 0)
    if not calls.calls:
        assert figures.error_rate.value is None
        assert figures.error_rate.reason
        return
    assert close(figures.error_rate.value, calls.errors / calls.requests)
    assert between(figures.latency_p95.value, calls.bounds("duration", 0.95))
    assert between(figures.time_to_first_token_p95.value, calls.bounds("first_token", 0.95))
    check_cost(figures.cost, figures.cost_per_request, calls)
    assert figures.input_tokens.value == calls.sum(lambda call: int(call.input))
    assert figures.output_tokens.value == calls.sum(lambda call: int(call.output))
    assert found.estimated == any(int(call.weight) > 1 for call in calls.calls)
    before = truth.filtered(scope).within(window.before)
    expected = before.requests or None if scope.compare else None
    assert figures.requests.previous == expected
    if expected:
        assert between(figures.latency_p95.previous, before.bounds("duration", 0.95))


@pytest.mark.parametrize(("ago", "minutes"), [(3, 7), (11, 45), (15, 1440), (1, 1441), (44, 4000), (29, 20_001)])
async def test_any_range_is_made_of_whole_quarters_and_the_minutes_at_its_ends(
    backend: Backend, data: tuple[EmbeddedDatabase, datetime, Truth], ago: int, minutes: int
) -> None:
    end = data[1].replace(second=0, microsecond=0) - timedelta(minutes=ago)
    scope = scope_of(f"from={end - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}")
    window = backend.window(scope)
    calls, before = (data[2].filtered(scope).within(each) for each in (window, window.before))
    found = await services.overview(backend, scope)
    assert found.figures.requests.value == calls.requests
    assert found.figures.requests.previous == (before.requests or None)
    assert sum(each or 0 for each in found.timeline.requests) == calls.requests
    assert sum(share.requests for share in found.models) == calls.requests
    table = await services.breakdown(backend, scope, by="model", limit=200)
    assert sum(row.requests for row in table.rows) == calls.requests


def check_cost(cost: Figure, per_request: Figure, calls: Truth) -> None:
    if not calls.coverage:
        assert cost.value is None
        assert cost.reason
        return
    assert cost.exact == calls.cost
    assert cost.value == pytest.approx(float(calls.cost), rel=1e-12)
    assert close(per_request.value, calls.cost_per_request)
    assert per_request.coverage == (None if calls.coverage == 1 else pytest.approx(calls.coverage))


@pytest.mark.parametrize("query", ["range=1h", "range=24h", "range=7d&tenant=acme"])
async def test_the_lines_are_those_of_the_spans(backend: Backend, truth: Truth, query: str) -> None:
    scope = scope_of(query)
    window = backend.window(scope)
    found = await services.overview(backend, scope)
    lines, per_request = found.timeline, found.figures.cost_per_request.sparkline
    failed = found.figures.error_rate.sparkline
    calls = truth.filtered(scope).within(window)
    gaps = 0
    for place, start in enumerate(lines.starts):
        inside = calls.of(lambda call, start=start: start <= int(call.ended) // 10**9 < start + lines.bucket_seconds)
        if not inside.calls:
            gaps += 1
            assert lines.requests[place] is None
            assert lines.cost[place] is None
            assert lines.latency_p95[place] is None
            continue
        assert lines.requests[place] == inside.requests
        assert lines.errors[place] == inside.errors
        assert between(lines.latency_p50[place], inside.bounds("duration", 0.5))
        assert between(lines.latency_p99[place], inside.bounds("duration", 0.99))
        assert between(lines.time_to_first_token_p50[place], inside.bounds("first_token", 0.5))
        assert close(lines.cost[place], inside.cost if inside.coverage else None)
        assert close(per_request[place], inside.cost_per_request)
        assert close(failed[place], inside.errors / inside.requests)
        assert lines.input_tokens[place] == inside.sum(lambda call: int(call.input))
        by_model = sum(series.values[place] or 0 for series in lines.cost_by_model)
        by_confidence = sum(series.values[place] or 0 for series in lines.cost_by_confidence)
        assert [by_model, by_confidence] == pytest.approx([float(inside.cost)] * 2, rel=1e-9, abs=1e-11)
    assert gaps < len(lines.starts)
    for name in ("requests", "latency_p95", "time_to_first_token_p95", "cost", "input_tokens", "output_tokens"):
        assert getattr(found.figures, name).sparkline == getattr(lines, name)
    assert sum(each or 0 for each in lines.requests) == calls.requests
    assert len(lines.cost_by_model) <= 9


async def test_models_and_confidence_are_shares_of_the_whole(backend: Backend, truth: Truth) -> None:
    scope = scope_of("range=7d")
    found = await services.overview(backend, scope)
    calls = truth.within(backend.window(scope))
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for call in calls.calls:
        if call.known:
            costs[call.model] += Decimal(call.cost) * int(call.weight)
    for share in found.models:
        if not share.other:
            of_model = calls.of(lambda call, share=share: call.model == share.model)
            assert share.requests == of_model.requests
            assert share.cost == (costs[share.model] if of_model.coverage else None)
    assert sum(share.requests_share for share in found.models) == pytest.approx(1)
    assert sum(share.cost or 0 for share in found.models) == calls.cost
    named = [share.model for share in found.models if not share.other]
    assert {*named} == {*sorted(costs, key=lambda model: -costs[model])[:8]}
    observed: dict[str, Decimal] = defaultdict(Decimal)
    for call in calls.calls:
        observed[call.confidence] += Decimal(call.cost or 0)
    for part in found.confidence:
        if part.cost is not None:
            scaled = observed[part.confidence] * calls.cost / sum(observed.values())
            assert part.cost == pytest.approx(scaled, abs=Decimal("1e-11"))
        else:
            absent = calls.of(lambda call, part=part: call.confidence == part.confidence)
            assert part.requests == absent.requests
    assert sum(part.cost or 0 for part in found.confidence) == pytest.approx(calls.cost, abs=Decimal("1e-11"))
    assert sum(part.cost_share or 0 for part in found.confidence) == pytest.approx(1)


async def test_users_are_counted_once(backend: Backend, truth: Truth) -> None:
    scope = scope_of("range=24h&tenant=acme")
    figures = (await services.overview(backend, scope)).figures
    calls = truth.filtered(scope).within(backend.window(scope)).of(lambda call: call.user != "")
    users = {call.user for call in calls.calls}
    assert figures.users.value == len(users)
    assert close(figures.cost_per_user.value, float(calls.cost) / len(users))
    narrow = (await services.overview(backend, scope_of("range=24h&model=gpt-5-2025-08-07"))).figures
    assert narrow.users.value is None
    assert "model" in (narrow.users.reason or "")


async def test_one_user_is_read_by_quarters(backend: Backend, truth: Truth) -> None:
    user = Counter(call.user for call in truth.calls if call.user).most_common(1)[0][0]
    scope = scope_of(f"range=24h&user={user}")
    found = await services.overview(backend, scope)
    calls = truth.filtered(scope).within(backend.window(scope))
    assert found.figures.requests.value == calls.requests
    assert found.figures.cost.exact == (calls.cost if calls.coverage else None)
    assert between(found.figures.latency_p95.value, calls.bounds("duration", 0.95))
    assert found.models == []


async def test_what_cannot_be_had_says_why(backend: Backend) -> None:
    for query in ("session=s", "user=u&model=m"):
        found = await services.overview(backend, scope_of(query))
        assert not found.empty
        for figure in (found.figures.requests, found.figures.cost, found.figures.latency_p95):
            assert figure.value is None
            assert figure.reason
        assert all(value is None for value in found.timeline.requests)


async def test_calls_without_a_user_are_not_told_apart(backend: Backend) -> None:
    for query in ("user=", "user=&user=u"):
        scope = scope_of(query)
        found = await services.overview(backend, scope)
        assert found.figures.requests.value is None
        assert "traces" in (found.figures.requests.reason or "")
        assert "traces" in ((await services.breakdown(backend, scope, by="user")).reason or "")
        assert (await services.facets(backend, scope)).facets[0].reason


def expected_rows(calls: Truth, by: str) -> dict[tuple[str, ...], Truth]:
    names = KEYS.get(by, (by,))
    groups: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for call in calls.calls:
        key = tuple(call.row[name] for name in names)
        if by not in {"user", "session"} or key != ("",):
            groups[key].append(call)
    return {key: Truth(tuple(group)) for key, group in groups.items()}


@pytest.mark.parametrize("by", DIMENSIONS)
@pytest.mark.parametrize("query", ["range=24h", "range=7d&tenant=acme"])
async def test_the_table_is_that_of_the_spans(backend: Backend, truth: Truth, by: Any, query: str) -> None:
    scope = scope_of(query)
    found = await services.breakdown(backend, scope, by=by, limit=200)
    rows = expected_rows(truth.filtered(scope).within(backend.window(scope)), by)
    assert found.total == len(rows)
    assert len(found.rows) == min(200, len(rows))
    whole = sum(group.requests for group in rows.values())
    for row in found.rows:
        group = rows[tuple(row.key.values())]
        assert row.requests == group.requests
        assert row.errors == group.errors
        assert row.cost == (group.cost if group.coverage else None)
        assert row.coverage == pytest.approx(group.coverage)
        assert close(row.cost_per_request, group.cost_per_request)
        assert row.requests_share == pytest.approx(group.requests / whole)
        assert between(row.latency_p95, group.bounds("duration", 0.95))
        assert between(row.time_to_first_token_p95, group.bounds("first_token", 0.95))
        assert row.input_tokens == group.sum(lambda call: int(call.input))
    requests = [row.requests for row in found.rows]
    assert requests == sorted(requests, reverse=True)


@pytest.mark.parametrize("query", ["range=15m", "range=1h", "odd", "whole"])
async def test_users_are_those_of_the_quarters_that_the_range_touches(
    backend: Backend, data: tuple[EmbeddedDatabase, datetime, Truth], query: str
) -> None:
    end = data[1] - timedelta(minutes=3)
    if query == "odd":
        query = f"from={end - timedelta(minutes=41):%Y-%m-%dT%H:%M:00Z}&to={end:%Y-%m-%dT%H:%M:00Z}"
    elif query == "whole":
        last = ceiled(end, 900)
        query = f"from={last - timedelta(minutes=30):%Y-%m-%dT%H:%M:00Z}&to={last:%Y-%m-%dT%H:%M:00Z}"
    scope = scope_of(query)
    window = backend.window(scope)
    quarters = replace(window, start=floored(window.start, 900), end=ceiled(window.end, 900))
    calls = data[2].within(quarters)
    expected = {key[0]: group.requests for key, group in expected_rows(calls, "user").items()}
    assert expected
    table = await services.breakdown(backend, scope, by="user", limit=200)
    assert {row.key["user"]: row.requests for row in table.rows} == expected
    assert table.total == len(expected)
    assert (table.note is None) == (window == quarters)
    users = (await services.facets(backend, scope)).facets[-1]
    assert {each.value: each.requests for each in users.values} == expected
    figures = (await services.overview(backend, scope)).figures
    assert figures.users.value == len({(call.tenant, call.user) for call in calls.calls if call.user})


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("descending", [True, False])
async def test_pages_hold_every_row_once_and_in_order(backend: Backend, sort: Any, descending: bool) -> None:
    scope = scope_of("range=24h&tenant=acme")
    whole = await services.breakdown(backend, scope, by="prompt_version", sort=sort, descending=descending, limit=200)
    rows, after = [], None
    while True:
        page = await services.breakdown(
            backend, scope, by="prompt_version", sort=sort, descending=descending, limit=3, after=after
        )
        rows += page.rows
        after = page.next
        if after is None:
            break
        assert len(page.rows) == 3
    assert [row.key for row in rows] == [row.key for row in whole.rows]
    if sort in {"cost", "cost_per_request"}:
        values = [value for row in rows if (value := getattr(row, sort)) is not None]
        assert values == sorted(values, reverse=descending)
    assert len(rows) == whole.total


async def test_facets_are_the_values_under_the_other_filters(backend: Backend, truth: Truth) -> None:
    scope = scope_of("range=24h&tenant=acme&model=gpt-5-2025-08-07")
    found = await services.facets(backend, scope)
    inside = truth.within(backend.window(scope))
    for facet in found.facets:
        if facet.reason:
            assert facet.name == "user"
            continue
        others = scope_of(scope.to_query())
        for value in scope.values(facet.name):
            others = others.widened(facet.name, value)
        counts: Counter[str] = Counter()
        for call in inside.filtered(others).calls:
            counts[call.row[facet.name]] += int(call.weight)
        assert {each.value: each.requests for each in facet.values} == dict(counts), facet.name


async def test_unpriced_models_are_those_without_a_price(backend: Backend, truth: Truth) -> None:
    scope = scope_of("range=7d")
    found = await services.unpriced_models(backend, scope)
    counts: Counter[tuple[str, str]] = Counter()
    for call in truth.within(backend.window(scope)).calls:
        if call.confidence == "unpriced":
            counts[call.provider, call.model] += int(call.weight)
    assert {(each.provider, each.model): each.requests for each in found.models} == dict(counts)
    assert all(each.first <= each.last for each in found.models)


async def test_scores_are_those_that_were_stored(
    backend: Backend, data: tuple[EmbeddedDatabase, datetime, Truth]
) -> None:
    found = await services.overview(backend, scope_of("range=7d"))
    window = backend.window(scope_of("range=7d"))
    rows = backend_rows(data[0], window.start, window.end)
    assert {each.name: each.scores for each in found.scores} == {row[0]: row[1] for row in rows}
    for each in found.scores:
        mean = next(row[2] for row in rows if row[0] == each.name)
        assert close(each.mean, mean)


def backend_rows(database: EmbeddedDatabase, start: datetime, end: datetime) -> list[tuple[str, int, float | None]]:
    times = f"time >= toDateTime({int(start.timestamp())}) AND time < toDateTime({int(end.timestamp())})"
    with database.reader() as client:
        rows = client.query(f"SELECT name, count(), avg(value) FROM scores WHERE {times} GROUP BY name").result_rows
    return [(name, int(count), mean) for name, count, mean in rows]


async def test_marks_are_new_versions_of_prompts(backend: Backend) -> None:
    found = await services.events(backend, scope_of("range=24h"))
    window = backend.window(scope_of("range=24h"))
    assert all(window.start <= event.time < window.end for event in found.events)
    assert [event.time for event in found.events] == sorted(event.time for event in found.events)


async def test_nothing_is_asked_twice_while_nothing_is_new(backend: Backend) -> None:
    scope = scope_of("range=24h")
    await services.overview(backend, scope)
    asked = backend.reader.asked
    again = await services.overview(backend, scope)
    services.live(backend, scope)
    assert backend.reader.asked == asked
    assert again.version == services.live(backend, scope).version
