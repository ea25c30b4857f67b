"""What holds for every planned request, whatever the seed, the number and the moment."""

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanpulse_stream.traffic.day._day import LONGEST
from spanpulse_stream.traffic.day._flows import plan_request
from spanpulse_stream.traffic.day._request import Request
from spanpulse_stream.traffic.day._rhythm import DAY_NS, Arrival
from spanpulse_stream.traffic.day._spans import write
from traffic_costs import attributes

ARRIVALS = st.builds(Arrival, st.integers(-DAY_NS, DAY_NS), st.integers(0, 15_000), st.integers(0, 2_000))
REQUESTS = st.builds(plan_request, st.integers(0, 2**63), st.integers(0, 10**9), ARRIVALS)


@given(REQUESTS)
@settings(max_examples=300, deadline=None)
def test_steps_nest_in_time_and_end(request: Request) -> None:
    assert [step.number for step in request.steps] == list(range(len(request.steps)))
    assert 1 < len(request.steps) < 64
    assert request.steps[0].parent == -1
    for step in request.steps[1:]:
        above = request.steps[step.parent]
        assert step.parent < step.number
        assert above.start <= step.start <= step.end <= above.end
    assert request.steps[0].start < request.end < request.steps[0].start + LONGEST


@given(REQUESTS)
@settings(max_examples=300, deadline=None)
def test_tokens_are_parts_of_what_they_are_counted_in(request: Request) -> None:
    for call in (step.call for step in request.steps):
        if call is not None:
            assert 0 <= call.cache_read + call.cache_write <= call.input_tokens
            assert 0 <= call.reasoning <= call.output_tokens


@given(REQUESTS)
@settings(max_examples=300, deadline=None)
def test_a_request_that_failed_says_why_and_so_do_those_above(request: Request) -> None:
    for step in request.steps:
        if step.kind in {"root", "agent"} and step.failure is not None:
            assert any(each.failure for each in request.steps if each.parent == step.number)
    for score in request.scores:
        assert request.called(score.about)
        assert score.moment > request.steps[0].end


@given(REQUESTS, st.integers(0, 2**62))
@settings(max_examples=150, deadline=None)
def test_what_is_written_can_be_read(request: Request, end: int) -> None:
    records = list(write(request, 1, end + 2 * DAY_NS))
    spans = [Span.FromString(record.body) for record in records if record.signal == "traces"]
    assert [span.name for span in spans] == [step.name for step in request.steps]
    assert len({span.span_id for span in spans}) == len(spans)
    assert len({span.trace_id for span in spans}) == 1
    for step, span in zip(request.steps, spans, strict=True):
        assert (span.status.code == 2) == (step.failure is not None) == ("error.type" in attributes(span))
