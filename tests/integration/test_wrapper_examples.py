"""The programs of docs/examples: each runs as it stands, and what it does arrives."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.said import Said
from providers.server import Providers
from running import Running

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
EXPECTED: dict[str, dict[str, int]] = {
    "first_span.py": {"chat": 1},
    "chat_server.py": {"chat": 3},
    "retrieval.py": {"chat": 1, "retrieval": 1, "execute_tool": 1, "invoke_agent": 1},
    "experiment.py": {"chat": 20},
    "guarded.py": {"chat": 1},
    "several_clients.py": {"chat": 2, "generate_content": 1},
    "own_opentelemetry.py": {"chat": 1},
}
"""Spans by operation; others are not counted."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("examples")) as started:
        yield started


@pytest.fixture(scope="module")
def ran(running: Running) -> dict[str, str]:
    """Run all of them; return what each printed."""
    with Providers() as providers:
        printed = {name: run(EXAMPLES / name, providers, running) for name in EXPECTED}
    running.drain()
    return printed


def run(example: Path, providers: Providers, running: Running) -> str:
    """Run an example against the imitated providers, and return what it printed."""
    address = providers.answers(example.stem, Said(input=40, output=11))
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("SPANPULSE_", "OTEL_"))}
    given = {
        "OPENAI_API_KEY": "key",
        "OPENAI_BASE_URL": f"{address}/v1",
        "ANTHROPIC_API_KEY": "key",
        "ANTHROPIC_BASE_URL": address,
        "GEMINI_API_KEY": "key",
        "GOOGLE_GEMINI_BASE_URL": address,
        "SPANPULSE_ENDPOINT": running.otlp,
    }
    done = subprocess.run(
        [sys.executable, str(example)], env=bare | given, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "spanpulse" not in done.stderr, done.stderr
    return done.stdout


def test_every_example_is_listed() -> None:
    programs = {file.name for file in EXAMPLES.glob("*.py")}
    assert programs == set(EXPECTED)
    page = (EXAMPLES / "README.md").read_text("utf-8")
    assert all(f"[{name}]({name})" in page for name in programs)


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_prints_and_its_spans_are_stored(name: str, ran: dict[str, str], running: Running) -> None:
    assert "Paris" in ran[name] or name == "experiment.py"
    service = name.removesuffix(".py").replace("_", "-")
    stored = operations(running, service)
    assert {operation: stored.get(operation, 0) for operation in EXPECTED[name]} == EXPECTED[name]
    tokens = f"countIf(input_tokens = 40 AND output_tokens = 11) FROM span_rows WHERE service_name = '{service}'"
    models = sum(EXPECTED[name].get(operation, 0) for operation in ("chat", "generate_content"))
    assert int(running.one(tokens)) == models


def operations(running: Running, service: str) -> dict[str, int]:
    """Return how many spans of a service are stored, by operation."""
    told: list[dict[str, Any]] = running.sql(
        f"SELECT operation, count() AS n FROM span_rows WHERE service_name = '{service}' GROUP BY operation"
    )
    return {row["operation"]: int(row["n"]) for row in told}


def test_users_prompts_experiments_and_scores_arrive_with_them(ran: dict[str, str], running: Running) -> None:
    assert ran
    users = "uniqExact(user_id) FROM span_rows WHERE service_name = 'chat-server' AND prompt_version = '3'"
    assert int(running.one(users)) == 3
    variants = "arraySort(groupUniqArray(experiments['greeting'])) FROM span_rows WHERE service_name = 'experiment'"
    assert set(running.one(variants)) <= {"brief", "friendly"}
    assert int(running.one("count() FROM scores WHERE name = 'grounded' AND service_name = 'retrieval'")) == 1
    assert int(running.one("count() FROM scores WHERE name = 'thumbs' AND service_name = 'experiment'")) == 1
