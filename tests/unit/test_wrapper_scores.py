"""Scores become events, with what is known of their call; what cannot be one is counted, and never raised."""

import logging
import threading
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from opentelemetry import _logs as otel_logs
from opentelemetry import trace
from opentelemetry._logs import _internal as otel_logs_internal
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

from spanpulse import _log
from spanpulse import _state as states
from spanpulse._context import context
from spanpulse._privacy import Content
from spanpulse._processor import Processor
from spanpulse._recent import MOST, recall, remember
from spanpulse._scores import score
from spanpulse._settings import Settings
from spanpulse._state import State, set_state
from wrapper_scoring import PROVIDER, Scores, own_state

TRACER = PROVIDER.get_tracer("app")
NAME, VALUE, LABEL = (f"gen_ai.evaluation.{each}" for each in ("name", "score.value", "score.label"))
EXPLANATION = "gen_ai.evaluation.explanation"
TRACE_ID, SPAN_ID = 0x0AF7651916CD43DD8448EB211C80319C, 0x00F067AA0BA902B7
CALL = {"gen_ai.request.model": "gpt-5", "gen_ai.response.id": "chatcmpl-1", "gen_ai.prompt.name": "support"}


@pytest.fixture
def scores() -> Iterator[Scores]:
    with own_state() as made:
        yield made


def test_a_score_is_an_event_with_all_that_was_said(scores: Scores) -> None:
    score(
        "faithful",
        0.5,
        label="poor",
        evaluator=("judge", 3),
        response_id="chatcmpl-1",
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
    )
    (record,) = scores.records()
    assert record.event_name == "gen_ai.evaluation.result"
    assert (record.trace_id, record.span_id) == (TRACE_ID.to_bytes(16, "big"), SPAN_ID.to_bytes(8, "big"))
    assert record.time_unix_nano > 1_700_000_000 * 10**9
    assert scores.one() == {
        NAME: "faithful",
        VALUE: 0.5,
        LABEL: "poor",
        "spanpulse.evaluator.name": "judge",
        "spanpulse.evaluator.version": "3",
        "gen_ai.response.id": "chatcmpl-1",
    }


@pytest.mark.parametrize("whose", ["running", "over", "context", "step", "other process"])
def test_a_span_may_be_whatever_an_application_has_of_it(scores: Scores, whose: str) -> None:
    with TRACER.start_as_current_span("chat", attributes=CALL) as inner:
        ids = inner.get_span_context()
    given: dict[str, Any] = {
        "running": TRACER.start_span("chat", attributes=CALL),
        "over": inner,
        "context": ids,
        "step": SimpleNamespace(span=inner, get_span_context=inner.get_span_context),
        "other process": trace.NonRecordingSpan(ids),
    }
    if whose == "running":
        ids = given[whose].get_span_context()
    score("thumbs", 1, span=given[whose])
    (record,) = scores.records()
    assert int.from_bytes(record.trace_id, "big") == ids.trace_id
    assert int.from_bytes(record.span_id, "big") == ids.span_id
    known = whose in {"running", "over", "step"}
    assert scores.one() == {NAME: "thumbs", VALUE: 1.0, **(CALL if known else {})}


def test_what_a_call_is_told_after_it_was_scored_counts(scores: Scores) -> None:
    """A call's model and response id are read in the background, before its score is."""
    span = TRACER.start_span("chat", attributes={"spanpulse.experiment.tone": "warm", "user.id": "ada", "secret": "x"})
    scores.state.background.put(_Telling(span))
    score("thumbs", 0, span=span, response_id="")
    told = {"gen_ai.response.id": "late", "gen_ai.request.model": "m", "spanpulse.experiment.tone": "warm"}
    assert scores.one() == {NAME: "thumbs", VALUE: 0.0, **told}


class _Telling:
    """Tells a span, as the end of a call does."""

    size = 0

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def forget(self) -> None:
        pass

    def finish(self) -> None:
        self._span.set_attributes({"gen_ai.response.id": "late", "gen_ai.request.model": "m"})
        self._span.end()


