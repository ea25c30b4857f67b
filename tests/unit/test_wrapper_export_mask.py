"""What leaves of other instrumentations' spans: contents masked, or left out; the spans themselves never change."""

import json

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.trace import Link, SpanContext, Status, StatusCode

from spanpulse._export._mask import Masking
from spanpulse._privacy import Content
from wrapper_ended import ended

MAIL = "john@example.org"
LONGEST = 16_384
MASKED = Content()


def masking(content: Content | None = MASKED, **more) -> Masking:
    return Masking(content, LONGEST, **more)


def left(attributes, content: Content | None = MASKED, **more):
    return dict(masking(content, **more).span(ended(attributes)).attributes)


def test_addresses_are_masked_in_the_texts_of_others():
    assert left({"note": f"write to {MAIL}", "n": 3, "ok": True, "f": 1.5}) == {
        "note": "write to <EMAIL>",
        "n": 3,
        "ok": True,
        "f": 1.5,
    }


@pytest.mark.parametrize("content", [MASKED, Content(masks=()), None])
def test_headers_that_let_somebody_in_never_leave(content):
    said = {
        "http.request.header.authorization": ["Bearer abcdef", "Basic eDp5"],
        "http.request.header.x-api-key": "abcdef",
        "http.response.header.set_cookie": ["sid=abcdef"],
        "rpc.grpc.request.metadata.api-key": ("abcdef",),
        "http.request.header.accept": ["text/html"],
    }
    told = left(said, content)
    assert "abcdef" not in str(told)
    assert told["http.request.header.authorization"] == ["<KEY>"]
    assert told["http.request.header.accept"] == ["text/html"]


def test_the_span_itself_stays_as_it_was():
    span = ended({"note": MAIL}, fill=lambda span: span.add_event("said", {"note": MAIL}))
    before = span.to_json()
    seen = masking().span(span)
    assert span.to_json() == before
    assert seen.attributes["note"] == seen.events[0].attributes["note"] == "<EMAIL>"
    assert (seen.start_time, seen.context, seen.kind, seen.parent) == (
        span.start_time,
        span.context,
        span.kind,
        span.parent,
    )


def test_contents_of_our_own_spans_were_masked_before_and_do_not_leave_where_they_are_off():
    span = ended({"gen_ai.input.messages": MAIL}, scope="spanpulse")
    assert masking(Content()).span(span).attributes["gen_ai.input.messages"] == MAIL
    assert "gen_ai.input.messages" not in masking(None).span(span).attributes


@pytest.mark.parametrize(
    ("name", "value", "masked"),
    [
        ("input.value", MAIL.encode(), "<EMAIL>"),
        ("input.value", {"a": [MAIL, b"\xff"], "n": 1}, {"a": ["<EMAIL>", "\ufffd"], "n": 1}),
        ("llm.model", {"a": f"to {MAIL}"}, {"a": "to <EMAIL>"}),
        ("llm.name", [[f"to {MAIL}"]], [["to <EMAIL>"]]),
        ("llm.name", (f"to {MAIL}",), ["to <EMAIL>"]),
    ],
)
def test_contents_are_contents_in_whatever_they_lie(name, value, masked):
    assert left({name: value}) == {name: masked}
    assert left({name: value}, None) == {}
    span = ended({}, fill=lambda span: span.add_event("gen_ai.choice", {name: value}))
    assert not masking(None).span(span).events[0].attributes


@pytest.mark.parametrize("value", [["gpt-5", "o3"], {"id": "gpt-5", "n": 2}])
def test_names_are_names_in_whatever_they_lie(value):
    assert left({"llm.model": value}, None) == {"llm.model": value}


def test_what_others_tell_on_our_own_spans_by_names_of_theirs_is_masked():
    span = ended({"input.value": MAIL}, scope="spanpulse")
    assert masking(Content()).span(span).attributes["input.value"] == "<EMAIL>"


@pytest.mark.parametrize("content", [Content(), None])
def test_what_others_put_on_our_own_spans_is_masked(content):
    span = ended({"app.note": f"to {MAIL}"}, scope="spanpulse", fill=lambda span: span.record_exception(KeyError(MAIL)))
    seen = masking(content).span(span)
    assert seen.attributes["app.note"] == "to <EMAIL>"
    assert MAIL not in str(seen.events[0].attributes)


@pytest.mark.parametrize("name", ["user.id", "session.id", "enduser.id", "spanpulse.tag.owner", "llm.user"])
def test_who_the_user_is_stays_so_that_spans_of_one_user_are_found_together(name):
    for content in (Content(), None):
        assert left({name: MAIL}, content) == {name: MAIL}


def test_json_is_masked_inside_and_stays_json():
    said = [{"role": "user", "content": f'line\n+1 555 123 4567 "{MAIL}" \u00fc', "n": 1.0}]
    for text in (json.dumps(said), json.dumps(said, ensure_ascii=False)):
        told = json.loads(left({"gen_ai.input.messages": text})["gen_ai.input.messages"])
        assert told == [{"role": "user", "content": 'line\n<PHONE> "<EMAIL>" \u00fc', "n": 1.0}]


def test_long_json_is_cut_inside_and_stays_json():
    said = [{"role": "user", "content": "x" * 100_000}]
    told = left({"gen_ai.input.messages": json.dumps(said)})["gen_ai.input.messages"]
    assert len(told) < 20_000
    assert json.loads(told)[0]["role"] == "user"


