"""However a receiver answers, what was taken was sent, or dropped and counted, or waits; no span is lost or doubled."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from spanpulse._events import Event
from spanpulse._export import Refused, Unavailable, _sender
from spanpulse._export._encode import LARGEST, MOST_RECORDS, encode_spans
from spanpulse._export._mask import Masking
from spanpulse._privacy import Content
from wrapper_ended import INSTANCE, Handing, Recording, ended, exporting
from wrapper_receiving import spans_of

ANSWERS = st.sampled_from(["take", "refuse", "part", "away", "break"])
AS_IT_IS = Masking(Content(masks=(), longest=1 << 30), 1 << 30)
RESOURCES = [Resource({**INSTANCE, "host.name": name}) for name in "abc"]


class Answering:
    """Answers as it was told, then takes all, and counts what it took."""

    def __init__(self, answers):
        self.left = list(answers)
        self.taken = 0

    def __call__(self, batch):
        answer = self.left.pop(0) if self.left else "take"
        if answer == "away":
            raise Unavailable("away", 0.0)
        if answer == "break":
            raise RuntimeError("broken")
        if answer == "refuse":
            raise Refused("http 400")
        if answer == "part":
            self.taken += batch.count - min(2, batch.count)
            raise Refused("rejected", count=2)
        self.taken += batch.count


@settings(max_examples=60, deadline=None)
@given(
    answers=st.lists(ANSWERS, max_size=12),
    rounds=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.booleans()), min_size=1, max_size=6),
    room=st.sampled_from([600, 3_000, 1 << 20]),
)
def test_what_was_taken_was_sent_or_is_counted(answers, rounds, room):
    _sender.FIRST_S, before = 0.0005, _sender.FIRST_S
    answer = Answering(answers)
    put = 0
    try:
        with exporting(lambda: Recording(answer), queue_bytes=room) as exporter:
            for spans, events, flushes in rounds:
                for number in range(spans):
                    exporter.put_span(ended(resource={"host.name": f"h{number % 2}"}))
                for _ in range(events):
                    exporter.put_event(Event("e", 1, {"n": 1}), RESOURCES[0])
                put += spans + events
                if flushes:
                    assert exporter.flush(30)
            assert exporter.flush(30)
            told = exporter.stats.told()
    finally:
        _sender.FIRST_S = before
    assert told["taken"] == put
    assert told["sent"] == answer.taken
    assert told["sent"] + sum(told["dropped"].values()) == put
    assert (told["waiting"], told["waiting_bytes"]) == (0, 0)


@settings(max_examples=40, deadline=None)
@given(
    parts=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["spanpulse", "one", "two"]),
            st.sampled_from([0, 100, 40_000, 300_000, 1_500_000]),
            st.integers(1, 12),
        ),
        max_size=8,
    )
)
def test_spans_are_divided_and_none_is_lost_or_doubled(parts):
    found = []
    providers = [TracerProvider(resource=resource, shutdown_on_exit=False) for resource in RESOURCES]
    for provider in providers:
        provider.add_span_processor(Handing(found.append))
    for resource, scope, size, count in parts:
        for _ in range(count if size < 1_000_000 else 1):
            with (
                providers[resource]
                .get_tracer(scope)
                .start_as_current_span(f"{len(found)}", attributes={"t": "x" * size})
            ):
                pass
    lost = Counter()
    made = list(encode_spans(found, AS_IT_IS, lambda *told: lost.update(told)))
    assert not lost
    names = [int(span.name) for each in made for span in spans_of(each.body)]
    assert sorted(names) == list(range(len(found)))
    assert all(each.count == len(spans_of(each.body)) <= MOST_RECORDS for each in made)
    assert all(len(each.body) <= LARGEST + 2_000 for each in made)
    for key in {each.key for each in made}:
        of_scope = {}
        for span in (span for each in made if each.key == key for span in spans_of(each.body)):
            scope = found[int(span.name)].instrumentation_scope.name
            assert of_scope.get(scope, -1) < int(span.name)
            of_scope[scope] = int(span.name)
