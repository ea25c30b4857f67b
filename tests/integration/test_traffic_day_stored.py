"""The generated day in a real process: what the database says is what the plan holds, and it goes on living."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from rich.console import Console

from day_totals import totals_of
from running import Running
from spanpulse_stream.commands._happened import print_events, read_events
from spanpulse_stream.commands._live import go_on
from spanpulse_stream.commands._shows import DayShow
from spanpulse_stream.traffic import Outgoing, Sender
from spanpulse_stream.traffic.day import AGENT_ROOT, NEW_PRICE_MODEL, PROMPT, SLOW_MODEL, Day, Export
from traffic_costs import attributes, cost_of, spans

UNTIL = datetime.now(UTC).replace(second=0, microsecond=0)
MIDNIGHT = UNTIL.replace(hour=0, minute=0)
DAY = Day(UNTIL, size=2500)
PAST: list[Export] = list(DAY.past())
TOTALS = totals_of(DAY.requests())


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("day")
    prices = folder / "prices.yaml"
    prices.write_text(DAY.prices, "utf-8")
    with Running(folder, {"SPANPULSE_PRICES": str(prices)}) as running:
        report = asyncio.run(Sender(running.otlp).send(Outgoing(each.signal, each.body) for each in PAST))
        assert (report.refused, report.failed) == (0, 0)
        running.drain()
        yield running


def read(up: Running, sql: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer as the demo's reader does, over the operator's socket, which takes no parameters."""
    for name, value in values.items():
        kind = "DateTime('UTC')" if name in {"begin", "end"} else "String"
        sql = sql.replace(
            f"{{{name}:{kind}}}", f"toDateTime('{value}', 'UTC')" if name in {"begin", "end"} else f"'{value}'"
        )
    return up.sql(sql)


def test_every_record_is_stored_once(up: Running) -> None:
    found = up.status()["completeness"]
    assert (found["accepted"], found["stored"]) == (TOTALS.records, TOTALS.records)
    assert up.one("toInt64(uniqExact(trace_id)) FROM spans") == TOTALS.traces
    assert up.one("toInt64(countIf(status = 'error')) FROM spans WHERE parent_span_id IS NULL") == TOTALS.failed_traces


def test_requests_and_tokens_of_each_model_are_those_of_the_plan(up: Running) -> None:
    rows = up.sql(
        "SELECT model, toInt64(sum(requests)) AS requests, toInt64(sum(errors)) AS errors,"
        " toInt64(sum(input_tokens)) AS i, toInt64(sum(output_tokens)) AS o, toInt64(sum(cache_read_tokens)) AS r,"
        " toInt64(sum(cache_write_tokens)) AS w, toInt64(sum(reasoning_tokens)) AS t,"
        " toInt64(sum(requests_usage_missing)) AS missing FROM rollup_minute GROUP BY model"
    )
    assert {row.pop("model"): tuple(row.values()) for row in rows} == {
        model: (
            use.requests, use.errors, use.input_tokens, use.output_tokens, use.cache_read_tokens,
            use.cache_write_tokens, use.reasoning_tokens, use.without_usage,
        )
        for model, use in TOTALS.by_model.items()
    }  # fmt: skip


def test_the_cost_of_each_model_is_that_of_genai_prices_and_the_price_list(up: Running) -> None:
    expected: dict[str, Decimal] = {}
    for span in spans(each.body for each in PAST if each.signal == "traces"):
        values = attributes(span)
        if "gen_ai.usage.input_tokens" not in values:
            continue
        model = values["gen_ai.request.model"]
        values = {"gen_ai.response.model": model, "gen_ai.usage.output_tokens": 0, **values}
        cost = contract(span, values) if model == NEW_PRICE_MODEL.name else cost_of(span, values)
        if cost is not None:
            expected[model] = expected.get(model, Decimal(0)) + Decimal(cost).scaleb(-12)
    rows = up.sql("SELECT model, toString(sum(cost)) AS usd FROM rollup_minute GROUP BY model HAVING sum(cost) > 0")
    assert {row["model"]: Decimal(row["usd"]) for row in rows} == expected
    assert up.one("groupUniqArray(model) FROM rollup_minute WHERE requests_unpriced > 0") == ["acme-house-7b"]