def test_json_with_nothing_to_mask_is_the_same_text():
    text = '{"a" : 1.50, "b": [true,  null]}'
    assert left({"x": text}) == {"x": text}


@pytest.mark.parametrize("text", ["[" * 100_000, "[not json " + MAIL, "{" + MAIL, '"' + MAIL])
def test_what_only_looks_like_json_is_masked_as_a_text(text):
    assert MAIL not in left({"input.value": text})["input.value"]


def test_lists_of_texts_are_masked():
    assert left({"notes": [MAIL, "plain"], "numbers": [1, 2]}) == {"notes": ["<EMAIL>", "plain"], "numbers": [1, 2]}


def test_contents_are_left_out_where_they_are_off():
    given = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.response.finish_reasons": ["stop", "length"],
        "gen_ai.input.messages": "[]",
        "llm.input_messages.0.message.content": "said",
        "llm.input_messages.0.message.role": "user",
        "llm.invocation_parameters": '{"system": "be kind"}',
        "input.value": "said",
        "traceloop.entity.input": "said",
        "ai.prompt": "said",
        "gen_ai.tool.name": "find a house",
        "llm.tool.name": "find a house",
        "http.route": "/houses",
        "note": MAIL,
    }
    kept = {
        *("gen_ai.operation.name", "gen_ai.request.model", "gen_ai.usage.input_tokens", "http.route", "note"),
        *("gen_ai.response.finish_reasons", "llm.input_messages.0.message.role", "gen_ai.tool.name"),
    }
    told = left(given, None)
    assert told.keys() == kept
    assert told["note"] == "<EMAIL>"


def test_contents_in_events_are_left_out_where_they_are_off():
    def fill(span):
        span.add_event("gen_ai.choice", {"message": "said", "content": "said", "index": 0, "id": "call_1"})
        span.add_event(
            "gen_ai.evaluation.result", {"gen_ai.evaluation.name": "ok", "gen_ai.evaluation.explanation": "x"}
        )
        span.add_event("gen_ai.content.prompt", {"gen_ai.prompt": "said"})
        span.add_event("exception", {"exception.type": "ValueError", "exception.message": MAIL})

    seen = masking(None).span(ended(fill=fill))
    assert [dict(event.attributes) for event in seen.events] == [
        {"index": 0, "id": "call_1"},
        {"gen_ai.evaluation.name": "ok"},
        {},
        {"exception.type": "ValueError", "exception.message": "<EMAIL>"},
    ]
    assert [event.name for event in seen.events][3] == "exception"


def test_own_patterns_are_masked_where_contents_are_off():
    assert left({"note": "order A-17"}, None, patterns=("A-[0-9]+",)) == {"note": "order <MASKED>"}


def test_what_a_status_and_links_say_is_masked():
    def fill(span):
        span.set_status(Status(StatusCode.ERROR, f"{MAIL} is unknown"))
        span.add_link(SpanContext(1, 2, is_remote=False), {"note": MAIL})

    seen = masking().span(ended(fill=fill))
    assert (seen.status.status_code, seen.status.description) == (StatusCode.ERROR, "<EMAIL> is unknown")
    assert dict(seen.links[0].attributes) == {"note": "<EMAIL>"}
    assert seen.links[0].context.trace_id == 1


def test_texts_that_no_protobuf_takes_are_told_all_the_same():
    broken = "half \ud83d of it"

    def fill(span):
        span.add_event(broken, {"note": broken})
        span.set_status(Status(StatusCode.ERROR, broken))

    for scope in ("spanpulse", "other"):
        span = ended({"note": broken, "notes": [broken, "whole"]}, name=broken, scope=scope, fill=fill)
        (made,) = encode_spans([masking().span(span)]).resource_spans[0].scope_spans[0].spans
        assert made.name == made.status.message == made.events[0].name == "half ? of it"
        values = {each.key: each.value for each in made.attributes}
        assert values["note"].string_value == "half ? of it"
        assert [each.string_value for each in values["notes"].array_value.values] == ["half ? of it", "whole"]


def test_the_encoder_sees_all_else_as_it_was():
    def fill(span):
        span.add_link(SpanContext(1, 2, is_remote=True))
        span.add_event("plain", {"n": 1}, timestamp=5)

    span = ended({"n": 1}, fill=fill)
    assert encode_spans([masking(Content(masks=())).span(span)]) == encode_spans([span])


def test_limits_of_the_sdk_are_still_told():
    def fill(span):
        for number in range(300):
            span.set_attribute(f"n{number}", number)
            span.add_event(f"e{number}")

    span = ended(fill=fill)
    (made,) = encode_spans([masking().span(span)]).resource_spans[0].scope_spans[0].spans
    assert (made.dropped_attributes_count, made.dropped_events_count) == (span.dropped_attributes, span.dropped_events)
    assert made.dropped_attributes_count > 0


def test_links_without_attributes_and_empty_spans_are_told():
    seen = masking().span(ended(fill=lambda span: span.add_link(Link(SpanContext(1, 2, is_remote=False)).context)))
    assert len(seen.links) == 1
    assert dict(seen.attributes) == {}


@pytest.mark.parametrize("scope", ["spanpulse", "other"])
def test_an_attribute_that_cannot_be_masked_is_left_out_alone(scope):
    span = ended({"before": 1, "numbers": [10**5_000], "note": MAIL}, scope=scope)  # a number too long to be a text
    seen = masking().span(span)
    assert dict(seen.attributes) == {"before": 1, "note": "<EMAIL>"}
    assert "numbers" in span.attributes
