"""What every span gets as it starts: the context around, the experiments of the span around, and nothing it has."""

import pytest
from opentelemetry import context as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer, set_span_in_context

import spanpulse
from spanpulse._processor import Processor, install
from spanpulse._settings import Settings
from spanpulse._state import State


@pytest.fixture
def provider() -> TracerProvider:
    made = TracerProvider()
    install(made, Processor(State(Settings(), None), 1.0))
    return made


@pytest.fixture
def tracer(provider: TracerProvider) -> Tracer:
    return provider.get_tracer("another instrumentation")


def test_a_span_of_anybody_has_the_context(tracer: Tracer) -> None:
    with spanpulse.context(user_id="ada", prompt=("support", 3)):
        span = tracer.start_span("chat", attributes={"user.id": "told by itself"})
    assert dict(span.attributes) == {
        "user.id": "told by itself",
        "gen_ai.prompt.name": "support",
        "spanpulse.prompt.version": "3",
    }


def test_spans_below_one_that_is_marked_have_its_experiments(tracer: Tracer) -> None:
    """As under a web framework's instrumentation, where no context of ours is open."""
    with tracer.start_as_current_span("GET /") as served:
        variant = spanpulse.variant("greeting", "u-1", {"a": 1, "b": 1})
        with tracer.start_as_current_span("step") as step:
            call = tracer.start_span("chat")
    for span in (served, step, call):
        assert span.attributes["spanpulse.experiment.greeting"] == variant


def test_the_context_comes_before_the_span_around(tracer: Tracer) -> None:
    with (
        tracer.start_as_current_span("GET /", attributes={"spanpulse.experiment.x": "a", "user.id": "not passed on"}),
        spanpulse.context(experiments={"x": "b"}),
    ):
        assert dict(tracer.start_span("chat").attributes) == {"spanpulse.experiment.x": "b"}


def test_it_is_the_first_of_processors_and_can_be_taken_out(provider: TracerProvider) -> None:
    order = []

    class Other(Processor):
        def on_end(self, span: object) -> None:
            order.append(self)

    first, second = (Other(State(Settings(), None), 1.0) for _ in range(2))
    install(provider, second)
    undo = install(provider, first)
    provider.get_tracer("t").start_span("x").end()
    assert order == [first, second]
    undo()
    provider.get_tracer("t").start_span("x").end()
    assert order == [first, second, second]
    context = set_span_in_context(provider.get_tracer("t").start_span("x"), otel.Context())
    provider.get_tracer("t").start_span("y", context=context).end()
    assert order[-1] is second
