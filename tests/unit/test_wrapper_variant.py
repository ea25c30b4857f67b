"""`spanpulse.variant`: what it returns, what it marks, and what it tells of whom."""

import logging
import threading
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult

from assignment_vectors import APPLICATION
from spanpulse import _log
from spanpulse import _state as states
from spanpulse._context import attributes_of, context
from spanpulse._experiments import _exposures, _variant, variant
from spanpulse._experiments._exposures import Seen
from spanpulse._settings import Settings
from spanpulse._state import State, set_state
from wrapper_scoring import Scores, own_state

TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("app")
WEIGHTS = {"b": 10, "a": 90}
USERS = [f"user-{number}" for number in range(40)]
EXPERIMENT = "spanpulse.experiment.greeting"
EVENT = "feature_flag.evaluation"


@pytest.fixture
def sent() -> Iterator[Scores]:
    """Events that leave the process."""
    with own_state() as made:
        yield made


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = states._state
    _log._said.clear()
    monkeypatch.setattr(_variant, "_seen", None)
    set_state(State(Settings(exporter="none"), None))
    yield
    states._state = before


def told(user: str, variant: str) -> dict[str, str]:
    return {
        "feature_flag.key": "greeting",
        "feature_flag.result.variant": variant,
        "feature_flag.result.reason": "split",
        "feature_flag.provider.name": "spanpulse",
        "feature_flag.context.id": str(APPLICATION.hashes([user])[0]),
    }


def test_a_user_gets_what_the_page_says_whatever_the_order_of_weights() -> None:
    expected = APPLICATION.variants("greeting", USERS, WEIGHTS)
    assert {*expected} == {"a", "b"}
    assert [variant("greeting", user, WEIGHTS) for user in USERS] == expected
    assert [variant("greeting", user, dict(reversed(WEIGHTS.items()))) for user in USERS] == expected
    assert [variant("greeting", user, {"a": Decimal("0.9"), "b": 0.1}) for user in USERS] == expected


def test_another_salt_assigns_anew() -> None:
    expected = APPLICATION.variants("greeting-2", USERS, {"a": 50, "b": 50})
    assert [variant("greeting", user, {"a": 1, "b": 1}, salt="greeting-2") for user in USERS] == expected
    assert expected != APPLICATION.variants("greeting", USERS, {"a": 50, "b": 50})
    assert [variant("greeting", user, {"a": 1, "b": 1}, salt="") for user in USERS] == APPLICATION.variants(
        "greeting", USERS, {"a": 1, "b": 1}
    )


def test_integers_and_uuids_are_users() -> None:
    each = uuid.UUID(int=2**64 + 17)
    for user in (42, -7, 2**70, each):
        assert variant("greeting", user, WEIGHTS) == variant("greeting", str(user), WEIGHTS)


@pytest.mark.parametrize("user", [None, "", True, 4.2, b"u-1", ["u-1"], object()])
def test_who_is_no_user_gets_the_first_variant_and_is_not_told(sent: Scores, user: Any) -> None:
    with context(user_id="u"):
        assert variant("greeting", user, {"b": 1, "a": 99}) == "b"
        assert not attributes_of().keys() & {EXPERIMENT}
    assert sent.records() == []


def test_a_wrong_kind_of_user_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        variant("greeting", True, WEIGHTS)
    variant("greeting", None, WEIGHTS)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "bool" in caplog.text


@pytest.mark.parametrize(
    "weights",
    [{"b": -1, "a": 2}, {"b": "1", "a": 1}, {"b": float("nan"), "a": 1}, {"b": [], "a": 1}, {"b": 2**40}, ["b", "a"]],
)
def test_weights_that_cannot_be_used_give_everybody_the_first_variant(
    sent: Scores, caplog: pytest.LogCaptureFixture, weights: Any
) -> None:
    assert {variant("greeting", user, weights) for user in USERS} == {"b"}
    assert sent.records() == []
    (record,) = caplog.records
    assert "'greeting'" in record.message


