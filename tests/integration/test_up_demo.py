"""`spanpulse demo --once` as a person calls it in a script: its summary against what was sent."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from command_line import Printed, spanpulse
from spanpulse_stream.traffic import corpus_requests, expected_totals, replay
from traffic_costs import attributes, cost_of, spans, sums

NIGHT_AND_DAY = {"deepseek-chat"}  # costs by the hour
NOW = datetime.now(UTC)
TRACE = [body for _, body in replay("code", until=NOW)]
CORPUS = list(corpus_requests(NOW))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def printed(folder: Path) -> Printed:
    return spanpulse("demo", "--once", "--trace", "code", "--data", str(folder / "data"), folder=folder)


def test_a_folder_that_is_used_is_left_alone(printed: Printed, folder: Path) -> None:
    again = spanpulse("demo", "--once", "--data", str(folder / "data"), folder=folder)
    assert again.code == 2
    assert f"`spanpulse up --data {folder / 'data'}` shows it" in again.err
    assert not (folder / "data" / "demo-prices.yaml").exists()


def line(printed: Printed, start: str) -> str:
    (found,) = [line for line in printed.out.splitlines() if line.startswith(start)]
    return found


def number(text: str) -> int:
    return int(text.replace(",", ""))


def records_sent() -> int:
    logs = [
        record
        for signal, body in CORPUS
        if signal == "logs"
        for group in ExportLogsServiceRequest.FromString(body).resource_logs
        for scope in group.scope_logs
        for record in scope.log_records
    ]
    return len(logs) + sum(1 for _ in spans([*TRACE, *(body for signal, body in CORPUS if signal == "traces")]))


def test_it_ends_well_and_says_what_it_does(printed: Printed) -> None:
    assert printed.code == 0, printed
    for step in ("starting", "sending", "waiting for the last batch"):
        assert step in printed.err


def test_every_record_that_was_sent_is_stored(printed: Printed) -> None:
    sent = f"{records_sent():,}"
    expected = f"completeness: {sent} records accepted = {sent} stored + 0 duplicate + 0 dead-lettered"
    assert line(printed, "completeness").startswith(expected)
    assert "unaccounted" not in printed.out


def test_calls_and_cost_of_each_model_are_those_of_the_trace(printed: Printed) -> None:
    """Of models that are in the trace alone, by a computation that uses no code of spanpulse."""
    recorded = b"".join(body for _, body in CORPUS)
    models = {model for _, model in expected_totals("code").by_model} - NIGHT_AND_DAY
    models = {model for model in models if model.encode() not in recorded}
    assert len(models) >= 3
    for model in models:
        found = line(printed, f"{model} ").split()
        mine = [span for span in spans(TRACE) if called(span) == model]
        truth = sums_of(mine)
        assert number(found[1]) == len(mine)
        if truth is None:
            assert (found[4], found[-1]) == ("-", "unpriced")
        else:
            assert Decimal(found[4].strip("$")) == round(truth, 4)


def called(span: object) -> str | None:
    values = attributes(span)
    return values.get("gen_ai.response.model", values.get("gen_ai.request.model"))


def sums_of(mine: list[object]) -> Decimal | None:
    """The cost of spans in USD; None where one has no price."""
    costs = [cost_of(span, attributes(span)) for span in mine if "gen_ai.usage.input_tokens" in attributes(span)]
    return None if None in costs else Decimal(sum(costs)).scaleb(-12)


def test_the_totals_are_those_of_the_stored_spans(printed: Printed, folder: Path) -> None:
    wanted = (
        "toInt64(count()) AS calls, toInt64(sum(input_tokens)) AS i, toInt64(sum(output_tokens)) AS o,"
        " toInt64(sum(cache_read_tokens)) AS c, toString(sum(cost)) AS cost"
    )
    sql = f"SELECT {wanted} FROM spans WHERE counted FORMAT JSONEachRow"
    asked = spanpulse("sql", sql, "--data", str(folder / "data"), folder=folder)
    assert asked.code == 0, asked
    stored = json.loads(asked.out)
    trace = sums(TRACE)
    assert stored["i"] > trace.input_tokens > 18_000_000
    assert f"{stored['calls']:,} model calls" in printed.out
    assert line(printed, "tokens") == f"tokens: {stored['i']:,} in ({stored['c']:,} from a cache), {stored['o']:,} out"
    assert line(printed, "cost").startswith(f"cost: ${round(Decimal(stored['cost']), 4)} (")
