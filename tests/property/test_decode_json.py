"""OTLP in JSON gives the bytes that protobuf's own reader of JSON makes of it, whatever protobuf can write."""

import json
import random
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from oracle import corpus_bodies
from oracle.otlp_json import REQUESTS, as_dict, in_hex
from oracle.strategies import log_requests, signals, trace_requests
from spanpulse_stream.decode import InvalidJson, check, json_to_protobuf, read_json
from spanpulse_stream.decode._json import _attributes, _key_value
from spanpulse_stream.decode._json_fields import Unfit, child, repeated

COMMON = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def assert_equal(body: bytes, signal: str, *, own_names: bool = False) -> None:
    written = as_dict(body, signal, own_names=own_names)
    expected = json_format.ParseDict(written, REQUESTS[signal]())
    found = json_to_protobuf(orjson.dumps(in_hex(written)), signal)
    assert REQUESTS[signal].FromString(found).SerializeToString() == expected.SerializeToString()


@COMMON
@given(trace_requests, st.booleans())
def test_traces_equal_protobuf(body: bytes, own_names: bool) -> None:
    assert_equal(body, "traces", own_names=own_names)


@COMMON
@given(log_requests, st.booleans())
def test_logs_equal_protobuf(body: bytes, own_names: bool) -> None:
    assert_equal(body, "logs", own_names=own_names)


@pytest.mark.parametrize("signal", REQUESTS)
def test_recorded_exports_equal_protobuf(signal: str) -> None:
    bodies = corpus_bodies(signal)
    assert bodies
    for _, body in bodies:
        assert_equal(body, signal)


numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=20),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
    max_leaves=5,
)


@COMMON
@given(signals, st.integers(0, 1000), anything, st.randoms(use_true_random=False))
def test_a_wrong_value_costs_its_record_at_most(signal: str, pick: int, wrong: Any, rng: random.Random) -> None:
    bodies = corpus_bodies(signal)
    written = in_hex(as_dict(bodies[pick % len(bodies)][1], signal))
    records = check(json_to_protobuf(orjson.dumps(written), signal), signal).records
    path = put(written, wrong, rng)
    in_a_record = any(name in ("spans", "logRecords") for name in path[:-1])
    try:
        found = json_to_protobuf(json.dumps(written).encode(), signal)
    except InvalidJson:
        assert not in_a_record
        return
    checked = check(found, signal)
    if in_a_record:
        assert checked.records == records
        assert len(checked.rejected) <= 1


def put(written: Any, wrong: Any, rng: random.Random) -> list[str | int]:
    """Put ``wrong`` at some place and return the way there."""
    path: list[str | int] = []
    while True:
        name = rng.choice(list(written)) if isinstance(written, dict) else rng.randrange(len(written))
        path.append(name)
        if not isinstance(written[name], dict | list) or not written[name] or rng.random() < 0.1:
            written[name] = wrong
            return path
        written = written[name]


names = st.sampled_from(["stringValue", "intValue", "doubleValue", "boolValue", "int_value", "arrayValue", "x"])
contents = anything | st.sampled_from(
    ["", "7", "-7", "007", "1e2", "9" * 18, "9" * 19, "9" * 20, "\u0663", " 7", "é" * 70]
)
pairs = st.fixed_dictionaries(
    {"key": st.text(max_size=9) | st.none(), "value": st.dictionaries(names, contents, max_size=2) | anything},
    optional={"more": anything},
)


@COMMON
@given(st.lists(pairs | anything, max_size=4) | anything)
def test_attributes_in_the_usual_shape_are_written_as_any_value_is(written: Any) -> None:
    assert outcome(_attributes(9), written) == outcome(repeated(child(9, _key_value)), written)


def outcome(write: Any, value: Any) -> bytes | str:
    out = bytearray()
    try:
        write(out, orjson.loads(json.dumps(value)), 0)
    except Unfit as error:
        return str(error)
    return bytes(out)


def test_what_is_too_deep_is_rejected_by_the_decoder() -> None:
    value: Any = {"stringValue": "bottom"}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    deep = {"name": "deep", "attributes": [{"key": "a", "value": value}]}
    checked = check(json_to_protobuf(request(deep, {"name": "flat"}, deep | {"kind": "wrong"}), "traces"), "traces")
    assert checked.records == 3
    assert [(piece.ordinal, piece.reason) for piece in checked.rejected] == [(0, "too_deep"), (2, "invalid_json")]


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ({"traceId": "ABCDEF" + "0" * 26}, Span(trace_id=bytes.fromhex("abcdef" + "0" * 26))),
        ({"startTimeUnixNano": 18446744073709551615}, Span(start_time_unix_nano=2**64 - 1)),
        ({"startTimeUnixNano": "1544712660000000000"}, Span(start_time_unix_nano=1544712660000000000)),
        ({"startTimeUnixNano": 1e18}, Span(start_time_unix_nano=10**18)),
        ({"kind": "SPAN_KIND_CLIENT"}, Span(kind=Span.SPAN_KIND_CLIENT)),
        ({"kind": 3, "name": None, "unknown": [1]}, Span(kind=Span.SPAN_KIND_CLIENT)),
        ({"status": {"code": "STATUS_CODE_ERROR"}}, Span(status=Status(code=Status.STATUS_CODE_ERROR))),
    ],
)
def test_forms_that_senders_use(span: Any, expected: Span) -> None:
    [found] = spans_of(json_to_protobuf(request(span), "traces"))
    assert found == expected