@pytest.mark.parametrize("name", ["", "\ud800", None, 7, ["x"]])
def test_a_name_that_is_none_gives_everybody_the_first_variant(sent: Scores, name: Any) -> None:
    assert {variant(name, user, WEIGHTS) for user in USERS} == {"b"}
    assert sent.records() == []


def test_zero_weights_assign_nobody(sent: Scores) -> None:
    assert {variant("greeting", user, {"b": 0, "a": 0.0}) for user in USERS} == {"b"}
    assert {variant("greeting", user, {"b": 0, "a": 1}) for user in USERS} == {"a"}
    assert {each["feature_flag.result.variant"] for each in sent.all()} == {"a"}


@pytest.mark.parametrize("weights", [{}, [], None, 5])
def test_it_raises_only_where_there_is_nothing_to_return(weights: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        variant("greeting", "u-1", weights)


def test_an_exposure_is_an_event_told_once_for_each_user_and_variant(sent: Scores) -> None:
    for _ in range(3):
        for user in USERS:
            variant("greeting", user, WEIGHTS)
    expected = zip(USERS, APPLICATION.variants("greeting", USERS, WEIGHTS), strict=True)
    assert sent.all() == [told(user, str(found)) for user, found in expected]
    assert {record.event_name for record in sent.records()} == {EVENT}
    moved = next(user for user in USERS if variant("greeting", user, WEIGHTS) == "a")
    assert variant("greeting", moved, {"a": 0, "b": 1}) == "b"
    assert sent.all()[-1] == told(moved, "b")
    assert variant("style", moved, {"a": 1})
    assert len(sent.all()) == len(USERS) + 2


def test_an_exposure_is_on_the_current_span_if_that_is_kept(sent: Scores) -> None:
    with TRACER.start_as_current_span("request") as span:
        found = variant("greeting", "u-1", WEIGHTS)
        variant("greeting", "u-1", WEIGHTS)
    assert isinstance(span, ReadableSpan)
    (event,) = span.events
    assert (event.name, event.attributes) == (EVENT, told("u-1", found))
    assert sent.records() == []


class RecordOnly(Sampler):
    """Has spans recorded, which are not exported."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        return SamplingResult(Decision.RECORD_ONLY)

    def get_description(self) -> str:
        return "record only"


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, RecordOnly()])
def test_an_exposure_in_a_trace_that_is_not_kept_is_told_all_the_same(sent: Scores, sampler: Sampler) -> None:
    off = TracerProvider(sampler=sampler, shutdown_on_exit=False).get_tracer("app")
    with off.start_as_current_span("request") as span:
        found = variant("greeting", "u-1", WEIGHTS)
    (record,) = sent.records()
    assert sent.one() == told("u-1", found)
    assert int.from_bytes(record.trace_id, "big") == span.get_span_context().trace_id


def test_a_span_around_many_users_keeps_its_own_events(sent: Scores) -> None:
    users = [f"user-{number}" for number in range(200)]
    with TRACER.start_as_current_span("batch") as span:
        span.add_event("mine")
        for user in users:
            variant("greeting", user, WEIGHTS)
    assert isinstance(span, ReadableSpan)
    assert [event.name for event in span.events] == ["mine"] + [EVENT] * (_exposures.MOST_ON_A_SPAN - 1)
    assert len(sent.all()) == len(users) - _exposures.MOST_ON_A_SPAN + 1


def test_what_follows_in_the_context_is_marked_until_it_ends() -> None:
    with context(user_id="u-1"), TRACER.start_as_current_span("before") as before:
        with context(tags={"plan": "free"}):
            found = variant("greeting", "u-1", WEIGHTS)
            assert attributes_of()[EXPERIMENT] == found
        assert EXPERIMENT not in attributes_of()
    assert isinstance(before, ReadableSpan)
    assert (before.attributes or {})[EXPERIMENT] == found


def test_a_span_of_others_within_the_context_takes_the_mark_with_it() -> None:
    with context(user_id="u-1"):
        with TRACER.start_as_current_span("request"):
            found = variant("greeting", "u-1", WEIGHTS)
            assert attributes_of()[EXPERIMENT] == found
        assert EXPERIMENT not in attributes_of()
        variant("greeting", "u-1", WEIGHTS)
        assert attributes_of()[EXPERIMENT] == found


def test_a_variant_replaces_the_one_before() -> None:
    with context(experiments={"greeting": "z"}), TRACER.start_as_current_span("request") as span:
        for weights in ({"a": 1}, {"b": 1}, {"b": 1}):
            found = variant("greeting", "u-1", weights)
            assert attributes_of()[EXPERIMENT] == found
            assert isinstance(span, ReadableSpan)
            assert (span.attributes or {})[EXPERIMENT] == found


def test_a_span_that_began_within_an_outer_one_is_marked_too() -> None:
    with context(user_id="u-1"):
        variant("greeting", "u-1", WEIGHTS)
        with TRACER.start_as_current_span("bare") as span:  # nothing puts the context on spans here
            found = variant("greeting", "u-1", WEIGHTS)
    assert isinstance(span, ReadableSpan)
    assert (span.attributes or {})[EXPERIMENT] == found


def test_outside_of_any_context_nothing_stays_marked_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    variant("greeting", "u-1", WEIGHTS)
    assert EXPERIMENT not in attributes_of()
    assert sum("spanpulse.context" in record.message for record in caplog.records) == 1


def test_disabled_assigns_and_tells_nothing() -> None:
    with own_state(disabled=True) as made, TRACER.start_as_current_span("request") as span, context(user_id="u"):
        found = [variant("greeting", user, WEIGHTS) for user in USERS]
        assert found == APPLICATION.variants("greeting", USERS, WEIGHTS)
        assert EXPERIMENT not in attributes_of()
    assert isinstance(span, ReadableSpan)
    assert not span.events
    assert not span.attributes
    assert made.records() == []


def test_another_state_is_told_again(sent: Scores) -> None:
    variant("greeting", "u-1", WEIGHTS)
    assert len(sent.records()) == 1
    with own_state() as other:
        variant("greeting", "u-1", WEIGHTS)
        assert len(other.records()) == 1


def test_nobody_who_is_remembered_is_told_again_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(states.state())
    size = len(seen._hashes)
    assert size * 8 <= 1 << 20
    numbers = range(size // 4)
    assert sum(seen.is_new(number * 7919) for number in numbers) == len(numbers)
    again = sum(seen.is_new(number * 7919) for number in numbers)
    assert again < len(numbers) // 100
    for number in range(size):
        seen.is_new(("other", number))
    assert len(seen._hashes) == size
    monkeypatch.setattr(_exposures, "SETS", 1)
    small = Seen(states.state())
    assert [small.is_new(each) for each in (1, 2, 3, 4, 1, 5, 1, 2)] == [True] * 4 + [False, True, False, True]


def test_threads_give_the_same_and_tell_each_at_least_once(sent: Scores) -> None:
    expected, found = APPLICATION.variants("greeting", USERS, WEIGHTS), []

    def run() -> None:
        found.append([variant("greeting", user, WEIGHTS) for user in USERS])

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 6
    assert {each["feature_flag.context.id"] for each in sent.all()} == set(APPLICATION.hashes(USERS))


def test_a_span_that_fails_changes_nobodys_variant() -> None:
    class Odd(trace.NonRecordingSpan):
        def is_recording(self) -> bool:
            raise RuntimeError

    with context(user_id="u"), trace.use_span(Odd(trace.INVALID_SPAN_CONTEXT)):
        assert variant("greeting", "u-1", {"b": 0, "a": 1}) == "a"