def test_without_ids_it_is_of_the_current_span_in_its_context(scores: Scores) -> None:
    said = context(user_id="ada", prompt=("support", 3), experiments={"greeting": "b"}, tags={"tier": "gold"})
    with said, TRACER.start_as_current_span("handle") as span:
        score("thumbs", 1)
    (record,) = scores.records()
    assert int.from_bytes(record.span_id, "big") == span.get_span_context().span_id
    told = {"gen_ai.prompt.name": "support", "spanpulse.prompt.version": "3", "spanpulse.experiment.greeting": "b"}
    assert scores.one() == {NAME: "thumbs", VALUE: 1.0, **told}


def test_who_scores_another_call_is_not_taken_for_that_call(scores: Scores) -> None:
    with context(prompt=("judge", 1), experiments={"judge": "a"}), TRACER.start_as_current_span("judging"):
        score("faithful", 1, response_id="chatcmpl-1")
        score("faithful", 1, trace_id=f"{TRACE_ID:032X}")
    first, second = scores.records()
    assert scores.all() == [
        {NAME: "faithful", VALUE: 1.0, "gen_ai.response.id": "chatcmpl-1"},
        {NAME: "faithful", VALUE: 1.0},
    ]
    assert (first.trace_id, first.span_id, second.span_id) == (b"", b"", b"")
    assert int.from_bytes(second.trace_id, "big") == TRACE_ID


def test_outside_of_any_span_a_score_is_sent_and_that_is_said(scores: Scores, caplog: pytest.LogCaptureFixture) -> None:
    score("nightly", 0.9)
    score("nightly", 0.8)
    assert [each[VALUE] for each in scores.all()] == [0.9, 0.8]
    assert [record.message for record in caplog.records if "of no call" in record.message] == [
        "a score is of no call: nothing is traced where it is given, and no id is"
    ]


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        *((1, 1.0), (True, 1.0), (False, 0.0), (-0.5, -0.5), (Decimal("0.25"), 0.25), (Fraction(1, 4), 0.25)),
        *((np.float32(0.5), 0.5), (np.int64(3), 3.0), (np.bool_(True), 1.0)),
    ],
)
def test_a_value_may_be_any_number(scores: Scores, value: Any, sent: float) -> None:
    score("s", value, response_id="r")
    assert scores.one()[VALUE] == sent