def contract(span: Any, values: dict[str, Any]) -> int:
    """Return the cost of a call by the operator's price list, in 1e-12 USD."""
    today = span.start_time_unix_nano >= MIDNIGHT.timestamp() * 1e9
    paid, made = (Decimal(2), Decimal(6)) if today else (Decimal("1.2"), Decimal("3.6"))
    micro = values["gen_ai.usage.input_tokens"] * paid + values["gen_ai.usage.output_tokens"] * made
    return int((micro * 10**6).to_integral_value(ROUND_HALF_EVEN))


def test_errors_of_tools_and_scores_are_those_of_the_plan(up: Running) -> None:
    rows = up.sql(
        "SELECT name, arrayJoin(CAST(sumMap(errors_by_type), 'Array(Tuple(String, Int64))')) AS each"
        " FROM rollup_service WHERE kind = 'tool' GROUP BY name"
    )
    assert {(row["name"], row["each"][0]): int(row["each"][1]) for row in rows} == TOTALS.tool_errors
    rows = up.sql(
        "SELECT name, arrayJoin(CAST(sumMap(labels), 'Array(Tuple(String, Int64))')) AS each"
        " FROM rollup_score GROUP BY name"
    )
    assert {(row["name"], row["each"][0]): int(row["each"][1]) for row in rows} == TOTALS.scores


def test_scores_are_of_the_variants_that_their_calls_were_in(up: Running) -> None:
    rows = up.sql(
        "SELECT variant, name, toInt64(sum(scores)) AS n, toInt64(sum(positive)) AS above FROM rollup_score_experiment"
        " WHERE experiment = 'answer-style' GROUP BY ALL ORDER BY ALL"
    )
    assert len({row["variant"] for row in rows}) > 1
    assert rows == up.sql(
        "SELECT c.experiments['answer-style'] AS variant, s.name AS name, toInt64(count()) AS n,"
        " toInt64(countIf(s.value > 0)) AS above FROM scores AS s JOIN spans AS c"
        " ON c.tenant = s.tenant AND c.trace_id = s.trace_id AND c.span_id = s.span_id"
        " WHERE variant != '' GROUP BY ALL ORDER BY ALL"
    )


def test_the_events_are_told_with_figures_of_the_spans(up: Running) -> None:
    slow, jump, failing = read_events(lambda sql, values: read(up, sql, dict(values)), UNTIL)
    within = times(slow.begin, slow.end) + f" AND counted AND request_model = '{SLOW_MODEL.name}'"
    calls, timeouts = up.one(
        f"(toInt64(count()), toInt64(countIf(error_type = 'APITimeoutError'))) FROM spans WHERE {within}"
    )
    assert slow.lines[1].startswith(f"{timeouts} of {calls} calls timed out, 0 of ")
    assert timeouts > 0
    p95 = up.one(f"quantileExact(0.95)(duration_ns) / 1e9 FROM spans WHERE {within}")
    assert float(slow.lines[0].split("-> ")[1].split(" s")[0]) == pytest.approx(p95, rel=0.05)
    within = times(failing.begin, failing.end) + f" AND name = '{AGENT_ROOT}'"
    failed, requests = up.one(f"(toInt64(countIf(status = 'error')), toInt64(count())) FROM spans WHERE {within}")
    assert failed > 0
    assert failing.lines[1].startswith(f"agents gave up: {failed} of {requests} requests failed, 0 of ")
    before = jump.begin - (UNTIL - jump.begin)
    told = [float(each) for each in re.findall(r"\$([\d.]+)", jump.lines[1])]
    where = ("environment = 'production' AND prompt_name = '" + PROMPT + "'", "environment = 'production'")
    sides = (times(before, jump.begin), times(jump.begin, UNTIL))
    spent = [
        up.one(f"toFloat64(avg(cost)) FROM spans WHERE counted AND {side} AND {of}") for of in where for side in sides
    ]
    assert told == pytest.approx(spent, rel=0.006)
    absent = up.one(f"toInt64(countIf(cost IS NULL)) FROM spans WHERE counted AND {sides[1]} AND {where[1]}")
    assert absent > 0


