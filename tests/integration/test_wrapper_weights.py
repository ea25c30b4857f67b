"""Sampled traces before a real `spanpulse up`: what is observed is exact, and what is weighted is right on average.

The bounds are five standard deviations, which one run in a million and a half goes beyond. A trace that is kept with
probability r weighs w, of mean 1 / r: its part of a sum has the variance r E[w^2] - 1, times the square of the value.
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from maintaining import operate
from running import Running
from wrapper_sampled_child import tokens_of
from wrapper_stored import PRICES, price_file

CHILD = Path(__file__).parents[1] / "wrapper_sampled_child.py"
TRACES = 10_000
SIGMAS = 5
MEGA = 10**6
SAMPLED = 1  # of the flags of a trace
VARIANCE = {"0.25": 3.0, "0.3": 0.3 * (9 * 2 / 3 + 16 / 3) - 1}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    prices = tmp_path / "prices.yaml"
    prices.write_text(price_file())
    with Running(tmp_path, {"SPANPULSE_PRICES": str(prices)}) as running:
        yield running


def child(running: Running, *words: str, given: str = "", **environ: str) -> str:
    """Run a service to its end; return what it prints."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("SPANPULSE_", "OTEL_"))}
    command = [sys.executable, str(CHILD), words[0], running.otlp, *words[1:]]
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, env={**bare, **environ}, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def cost_of(place: int) -> Decimal:
    """Return the USD of a call."""
    given, answered = tokens_of(place)
    return (given * Decimal(PRICES["gpt-x"]["input"]) + answered * Decimal(PRICES["gpt-x"]["output"])) / MEGA


def is_near(found: float, values: list[float], variance: float) -> bool:
    """Tell whether an estimate is as near to the sum of all values as chance allows."""
    return abs(found - sum(values)) <= SIGMAS * math.sqrt(variance * sum(value * value for value in values))


@pytest.mark.slow
@pytest.mark.parametrize("ratio", VARIANCE)
def test_weighted_sums_of_a_sampled_application_are_those_of_the_whole(running: Running, ratio: str) -> None:
    sampler = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": ratio}
    passed = child(running, "front", str(TRACES), **sampler)
    child(running, "back", given=passed)  # which knows of sampling by what it is passed alone
    assert running.drain()["completeness"]["unaccounted"] == 0
    kept = [place for place, headers in enumerate(json.loads(passed)) if int(headers["traceparent"][-2:], 16) & SAMPLED]
    costs = [cost_of(place) for place in range(TRACES)]

    for table in ("rollup_minute", "rollup_quarter"):
        (row,) = running.sql(
            "SELECT sum(r.requests) AS observed, sum(r.weighted_requests) AS requests,"
            " sum(r.weighted_input_tokens) AS input, sum(r.weighted_output_tokens) AS output,"
            f" toString(sum(r.cost)) AS cost, toString(sum(r.weighted_cost)) AS weighted FROM {table} AS r"
        )
        assert (int(row["observed"]), Decimal(row["cost"])) == (len(kept), sum(costs[place] for place in kept)), table
        if ratio == "0.25":
            assert (int(row["requests"]), Decimal(row["weighted"])) == (4 * len(kept), 4 * Decimal(row["cost"])), table
        whole = {
            "requests": [1.0] * TRACES,
            "input": [float(tokens_of(place)[0]) for place in range(TRACES)],
            "output": [float(tokens_of(place)[1]) for place in range(TRACES)],
            "weighted": list(map(float, costs)),
        }
        for name, values in whole.items():
            assert is_near(float(row[name]), values, VARIANCE[ratio]), (table, name, row[name], sum(values))

    weights = running.sql(
        "SELECT weight, uniqExact(service_name) AS services FROM spans GROUP BY weight ORDER BY weight"
    )
    assert [(int(row["weight"]), int(row["services"])) for row in weights] == (
        [(4, 2)] if ratio == "0.25" else [(3, 2), (4, 2)]
    )
    assert running.one("uniqExact(trace_id) = uniqExact(trace_id, weight) FROM spans"), "one weight a trace"
    spans = running.sql("SELECT sum(spans) AS n, sum(weighted_spans) AS w FROM rollup_service GROUP BY service_name")
    assert [int(row["n"]) for row in spans] == [len(kept)] * 2
    assert all(is_near(float(row["w"]), [1.0] * TRACES, VARIANCE[ratio]) for row in spans)
    assert operate(running, "audit", {})["findings"] == []