@pytest.mark.parametrize(
    "given",
    [{"value": each} for each in (float("nan"), float("inf"), -float("inf"), "1", b"1", 10**400, [1], object(), 1j)]
    + [{}, {"label": ""}, {"label": "x" * 2000}, {"name": ""}, {"name": 7}, {"name": "a\nb"}]
    + [{"value": 1, "response_id": 7}, {"value": 1, "trace_id": "xyz"}, {"value": 1, "trace_id": 0}]
    + [{"value": 1, "trace_id": "0" * 32}, {"value": 1, "trace_id": 1 << 128}, {"value": 1, "span_id": SPAN_ID}]
    + [{"value": 1, "trace_id": TRACE_ID, "span_id": "12"}, {"value": 1, "span": "a span"}]
    + [{"value": 1, "trace_id": "0x" + "1" * 30}, {"value": 1, "trace_id": "\uff11" * 32}],
)
def test_what_can_be_no_score_is_said_once_and_counted(
    scores: Scores, given: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    ids = {"response_id": "r"} if not given.keys() & {"response_id", "trace_id", "span_id", "span"} else {}
    for _ in range(2):
        score(**{"name": "s", **ids, **given})
    score("good", 1, response_id="r")
    assert scores.one()[NAME] == "good"
    assert scores.counts == {"taken": 3, "sent": 1, "dropped": {"invalid_score": 2}, "waiting": 0}
    assert len([record for record in caplog.records if "a score is not sent" in record.message]) == 1


def test_an_explanation_is_masked_in_a_thread_of_ours() -> None:
    threads = set()

    def mask(text: str) -> str:
        threads.add(threading.current_thread().name)
        return text.replace("Ada", "<NAME>")

    with own_state(Content((mask,), longest=20)) as scores:
        score("s", 1, response_id="r", explanation="Ada liked it")
        score("s", 1, response_id="r", explanation="x" * 30)
        assert [each[EXPLANATION] for each in scores.all()] == ["<NAME> liked it", "x" * 20 + "… (30 characters)"]
    assert threads == {"spanpulse"}


@pytest.mark.parametrize("explanation", ["because", 7])
def test_without_content_no_explanation_leaves(scores: Scores, explanation: Any) -> None:
    score("s", 1, response_id="r", explanation=explanation)
    assert scores.one() == {NAME: "s", VALUE: 1.0, "gen_ai.response.id": "r"}


@pytest.mark.parametrize("content", [None, Content()])
def test_a_verdict_is_masked_whether_or_not_content_leaves(content: Content | None) -> None:
    with own_state(content, mask_patterns=(r"EMP-\d+",)) as scores:
        score("s", label="told ada@example.org", response_id="r")
        assert scores.one()[LABEL] == "told <EMAIL>"


def test_an_explanation_there_is_no_room_for_goes_without_its_score() -> None:
    with own_state(Content()) as scores:
        score("s", 1, response_id="r", explanation="x" * (65 << 20))
        assert scores.one() == {NAME: "s", VALUE: 1.0, "gen_ai.response.id": "r"}
        assert scores.state.background.forgotten == 1


@pytest.fixture
def without_exporter() -> Iterator[State]:
    before = states._state
    _log._said.clear()
    yield set_state(State(Settings(), None))
    states._state = before


def test_without_our_exporter_the_application_s_logger_provider_takes_it(
    without_exporter: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
    monkeypatch.setattr(otel_logs_internal, "_LOGGER_PROVIDER", provider)
    assert otel_logs.get_logger_provider() is provider
    with TRACER.start_as_current_span("handle"):
        score("thumbs", 1, trace_id=TRACE_ID, span_id=SPAN_ID, response_id="r")
        assert without_exporter.background.flush(20)
    (found,) = kept.get_finished_logs()
    record = found.log_record
    assert (record.event_name, record.trace_id, record.span_id) == ("gen_ai.evaluation.result", TRACE_ID, SPAN_ID)
    assert dict(record.attributes) == {NAME: "thumbs", VALUE: 1.0, "gen_ai.response.id": "r"}


def test_where_nothing_sends_that_is_said_once(without_exporter: State, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        score("thumbs", 1, response_id="r")
        assert without_exporter.background.flush(20)
    assert [record.levelno for record in caplog.records if "scores go nowhere" in record.message] == [logging.WARNING]


def test_a_disabled_process_does_nothing(without_exporter: State) -> None:
    quiet = set_state(State(Settings(disabled=True), None))
    score("thumbs", float("nan"))
    score("thumbs", 1)
    assert quiet.background._thread is None


def test_a_call_that_ended_here_is_known_by_its_response_id(scores: Scores) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Processor(scores.state, 1.0))
    tracer = provider.get_tracer("app")
    told = {**CALL, "gen_ai.response.id": "chatcmpl-here", "spanpulse.experiment.tone": "warm"}
    with tracer.start_as_current_span("chat", attributes={**told, "user.id": "ada"}):
        pass
    with tracer.start_as_current_span("not a call", attributes={"gen_ai.response.id": "chatcmpl-there"}):
        pass
    score("thumbs", 1, response_id="chatcmpl-here")
    score("thumbs", 1, response_id="chatcmpl-there")
    first, second = scores.all()
    assert first == {NAME: "thumbs", VALUE: 1.0, **told}
    assert second == {NAME: "thumbs", VALUE: 1.0, "gen_ai.response.id": "chatcmpl-there"}


def test_only_the_last_calls_are_known() -> None:
    for number in range(3 * MOST):
        remember({"gen_ai.request.model": "m", "gen_ai.response.id": f"many-{number}"})
    assert [bool(recall(f"many-{number}")) for number in (0, 2 * MOST - 1, 2 * MOST, 3 * MOST - 1)] == [
        *(False, False, True, True)
    ]
