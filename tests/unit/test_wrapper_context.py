"""What an application says of its work is on its spans, in its bounds, and nothing that it says wrongly breaks it."""

import gc
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context, attach, detach, get_current

from spanpulse import _log
from spanpulse._context import Scope, add_experiment, attributes_of, context
from spanpulse._context._baggage import MOST_BYTES
from spanpulse._steps import span
from wrapper_recorded import Recorded, recorded


@pytest.fixture
def found() -> Iterator[Recorded]:
    with recorded() as provider:
        yield provider


@pytest.fixture(autouse=True)
def _said_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_log, "_said", set())


def test_the_names_are_those_that_the_stream_reads(found: Recorded) -> None:
    whole = context(
        user_id=UUID(int=1),
        session_id=7,
        prompt=("support", 3),
        experiments={"greeting": "b"},
        tags={"new": True, "x": 0.5},
    )
    with whole, found.tracer.start_as_current_span("of anybody"):
        pass
    assert found.said("of anybody") == {
        "user.id": "00000000-0000-0000-0000-000000000001",
        "session.id": "7",
        "gen_ai.prompt.name": "support",
        "spanpulse.prompt.version": "3",
        "spanpulse.experiment.greeting": "b",
        "spanpulse.tag.new": "true",
        "spanpulse.tag.x": "0.5",
    }
    assert not attributes_of()


