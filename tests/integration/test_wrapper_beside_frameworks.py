"""Frameworks over clients that the wrapper watches: what they sent, recorded live, and every call counts once.

Each is there without spans of its own (`alone`), and with them, switched on before the wrapper and behind it. What the
recordings hold beside the bytes is what the provider answered.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp.requests import PROTOBUF
from providers.said import Failure, Said
from running import Running
from wrapper_beside.recording import FRAMEWORKS, Recorded, read, record
from wrapper_beside.truth import Call, hold, made

RECORDED = [each for framework in FRAMEWORKS for each in read(framework)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a pipeline that has taken all recordings."""
    with Running(tmp_path_factory.mktemp("up")) as running:
        with httpx.Client(timeout=60, headers={"content-type": PROTOBUF}) as client:
            for body in (body for each in RECORDED for body in each.exports):
                client.post(f"{running.otlp}/v1/traces", content=body).raise_for_status()
        assert running.drain()["completeness"]["unaccounted"] == 0
        yield running


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda each: each.service)
def test_every_call_counts_once(running: Running, recorded: Recorded) -> None:
    hold(running, recorded.service, calls_of(recorded))


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda each: each.service)
def test_the_wrapper_told_every_call_and_the_framework_its_own(recorded: Recorded) -> None:
    scopes = Counter(scope for scope, _ in spans_of(recorded))
    assert scopes.pop("spanpulse") == len(recorded.calls)
    assert bool(scopes) is not recorded.service.endswith("alone")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_recorded_anew_it_is_of_the_same_shape_and_the_application_gets_the_same(
    tmp_path: Path, framework: str
) -> None:
    known = {each.service: each for each in RECORDED}
    without, *others = record(framework)
    assert without.exports == []
    assert [way for way, said in without.results.items() if said.startswith("raised ")] == ["failing"]
    with Running(tmp_path) as running, httpx.Client(timeout=60, headers={"content-type": PROTOBUF}) as client:
        for each in others:
            assert each.results == without.results
            assert each.calls == known[each.service].calls
            assert Counter(spans_of(each)) == Counter(spans_of(known[each.service]))
            for body in each.exports:
                client.post(f"{running.otlp}/v1/traces", content=body).raise_for_status()
        running.drain()
        for each in others:
            hold(running, each.service, calls_of(each))


def calls_of(recorded: Recorded) -> list[Call]:
    """Return the calls that must be counted."""
    return [call_of(told) for told in recorded.calls]


def call_of(told: dict[str, Any]) -> Call:
    """Return a call as it must be counted."""
    rest = {name: value for name, value in told.items() if name not in {"way", "kind", "provider", "failed"}}
    return made(Failure() if told.get("failed") else Said(**rest), told["provider"], told["kind"])


def spans_of(recorded: Recorded) -> list[tuple[str, str]]:
    """Return scope and name of each span."""
    requests = [ExportTraceServiceRequest.FromString(body) for body in recorded.exports]
    return [
        (scope.scope.name, span.name)
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