@pytest.mark.parametrize(
    "span",
    [
        {"traceId": "xyz"},
        {"traceId": "abc"},
        {"traceId": 7},
        {"name": 7},
        {"startTimeUnixNano": -1},
        {"startTimeUnixNano": 1.5},
        {"startTimeUnixNano": "1" * 5000},
        {"startTimeUnixNano": 2**64},
        {"startTimeUnixNano": "0x10"},
        {"startTimeUnixNano": True},
        {"kind": "CLIENT"},
        {"attributes": {"key": "a"}},
        {"attributes": [{"key": "a", "value": {"intValue": "nine"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "1_0"}}]},
        {"attributes": [{"key": "a", "value": {"boolValue": 1}}]},
        {"attributes": [{"key": "a", "value": {"bytesValue": "%%"}}]},
        {"attributes": [{"key": "a", "value": "plain"}]},
        {"status": []},
    ],
)
def test_values_of_another_kind_reject_their_span_and_keep_what_came(span: Any) -> None:
    body = json_to_protobuf(request({"name": "before"}, span, {"name": "behind"}), "traces")
    checked = check(body, "traces")
    assert checked.records == 3
    [piece] = checked.rejected
    assert (piece.ordinal, piece.reason) == (1, "invalid_json")
    assert orjson.loads(body[piece.offset + 1 : piece.offset + piece.length]) == json.loads(json.dumps(span))


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b'{"resourceSpans": {}}', b'{"resourceSpans": [[]]}'])
def test_what_is_no_request_is_an_error(body: bytes) -> None:
    with pytest.raises(InvalidJson, match="the body is not"):
        json_to_protobuf(body, "traces")


HALVES = {
    rb"a \ud83d": "a \ufffd",
    rb"\uDE00 b": "\ufffd b",
    rb"\ud83d\ud83d\ude00\ude00": "\ufffd\U0001f600\ufffd",
    rb"\\\ud83d\n": "\\\ufffd\n",
    rb"\\ud83d \ud83d": "\\ud83d \ufffd",
    rb"\\ud83d\ude00": "\\ud83d\ufffd",
    rb"\\\\\ud83d\ude00 \ud83d": "\\\\\U0001f600 \ufffd",
    b"caf\xc3": "caf\ufffd",
    b"caf\xe9 \xf0\x9f\x98 " + "\U0001f600".encode(): "caf\ufffd \ufffd \U0001f600",
    b"\xff" + rb"\ud83d": "\ufffd\ufffd",
}


@pytest.mark.parametrize("text", HALVES)
def test_a_text_that_was_cut_within_a_character_costs_the_character(text: bytes) -> None:
    body = request({"name": "before"}, {"name": "CUT"}, {"name": "behind"}).replace(b"CUT", text)
    assert [span.name for span in spans_of(json_to_protobuf(body, "traces"))] == ["before", HALVES[text], "behind"]


@COMMON
@given(st.lists(st.sampled_from(["\\", "ud83d", "ude00", "x", "\ud83d", "\ude00", "\U0001f600"])).map("".join))
def test_halves_of_characters_are_found_as_the_standard_library_finds_them(text: str) -> None:
    written = json.dumps([text]).encode()
    assert read_json(written) == [json.loads(written)[0].encode("utf-8", "replace").decode().replace("?", "\ufffd")]


@pytest.mark.parametrize("text", [rb"\ud83d", b"\xff"])
def test_what_is_broken_all_over_is_no_request(text: bytes) -> None:
    with pytest.raises(InvalidJson):
        read_json(b'["' + text * 300_000 + b'"]')


def test_what_only_looks_like_an_escape_does_not_become_one() -> None:
    with pytest.raises(InvalidJson):
        read_json(b'["\0\0n \xff"]')


def request(*spans: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}).encode()


def spans_of(body: bytes) -> list[Span]:
    return list(ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans)


@COMMON
@given(signals, st.binary(max_size=60) | anything.map(lambda value: repr(value).encode()))
def test_any_bytes_are_a_request_or_an_error(signal: str, body: bytes) -> None:
    try:
        check(json_to_protobuf(body, signal), signal)
    except InvalidJson:
        return
