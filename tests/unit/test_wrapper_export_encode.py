"""Spans and events become batches of one resource, bounded in size; nothing is lost untold."""

import json

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from spanpulse._events import Event
from spanpulse._export._encode import LARGEST, MOST_RECORDS, TARGET, encode_events, encode_spans
from spanpulse._export._mask import Masking
from spanpulse._privacy import Content
from spanpulse_stream.gateway._resource import resource_key as key_of_gateway
from spanpulse_stream.gateway._wire import fields
from wrapper_ended import INSTANCE, Handing, ended, tracer_of
from wrapper_receiving import records_of, spans_of

AS_IT_IS = Masking(Content(masks=(), longest=1 << 30), 1 << 30)


def lose(signal, count, reason):
    raise AssertionError((signal, count, reason))


def batches(spans, losing=lose):
    return list(encode_spans(spans, AS_IT_IS, losing))


def many(count: int, size: int = 10, scope: str = "other"):
    found = []
    tracer = tracer_of(found.append, scope)
    for number in range(count):
        with tracer.start_as_current_span(f"s{number}", attributes={"text": "x" * size}):
            pass
    return found


def test_spans_of_one_provider_share_batches_and_keep_their_order():
    made = batches(many(MOST_RECORDS + 10))
    assert [each.count for each in made] == [MOST_RECORDS, 10]
    assert [span.name for each in made for span in spans_of(each.body)] == [f"s{n}" for n in range(MOST_RECORDS + 10)]
    assert len({each.key for each in made}) == 1
    assert {each.signal for each in made} == {"traces"}


def test_each_resource_has_its_own_batches_and_key():
    spans = [ended(resource={"service.name": name, "host.name": "h"}) for name in "aba"]
    made = batches(spans)
    assert [each.count for each in made] == [1, 1, 1]
    assert made[0].key == made[2].key != made[1].key


@pytest.mark.parametrize(
    "resource",
    [
        INSTANCE,
        {"b": 1, "a": [1, 2], "host.name": "h", "x": "\u00fc" * 300, "f": 1.5, "t": True},
        {"process.pid": 7, **{f"n{n}": n for n in range(200)}},
    ],
)
def test_the_key_is_the_one_that_the_gateway_gives(resource):
    (made,) = batches([ended(resource=resource)])
    ((_, _, _, start, end),) = list(fields(made.body, 0, len(made.body)))
    assert made.key == key_of_gateway(made.body, start, end, "127.0.0.1")


def test_a_resource_that_names_no_process_has_a_key_of_this_host(monkeypatch):
    resource = {"service.name": "many"}
    here = batches([ended(resource=resource)])[0].key
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    assert batches([ended(resource=resource)])[0].key != here


def test_large_batches_are_divided_and_none_is_larger_than_the_target():
    made = batches(many(40, 50_000))
    assert len(made) > 3
    assert all(len(each.body) <= TARGET + 1_000 for each in made)
    assert [span.name for each in made for span in spans_of(each.body)] == [f"s{n}" for n in range(40)]
    assert sum(each.count for each in made) == 40


def test_scopes_stay_apart_when_a_batch_is_divided():
    found = []
    provider = TracerProvider(resource=Resource(INSTANCE))
    provider.add_span_processor(Handing(found.append))
    for number in range(30):
        for tracer in map(provider.get_tracer, ("first", "second")):
            with tracer.start_as_current_span(f"{number}", attributes={"text": "x" * 20_000}):
                pass
    names = set()
    for each in batches(found):
        request = ExportTraceServiceRequest.FromString(each.body)
        (whole,) = request.resource_spans
        assert {pair.key for pair in whole.resource.attributes} == set(INSTANCE)
        names |= {(scope.scope.name, span.name) for scope in whole.scope_spans for span in scope.spans}
    assert names == {(scope, str(number)) for scope in ("first", "second") for number in range(30)}


