"""The API against its own OpenAPI document: requests made from it, hostile ones among them, at a real process."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from otlp.requests import PROTOBUF
from running import Running
from spanpulse_stream.traffic import corpus_requests

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DOCUMENT = "/api/v1/openapi.json"
SOME = settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("openapi")) as process:
        with httpx.Client(headers={"content-type": PROTOBUF}, timeout=60) as client:
            for signal, body in corpus_requests(datetime.now(UTC)):
                client.post(f"{process.otlp}/v1/{signal}", content=body).raise_for_status()
        process.drain()
        yield process


@pytest.fixture(scope="module")
def document(running: Running) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{running.web}{DOCUMENT}")


def test_every_answer_is_as_the_document_says(document: schemathesis.BaseSchema) -> None:
    asked = 0
    for found in document.get_all_operations():
        operation = found.ok()
        asked += 1

        @SOME
        @given(case=operation.as_strategy())
        def check(case: Case) -> None:
            case.call_and_validate(checks=CHECKS, timeout=30)

        check()
    assert asked >= 12


HOSTILE = [
    "'",
    '"',
    "\\",
    "\x00",
    "%00",
    "{x}",
    "{model:String}",
    "'; DROP TABLE span_rows --",
    "<script>",
    "\u202e",
    "𝄞" * 200,
]


@pytest.mark.parametrize("path", ["overview", "breakdown", "facets", "unpriced", "events", "live", "traces"])
def test_hostile_values_are_values(running: Running, path: str) -> None:
    with httpx.Client(base_url=f"{running.web}/api/v1/", timeout=30) as client:
        for value in HOSTILE:
            answer = client.get(path, params=dict.fromkeys(("model", "tenant", "prompt_version"), value))
            assert answer.status_code == 200, (value, answer.text)
        for value in HOSTILE[:4]:
            answer = client.get(path, params={"user": value})
            assert answer.status_code == 200, (value, answer.text)
        for name in ("range", "from", "compare", "x' OR 1"):
            for value in HOSTILE:
                answer = client.get(path, params={name: value})
                assert answer.status_code == 422, (name, value, answer.text)
                assert answer.json()["detail"]


@pytest.mark.parametrize(
    "after", ["x", "W10", "WzEsMl0", "W251bGwsImEiLCJiIl0", "WzFlOTk5LCJhIiwiIl0", "=" * 50, "é", "a" * 7000]
)
def test_a_damaged_cursor_is_said(running: Running, after: str) -> None:
    answer = httpx.get(f"{running.web}/api/v1/breakdown", params={"after": after}, timeout=60)
    assert answer.status_code == 422
    assert answer.json()["parameter"] == "after"


TRACE = "a" * 32
FORGED = (
    *("999999999999999", "1795305000000~1.5~" + TRACE, f"1795305000000~9999999999999999999.999999999999~{TRACE}"),
    *(f"1795305000000~{2**63}~{TRACE}", f"1795305000000~{2**63 - 1}~{TRACE}", f"1795305000000~{'9' * 26}~{TRACE}"),
    *("946684800000", "4102444799999", "4102444800000", "000000000000", "9" * 19, "4102444800000000000"),
)


@pytest.mark.parametrize("order", ["newest", "slowest", "failed", "dearest"])
def test_a_forged_cursor_is_answered(running: Running, order: str) -> None:
    with httpx.Client(base_url=running.web, timeout=30) as client:
        for cursor in FORGED:
            for path in ("/traces", "/api/v1/traces"):
                answer = client.get(path, params={"order": order, "cursor": cursor})
                assert answer.status_code in {200, 422}, (path, cursor, answer.text)


def test_a_forged_cursor_of_a_search_is_answered(running: Running) -> None:
    with httpx.Client(base_url=running.web, timeout=30) as client:
        for cursor in FORGED:
            for path in ("/traces", "/api/v1/traces/search"):
                answer = client.get(path, params={"q": "text:x'", "cursor": cursor})
                assert answer.status_code in {200, 422}, (path, cursor, answer.text)


def test_the_process_has_lost_nothing(running: Running, tmp_path: Path) -> None:
    counts = running.status()["completeness"]
    assert counts["unaccounted"] == 0
    assert running.one("count() FROM span_rows") > 0
    assert "Traceback" not in running.output, running.output[-3000:]
