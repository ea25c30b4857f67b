"""The Azure conversation trace through a running process, against an independent count."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from running import Running
from spanpulse_sinks.clickhouse import percentiles
from spanpulse_stream.traffic import Outgoing, Sender, expected_totals, replay
from traffic_costs import Sums, attributes, spans, sums

LEVELS = [0.5, 0.9, 0.95, 0.99]


@dataclass
class Replayed:
    running: Running
    bodies: list[bytes]
    truth: Sums


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    bodies = [body for _, body in replay("conv", until=datetime.now(UTC))]
    with Running(tmp_path_factory.mktemp("azure")) as running:
        report = asyncio.run(Sender(running.otlp).send(Outgoing("traces", body) for body in bodies))
        assert report.acknowledged == len(bodies)
        status = running.drain()
        assert status["completeness"]["unaccounted"] == 0
        yield Replayed(running, bodies, sums(bodies))


def test_tokens_are_exactly_those_of_the_trace(replayed: Replayed) -> None:
    sums_of = "toInt64(sum(input_tokens)) AS i, toInt64(sum(output_tokens)) AS o, toInt64(sum(requests)) AS n"
    expected = {"i": 22_361_870, "o": 4_088_665}
    failed = expected_totals("conv").failed
    from_rollups = replayed.running.sql(f"SELECT {sums_of} FROM rollup_minute")[0]
    assert from_rollups == {**expected, "n": 19_366 + failed}
    of_spans = "toInt64(sum(input_tokens)) AS i, toInt64(sum(output_tokens)) AS o"
    assert replayed.running.sql(f"SELECT {of_spans} FROM spans WHERE counted")[0] == expected


@pytest.mark.parametrize("source", ["rollup_minute", "rollup_user", "(SELECT cost FROM spans WHERE counted)"])
def test_cost_equals_an_independent_computation_to_the_last_digit(replayed: Replayed, source: str) -> None:
    cost = replayed.running.one(f"toString((SELECT sum(cost) FROM {source}))")
    assert Decimal(cost).scaleb(12) == replayed.truth.cost


def test_models_without_a_price_are_listed_and_cost_nothing(replayed: Replayed) -> None:
    rows = replayed.running.sql("SELECT model, toInt64(sum(requests_unpriced)) AS n FROM rollup_minute GROUP BY model")
    assert {row["model"]: row["n"] for row in rows if row["n"]} == dict(replayed.truth.unpriced)
    assert {row["model"] for row in replayed.running.status()["unpriced"]} == set(replayed.truth.unpriced)


def test_percentiles_are_within_a_percent_of_the_exact_ones(replayed: Replayed) -> None:
    exact: dict[str, list[int]] = {}
    for span in spans(replayed.bodies):
        values = attributes(span)
        if "gen_ai.request.model" in values:
            model = values.get("gen_ai.response.model", values["gen_ai.request.model"])
            exact.setdefault(model, []).append(span.end_time_unix_nano - span.start_time_unix_nano)
    found = replayed.running.sql(
        f"SELECT model, {percentiles('latency', LEVELS)} AS latency FROM rollup_minute GROUP BY model"
    )
    assert {row["model"] for row in found} == set(exact)
    for row in found:
        # The smallest value that at least this share of all values does not exceed.
        truth = np.quantile(np.array(exact[row["model"]]), LEVELS, method="inverted_cdf")
        assert np.all(np.abs(np.array(row["latency"]) / truth - 1) <= 0.0101), row["model"]