def test_one_huge_span_is_cut_and_not_lost():
    said = json.dumps([{"role": "user", "content": "y" * 1_500_000}, {"role": "user", "content": "z"}])
    spans = [ended({"gen_ai.input.messages": said, "text": "x" * 2_000_000, "gen_ai.usage.input_tokens": 7})]
    (made,) = batches(spans)
    assert len(made.body) <= LARGEST + 1_000
    (span,) = spans_of(made.body)
    told = {each.key: each.value for each in span.attributes}
    assert told["gen_ai.usage.input_tokens"].int_value == 7
    assert told["text"].string_value.startswith("xxxx")
    assert "(2000000 characters)" in told["text"].string_value
    messages = json.loads(told["gen_ai.input.messages"].string_value)
    assert messages[0]["content"].startswith("yyyy")
    assert messages[1] == {"role": "user", "content": "z"}


def test_a_span_of_too_many_small_texts_is_cut_too():
    def fill(span):
        for _ in range(120):
            span.add_event("e", {"said": json.dumps(["ab"] * 5_000), "texts": ["x" * 60] * 300})

    (made,) = batches([ended({"many": ["y" * 64] * 20_000}, fill=fill)])
    assert len(made.body) <= LARGEST + 1_000
    (span,) = spans_of(made.body)
    assert span.name == "chat"
    assert span.dropped_events_count == 120
    assert span.dropped_attributes_count == 1


def test_what_cannot_be_encoded_takes_no_other_span_with_it():
    spans = many(5)
    spans[2]._start_time = "yesterday"
    lost = []
    made = batches(spans, lambda *told: lost.append(told))
    assert lost == [("traces", 1, "not_encodable")]
    assert [span.name for each in made for span in spans_of(each.body)] == ["s0", "s1", "s3", "s4"]


def test_events_become_log_records_of_their_resource():
    one, two = Resource({"service.name": "one"}), Resource({"service.name": "two"})
    events = [(Event("gen_ai.evaluation.result", 5 + n, {"n": n}, 1, 2), one if n % 2 else two) for n in range(6)]
    made = list(encode_events(events, "spanpulse", "1", lose))
    assert [each.count for each in made] == [3, 3]
    assert {each.signal for each in made} == {"logs"}
    assert [[r.attributes[0].value.int_value for r in records_of(each.body)] for each in made] == [[0, 2, 4], [1, 3, 5]]


def test_large_events_are_divided_and_cut():
    resource = Resource(INSTANCE)
    events = [(Event("e", 1, {"said": "x" * 300_000}), resource) for _ in range(4)]
    events.append((Event("e", 1, {"said": "x" * 3_000_000}), resource))
    made = list(encode_events(events, "spanpulse", "1", lose))
    assert sum(each.count for each in made) == 5
    assert all(len(each.body) <= LARGEST + 1_000 for each in made)


def test_bounds_are_within_what_receivers_take():
    assert TARGET < LARGEST < 1_000_000


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (("s", 1.5), ("s", "1.5", "")),
        (("s", "1", 5), ("s", "1", "5")),
        (("half \ud83d", None), ("half ?", "", "")),
        (("s", "1", "http://\ud83d"), ("s", "1", "http://?")),
    ],
)
def test_a_scope_that_is_no_text_takes_no_span_with_it(named, told):
    found = []
    provider = TracerProvider(resource=Resource(INSTANCE), shutdown_on_exit=False)
    provider.add_span_processor(Handing(found.append))
    name, version, *schema = named
    for tracer in (provider.get_tracer("fine"), provider.get_tracer(name, version, *schema)):
        tracer.start_span("s").end()
    (made,) = batches(found)
    assert made.count == 2
    (whole,) = ExportTraceServiceRequest.FromString(made.body).resource_spans
    fine, odd = whole.scope_spans
    assert (fine.scope.name, len(fine.spans), len(odd.spans)) == ("fine", 1, 1)
    assert (odd.scope.name, odd.scope.version, odd.schema_url) == told


def test_a_resource_s_schema_that_is_no_text_takes_no_span_with_it():
    found = []
    provider = TracerProvider(resource=Resource(INSTANCE, "http://\ud83d"), shutdown_on_exit=False)
    provider.add_span_processor(Handing(found.append))
    provider.get_tracer("fine").start_span("s").end()
    (made,) = batches(found)
    assert ExportTraceServiceRequest.FromString(made.body).resource_spans[0].schema_url == "http://?"
