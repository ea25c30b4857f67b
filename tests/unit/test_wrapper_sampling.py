"""Weights of sampled traces: right on average, the same on every span of a trace, known to the services called."""

import random
import statistics

import pytest
from opentelemetry import trace
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import TraceState

from spanpulse._processor import Processor, install
from spanpulse._sampling import WEIGHT, Weighted, ratio_of, weight_in_state, weight_of_trace
from spanpulse._settings import Settings
from spanpulse._state import State


@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.3, 0.07])
def test_the_mean_weight_is_one_by_the_ratio(ratio: float) -> None:
    chance = random.Random(4)
    weights = [weight_of_trace(chance.getrandbits(128), ratio) for _ in range(20_000)]
    assert statistics.fmean(weights) == pytest.approx(1 / ratio, rel=0.01)
    assert set(weights) <= {int(1 / ratio), int(1 / ratio) + 1}


@pytest.mark.parametrize(
    ("sampler", "ratio"),
    [
        (ALWAYS_ON, 1.0),
        (ALWAYS_OFF, 1.0),
        (TraceIdRatioBased(0.25), 0.25),
        (ParentBased(TraceIdRatioBased(0.25)), 0.25),
        (Weighted(ParentBased(TraceIdRatioBased(0.25))), 0.25),
        (TraceIdRatioBased(0), 1.0),
        (object(), 1.0),
    ],
)
def test_ratios_of_samplers(sampler: object, ratio: float) -> None:
    assert ratio_of(sampler) == ratio


@pytest.mark.parametrize(
    ("said", "weight"),
    [
        ("spanpulse=w:4", 4),
        ("spanpulse=w:x", 0),
        ("spanpulse=w:99999999999", 0),
        ("ot=th:c", 4),
        ("ot=rv:0123456789abcd;th:8", 2),
        ("ot=th:0", 1),
        ("ot=th:xyz", 0),
        ("other=1", 0),
    ],
)
def test_weights_in_trace_states(said: str, weight: int) -> None:
    assert weight_in_state(TraceState.from_header([said])) == weight


def provider(sampler: Sampler) -> TracerProvider:
    made = TracerProvider(sampler=sampler)
    install(made, Processor(State(Settings(), None), ratio_of(sampler)))
    return made


@pytest.mark.parametrize(
    "sampler", [Weighted(ParentBased(TraceIdRatioBased(0.4))), ParentBased(TraceIdRatioBased(0.4))]
)
def test_all_spans_of_a_trace_weigh_the_same(sampler: Sampler) -> None:
    tracer = provider(sampler).get_tracer("test")
    seen = []
    for _ in range(200):
        with tracer.start_as_current_span("root") as root, tracer.start_as_current_span("child") as child:
            if root.is_recording():
                inner = tracer.start_span("grandchild")
                weights = {span.attributes.get(WEIGHT) for span in (root, child, inner)}
                assert len(weights) == 1
                seen.append(weights.pop())
    assert set(seen) == {2, 3}


def test_a_service_that_is_called_knows_the_weight() -> None:
    caller = provider(Weighted(ParentBased(TraceIdRatioBased(0.1)))).get_tracer("caller")
    called = provider(ParentBased(ALWAYS_ON)).get_tracer("called")
    carriers = []
    for _ in range(100):
        with caller.start_as_current_span("root") as root:
            carrier: dict[str, str] = {}
            inject(carrier)
            if root.is_recording():
                carriers.append(carrier)
    for carrier in carriers:
        span = called.start_span("served", context=extract(carrier))
        child = called.start_span("inner", context=trace.set_span_in_context(span))
        assert span.attributes[WEIGHT] == child.attributes[WEIGHT] == 10
    assert carriers


def test_whole_traces_have_no_weight() -> None:
    tracer = provider(Weighted(ALWAYS_ON)).get_tracer("test")
    assert WEIGHT not in tracer.start_span("root").attributes
