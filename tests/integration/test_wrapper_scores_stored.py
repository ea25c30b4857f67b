"""Scores of an instrumented application in the tables: told at once with their call, or later by another process."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from maintaining import operate
from running import Running

CHILD = Path(__file__).parents[1] / "wrapper_scores_child.py"
PAGE = Path(__file__).parents[2] / "docs/instrument.md"
CALLS = 24
Truth = dict[tuple[Any, ...], list[float]]


def child(running: Running, what: str, *arguments: str, given: Any = None) -> str:
    """Run an instrumented process to its end; it sends what it has left when it ends, by itself."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("SPANPULSE_", "OTEL_"))}
    command = [sys.executable, str(CHILD), what, running.otlp, *arguments]
    done = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, env=bare, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def means(truth: Truth) -> dict[tuple[Any, ...], tuple[int, float, float]]:
    """Return count, mean and share above 0 of each group."""
    return {key: (len(v), sum(v) / len(v), sum(one > 0 for one in v) / len(v)) for key, v in truth.items()}


def grouped(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], tuple[int, float, float]]:
    """Return the same of rows of a query: the groups, then the three."""
    found = (tuple(row.values()) for row in rows)
    return {row[:-3]: (int(row[-3]), pytest.approx(row[-2]), pytest.approx(row[-1])) for row in found}


def test_scores_count_by_model_prompt_and_variant_whenever_they_come(tmp_path: Path) -> None:
    with Running(tmp_path) as running:
        calls = json.loads(child(running, "calls", str(CALLS)))
        thumbs = [
            [("response", "trace")[number % 2], call[number % 2], (1, 0, -1, 1, 1)[number % 5]]
            for number, call in enumerate(calls)
        ]
        child(running, "feedback", given=thumbs)
        assert running.drain()["completeness"]["unaccounted"] == 0

        at_once, by_variant = defaultdict(list), defaultdict(list)
        for number, (_, _, model, version, variant) in enumerate(calls):
            if number % 2:
                at_once[model, version].append(number % 3 - 1)
                by_variant[variant,].append(number % 3 - 1)
        sums = "sum(scores), sum(value_sum) / sum(with_value), sum(positive) / sum(with_value)"
        told = running.sql(
            f"SELECT model, prompt_version, {sums} FROM rollup_score WHERE name = 'helpful' GROUP BY ALL"
        )
        assert grouped(told) == means(at_once)
        shown = "variant, sum(scores) AS n, sum(mean_value * with_value) / sum(with_value), sum(positive) / n"
        told = running.sql(f"SELECT {shown} FROM scores_by_experiment WHERE name = 'helpful' GROUP BY variant")
        assert grouped(told) == means(by_variant)
        masked = running.sql("SELECT DISTINCT explanation, evaluator FROM scores WHERE name = 'helpful'")
        assert masked == [{"explanation": "<EMAIL> said so", "evaluator": "spanpulse"}]

        later: Truth = defaultdict(list)
        for (_, _, value), (_, _, model, version, variant) in zip(thumbs, calls, strict=True):
            later[model, "support", version, variant].append(value)
        told = running.sql(
            "SELECT model, prompt_name, prompt_version, experiments['greeting'], count() AS n, avg(value) AS mean,"
            " countIf(value > 0) / count(value) AS rate FROM scores_by_call(since = now() - 3600, until = now() + 60)"
            " WHERE name = 'thumbs' AND evaluator = 'person' GROUP BY ALL"
        )
        assert grouped(told) == means(later)
        (query,) = re.findall("```sql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        told = [row for row in running.sql(query) if row["name"] == "thumbs"]
        assert {(row["model"], row["prompt_version"]) for row in told} == {(key[0], key[2]) for key in later}
        assert sum(int(row["scores"]) for row in told) == CALLS
        assert all(0 < row["positive_rate"] <= 1 for row in told)
        sources = running.one("uniqExact(log_source) FROM span_rows"), running.one("uniqExact(log_source) FROM scores")
        assert min(map(int, sources)) >= 1
        report = operate(running, "audit", {})
        assert (report["whole"], report["findings"]) == (True, [])