def test_the_page_of_the_price_jump_shows_what_is_told(up: Running) -> None:
    jump = read_events(lambda sql, values: read(up, sql, dict(values)), UNTIL)[1]
    linked = dict(parse_qsl(jump.path.removeprefix("?")))
    begin = datetime.fromisoformat(linked["from"])
    assert begin < jump.begin < datetime.fromisoformat(linked["to"]) == UNTIL
    (mark,) = asked(up, "events", linked)["events"]
    assert mark["title"] == f"{PROMPT} 4"
    assert abs(datetime.fromisoformat(mark["time"]) - jump.begin) < timedelta(hours=1)
    since = {**linked, "from": f"{jump.begin:%Y-%m-%dT%H:%M:%SZ}"}
    shown = asked(up, "overview", since)["figures"]["cost_per_request"]
    told = re.match(r"cost per request \$(\S+) -> \$([\d.]+),", jump.lines[1])
    assert told is not None
    assert [float(each) for each in told.groups()] == pytest.approx([shown["previous"], shown["value"]], rel=0.006)


def asked(up: Running, path: str, query: dict[str, str]) -> dict[str, Any]:
    answer = httpx.get(f"{up.web}/api/v1/{path}", params=query, timeout=30)
    assert answer.status_code == httpx.codes.OK, answer.text
    found: dict[str, Any] = answer.json()
    return found


def times(begin: datetime, end: datetime | None) -> str:
    """Spans whose minute of the end lies between two moments."""
    texts = [f"toDateTime('{moment:%Y-%m-%d %H:%M:%S}', 'UTC')" for moment in (begin, end or UNTIL)]
    return f"toStartOfMinute(end_time) >= {texts[0]} AND toStartOfMinute(end_time) < {texts[1]}"


def test_what_is_printed_names_the_three_events_and_where_to_look(up: Running) -> None:
    console = Console(width=200)
    with console.capture() as captured:
        print_events(lambda sql, values: read(up, sql, dict(values)), UNTIL, "http://127.0.0.1:1/", console)
    text = captured.get()
    for title in ("1  Slow model", "2  Price jump", "3  Failing tool"):
        assert title in text
    assert f"http://127.0.0.1:1/?from={UNTIL - timedelta(hours=12):%Y-%m-%dT%H:%M:%SZ}&to=" in text


async def test_it_goes_on_at_its_own_pace(up: Running) -> None:
    show = DayShow(datetime.now(UTC) - timedelta(minutes=2))
    before = up.one("toInt64(count()) FROM spans")
    going = asyncio.create_task(go_on(up.otlp, show, Console(quiet=True)))
    try:
        async with asyncio.timeout(60):
            while await asyncio.to_thread(up.one, "toInt64(count()) FROM spans") < before + 120:
                assert not going.done()
                await asyncio.sleep(0.1)
    finally:
        going.cancel()
        await asyncio.wait({going})
    assert up.one("max(end_time) <= now64(9) FROM spans")
    assert up.status()["completeness"]["dead_lettered"] == 0


def test_a_price_list_of_the_demo_is_kept_in_its_folder(tmp_path: Path) -> None:
    settings = DayShow(UNTIL).settings(tmp_path / "data")
    assert settings.prices is not None
    assert settings.prices.read_text("utf-8") == DAY.prices
