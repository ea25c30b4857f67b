"""Spans that are written by hand are read as what OpenTelemetry's own encoder makes of them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as encode_by_sdk
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from spanpulse._export._encode import encode_spans
from spanpulse._export._mask import Masking
from wrapper_ended import Handing


class AsTheyAre(Masking):
    """Lets everything leave."""

    def __init__(self) -> None:
        """Need no policy."""

    def span(self, span: Any) -> Any:
        return span


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
NUMBERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-300, 300))
FLOATS = st.floats(allow_nan=False)  # of two NaN nobody says that they are equal
ALONE = st.one_of(TEXTS, NUMBERS, FLOATS, st.booleans(), st.binary(max_size=20))
VALUES = st.one_of(
    ALONE, st.lists(TEXTS, max_size=4), st.lists(NUMBERS, max_size=4), st.dictionaries(NAMES, ALONE, max_size=3)
)
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=12)
TIMES = st.integers(1, 2**63)
STATES = st.lists(st.tuples(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.just("w:4")), max_size=2, unique=True)


@st.composite
def contexts(draw: st.DrawFn) -> SpanContext:
    return SpanContext(
        draw(st.integers(1, 2**128 - 1)),
        draw(st.integers(1, 2**64 - 1)),
        draw(st.booleans()),
        TraceFlags(1),
        TraceState(draw(STATES)),
    )


DESCRIBED = st.fixed_dictionaries(
    {
        "scope": st.tuples(st.sampled_from(["a", "\u00fc"]), st.sampled_from([None, "1.2"])),
        "name": TEXTS,
        "parent": st.none() | contexts(),
        "kind": st.sampled_from(SpanKind),
        "attributes": ATTRIBUTES,
        "links": st.lists(st.tuples(contexts(), ATTRIBUTES), max_size=2),
        "events": st.lists(st.tuples(TEXTS, ATTRIBUTES, TIMES), max_size=2),
        "status": st.tuples(st.sampled_from(StatusCode), st.none() | TEXTS),
        "times": st.tuples(TIMES, TIMES),
    }
)


def begin(provider: TracerProvider, told: dict[str, Any]) -> Any:
    """Return a span as it is described, without its end."""
    parent, links = told["parent"], [Link(*each) for each in told["links"]]
    around = set_span_in_context(NonRecordingSpan(parent)) if parent else None
    span = provider.get_tracer(*told["scope"]).start_span(
        told["name"], around, told["kind"], told["attributes"], links, told["times"][0]
    )
    for event in told["events"]:
        span.add_event(*event)
    code, words = told["status"]
    span.set_status(Status(code, words if code is StatusCode.ERROR else None))
    return span


@given(st.lists(DESCRIBED, min_size=1, max_size=3), ATTRIBUTES, st.sampled_from([None, "https://example.org/schema"]))
def test_a_span_is_what_the_sdk_makes_of_it(
    described: list[dict[str, Any]], resource: dict[str, Any], schema: str | None
) -> None:
    found: list[ReadableSpan] = []
    provider = TracerProvider(resource=Resource(resource, schema), shutdown_on_exit=False)
    provider.add_span_processor(Handing(found.append))
    for told in described:
        begin(provider, told).end(told["times"][1])
    lost: list[object] = []
    (batch,) = encode_spans(found, AsTheyAre(), lambda *told: lost.append(told))
    expected = encode_by_sdk(found)
    assert ExportTraceServiceRequest.FromString(batch.body) == expected
    assert not lost