@pytest.mark.parametrize(
    "said",
    [
        {"user_id": object()},
        {"user_id": ["a"]},
        {"user_id": "x" * 1_025},
        {"user_id": "ö" * 513},
        {"user_id": "a\nb"},
        {"user_id": "\ud800"},
        {"session_id": float("nan")},
        {"prompt": ("a", "b", "c")},
        {"experiments": ["greeting"]},
        {"experiments": {1: "a"}},
        {"tags": {"x" * 129: "a"}},
        {"tags": {"": "a"}},
        {"tags": {"a": {}}},
    ],
)
def test_what_cannot_be_is_left_out_and_said_once(said: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        with context(**said):
            assert not attributes_of()
    assert len(caplog.records) == 1
    assert "xxx" not in caplog.text


def test_there_are_never_too_many(caplog: pytest.LogCaptureFixture) -> None:
    many = {str(number): "a" for number in range(50)}
    with context(user_id="a", tags=many), context(experiments=many):
        assert len(attributes_of()) == 64
        assert attributes_of()["user.id"] == "a"
    assert len(caplog.records) == 1


def test_nothing_said_is_nothing() -> None:
    with context(user_id=None, session_id="", tags={}):
        assert not attributes_of()


def test_one_object_may_be_entered_often() -> None:
    one = context(user_id="a")
    with one, one:
        with context(user_id="b"), one:
            assert attributes_of() == {"user.id": "a"}
        assert attributes_of() == {"user.id": "a"}
    assert not attributes_of()


def test_a_generator_that_is_closed_elsewhere_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def steps() -> Iterator[int]:
        with context(user_id="a"), span("step"):
            yield 1
            yield 2

    with recorded() as found, ThreadPoolExecutor(1) as pool:
        generator = pool.submit(steps).result()
        assert pool.submit(next, generator).result() == 1
        with context(user_id="mine"):
            generator.close()
            assert attributes_of() == {"user.id": "mine"}
        with context(user_id="mine"):
            other = steps()
            del other
            assert attributes_of() == {"user.id": "mine"}
        assert found.said("step") == {"user.id": "a"}
    assert not caplog.records


def test_a_block_heals_what_generators_within_it_left(caplog: pytest.LogCaptureFixture) -> None:
    def steps(name: str) -> Iterator[int]:
        with context(user_id=name):
            yield 1

    before = get_current()
    with context(tags={"a": "b"}):
        one, two = steps("one"), steps("two")
        next(one)
        next(two)
        one.close()
        two.close()
    assert get_current() is before
    with context(tags={"a": "b"}):
        one = steps("one")
        next(one)
    assert get_current() is before
    one.close()
    assert get_current() is before
    assert not caplog.records


def test_work_that_begins_itself_anew_does_not_hold_all_that_was() -> None:
    def scopes() -> int:
        gc.collect()
        return sum(isinstance(each, Scope) for each in gc.get_objects())

    before, held = scopes(), Context()
    for number in range(100):
        outside = attach(held)
        with context(user_id=number):
            add_experiment("greeting", str(number))
            held = get_current()
        detach(outside)
    assert scopes() - before <= 3
    assert attributes_of(held) == {"user.id": "99", "spanpulse.experiment.greeting": "99"}


def test_an_experiment_holds_until_the_context_around_is_left(found: Recorded) -> None:
    with context(user_id="a"):
        with span("chooses"):
            assert add_experiment("greeting", "b")
        with found.tracer.start_as_current_span("calls"):
            add_experiment("greeting", "c")
            add_experiment("other", "d")
        with span("later"):
            pass
    with span("after"):
        pass
    assert found.said("chooses") == {"user.id": "a", "spanpulse.experiment.greeting": "b"}
    assert found.said("calls")["spanpulse.experiment.greeting"] == "c"
    assert found.said("later") == {"user.id": "a", "spanpulse.experiment.greeting": "b"}
    assert found.said("after") == {}


def test_experiments_do_not_pile_up() -> None:
    with recorded(), context(user_id="a"):
        for number in range(100):
            add_experiment("greeting", str(number % 2))
        gc.collect()
        found = [each for each in gc.get_objects() if isinstance(each, Scope) and each.attributes.get("user.id") == "a"]
        assert len(found) <= 2


def test_an_experiment_without_a_context_is_on_the_current_span_alone(found: Recorded) -> None:
    with found.tracer.start_as_current_span("one"):
        assert not add_experiment("greeting", "b")
    with found.tracer.start_as_current_span("two"):
        pass
    assert found.said("one") == {"spanpulse.experiment.greeting": "b"}
    assert found.said("two") == {}


def test_baggage_takes_the_context_to_another_service() -> None:
    carrier: dict[str, str] = {}
    said = {"user_id": "ä b,;=%", "prompt": ("p", 1), "experiments": {"my test": "b"}, "tags": {"x": "y"}}
    with recorded(baggage=True), context(**said):
        expected = dict(attributes_of())
        propagate.inject(carrier)
        assert baggage.get_baggage("spanpulse.user.id") == said["user_id"]
    with recorded(baggage=True):
        assert attributes_of(propagate.extract(carrier, Context())) == expected
        outside = attach(propagate.extract(carrier, Context()))
        with context(user_id="own"):
            assert attributes_of() == {**expected, "user.id": "own"}
        detach(outside)
    with recorded():
        assert not attributes_of(propagate.extract(carrier, Context())), "only where the setting is on"


def test_baggage_is_off_by_itself_and_bounded(caplog: pytest.LogCaptureFixture) -> None:
    with recorded(), context(user_id="a"):
        assert not baggage.get_all()
    with recorded(baggage=True), context(tags={str(number): "x" * 500 for number in range(20)}):
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        assert 0 < len(carrier["baggage"]) <= MOST_BYTES
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_baggage_of_others_is_believed_within_bounds_only() -> None:
    entries = {
        "spanpulse.user.id": "x" * 2_000,
        "spanpulse.tag.a": "b",
        "spanpulse.tag.": "b",
        "spanpulse.weight": "1000",
        "spanpulse.experiment." + "x" * 200: "b",
        "user.id": "somebody",
        "spanpulse.session.id": "a\x00",
    }
    with recorded(baggage=True):
        received = Context()
        for name, value in entries.items():
            received = baggage.set_baggage(name, value, received)
        assert attributes_of(received) == {"spanpulse.tag.a": "b"}


def test_a_span_that_is_current_stays_so(found: Recorded) -> None:
    with found.tracer.start_as_current_span("outer") as outer, context(user_id="a"):
        assert trace.get_current_span() is outer
