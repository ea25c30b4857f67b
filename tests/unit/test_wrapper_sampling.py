"""Weights of sampled traces: right on average, the same on every span of a trace, known to the services called."""

import random
import statistics
from collections.abc import Callable

import pytest
from opentelemetry import trace
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from spanpulse._processor import Processor, install
from spanpulse._sampling import WEIGHT, Weighted, ratio_of, ratio_of_called, weight_in_state, weight_of_trace
from spanpulse._settings import Settings
from spanpulse._state import State

CHANCE = random.Random(4)


@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.3, 0.07])
@pytest.mark.parametrize(
    "an_id",
    [
        lambda: CHANCE.getrandbits(128),
        lambda: (0x68A1B2C3 << 96) | CHANCE.getrandbits(96),  # of AWS X-Ray: a time comes first
        lambda: CHANCE.getrandbits(64),  # of tracers that have short ones
    ],
)
def test_the_mean_weight_of_kept_traces_is_one_by_the_ratio(ratio: float, an_id: Callable[[], int]) -> None:
    ids = (an_id() for _ in range(int(20_000 / ratio)))
    weights = [weight_of_trace(each, ratio) for each in ids if each % (1 << 64) < ratio * (1 << 64)]
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
    install(made, Processor(State(Settings(), None), ratio_of(sampler), ratio_of_called(sampler)))
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


class Half(Sampler):
    """One of another package: keeps half of the traces, and says so in the trace state alone."""

    def should_sample(self, *_given: object, **_named: object) -> SamplingResult:
        return SamplingResult(Decision.RECORD_AND_SAMPLE, trace_state=TraceState([("ot", "th:8")]))

    def get_description(self) -> str:
        return "half"


def test_a_sampler_that_says_its_threshold_is_heard_at_the_root() -> None:
    assert provider(Half()).get_tracer("test").start_span("root").attributes[WEIGHT] == 2


@pytest.mark.parametrize("said", [4, 40])
@pytest.mark.parametrize(
    "sampler",
    [
        TraceIdRatioBased(0.1),
        Weighted(TraceIdRatioBased(0.1)),
        ParentBased(ALWAYS_ON, remote_parent_sampled=TraceIdRatioBased(0.1)),
    ],
)
def test_a_service_that_samples_what_it_is_called_for_weighs_that_too(sampler: Sampler, said: int) -> None:
    tracer, seen = provider(sampler).get_tracer("called"), set()
    for number in range(1, 200):
        state = TraceState([("spanpulse", f"w:{said}"), ("other", "1")])
        caller = SpanContext(number << 57 | 1, 7, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
        span = tracer.start_span("served", context=trace.set_span_in_context(NonRecordingSpan(caller)))
        if span.is_recording():
            child = tracer.start_span("inner", context=trace.set_span_in_context(span))
            seen |= {span.attributes[WEIGHT], child.attributes[WEIGHT]}
            told = weight_in_state(span.get_span_context().trace_state)
            assert told == (max(10, said) if isinstance(sampler, Weighted) else said)
            assert span.get_span_context().trace_state["other"] == "1"
    assert seen == {max(10, said)}
