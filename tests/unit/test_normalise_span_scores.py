"""Evaluation results in span events give the same scores as in log records."""

import json
import math
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from making_spans import CHAT, NOW, SECOND, one, pairs, request, span
from normalising import Normalised, as_list, normalised

NAME = "gen_ai.evaluation.name"
VALUE = "gen_ai.evaluation.score.value"


def result(time: int = NOW - SECOND, **attributes: Any) -> Span.Event:
    said = {key.replace("__", "."): value for key, value in attributes.items()}
    return Span.Event(name="gen_ai.evaluation.result", time_unix_nano=time, attributes=pairs(said))


def scores(got: Normalised, *names: str) -> list[tuple[object, ...]]:
    assert got.columns.scores is not None
    return list(zip(*[as_list(getattr(got.columns.scores, name)) for name in names], strict=True))


def test_a_score_has_what_the_event_says_and_else_what_its_span_says() -> None:
    said: dict[str, Any] = {NAME: "relevance", VALUE: 0.9, "gen_ai.evaluation.score.label": "good", "why": [1]}
    said["gen_ai.evaluation.explanation"] = "because"
    own = CHAT | {"gen_ai.response.id": "r", "gen_ai.prompt.name": "p", "gen_ai.prompt.version": "3"}
    body = request(span({}), span(own, events=[result(**said)], span_id=b"abcdefgh"), resource={"service.name": "s"})
    got = normalised([body])
    assert scores(got, "record", "time", "name", "value", "label", "explanation") == [
        (1, NOW - SECOND, "relevance", 0.9, "good", "because")
    ]
    assert scores(got, "response_id", "request_model", "prompt_name", "prompt_version", "service_name") == [
        ("r", "gpt-5", "p", "3", "s")
    ]
    assert scores(got, "evaluator", "evaluator_version", "attributes") == [("app", "1.2", [("why", "[1]")])]
    assert scores(got, "span_id", "trace_id") == [(int.from_bytes(b"abcdefgh"), [0, 1])]
    assert got.column("anomalies") == [[], []]
    assert [json.loads(str(events))[0]["name"] for events in got.column("events")[1:]] == ["gen_ai.evaluation.result"]


def test_what_the_event_says_goes_first() -> None:
    said = {NAME: "q", "spanpulse.evaluator.name": "judge", "gen_ai.response.id": "other", "gen_ai.request.model": "m"}
    said["spanpulse.experiment.tone"] = "warm"
    own = {"gen_ai.response.id": "r", "spanpulse.experiment.tone": "cold", "spanpulse.experiment.size": "s"}
    got = one(CHAT | own, events=[result(**said), result(**{NAME: "q2", VALUE: "0.5"})])
    assert scores(got, "name", "evaluator", "response_id", "request_model", "value") == [
        ("q", "judge", "other", "m", None),
        ("q2", "app", "r", "gpt-5", 0.5),
    ]
    assert [dict(row) for (row,) in scores(got, "experiments")] == [  # type: ignore[call-overload]
        {"tone": "warm", "size": "s"},
        {"tone": "cold", "size": "s"},
    ]
    assert scores(got, "attributes") == [([],), ([],)]


@pytest.mark.parametrize(("value", "read"), [(1, 1.0), (True, 1.0), ("x", None), (math.nan, None), ([1], None)])
def test_a_value_that_is_no_number_is_null(value: Any, read: float | None) -> None:
    assert scores(one(CHAT, events=[result(**{NAME: "q", VALUE: value})]), "value") == [(read,)]


@pytest.mark.parametrize("time", [0, 5, NOW + 25 * 3600 * SECOND, 2**64 - 1])
def test_a_time_that_is_none_is_that_of_the_spans_end(time: int) -> None:
    assert scores(one(CHAT, events=[result(time, **{NAME: "q"})]), "time") == [(NOW - SECOND,)]


def test_a_result_without_a_name_is_noted() -> None:
    got = one(CHAT, events=[result(**{VALUE: 0.5})])
    assert (got.columns.scores, got.one("anomalies")) == (None, ["missing_evaluation_name"])
    assert one(CHAT).columns.scores is None
