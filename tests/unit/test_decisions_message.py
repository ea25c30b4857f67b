"""Decisions as messages: both encodings, empty exports to whoever else reads them, and nothing unchecked."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from making_spans import CHAT, request, span
from spanpulse_stream.decisions import MOST_DECISIONS, Decision, Decisions, Encoding, NoDecisions
from spanpulse_stream.decode import json_to_protobuf
from spanpulse_stream.usage import CONTEXT_FIELDS, REASONS

ONE = Decision(5, 0, 1_763_700_000_000, "acme", "0123456789abcdef" * 2, "fedcba9876543210", "duplicate", dropped=True)
ENCODINGS: tuple[Encoding, ...] = ("otlp_proto", "otlp_json")
TEXTS = st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable() or "\0" in text)
HEX = "0123456789abcdef"


@st.composite
def a_decision(draw: st.DrawFn) -> Decision:
    context = {field: draw(st.none() | TEXTS) for field in CONTEXT_FIELDS}
    dropped, discounted = draw(st.booleans()), draw(st.booleans())
    return Decision(
        draw(st.integers(0, 2**63 - 1)),
        draw(st.integers(0, 2**31 - 1)),
        draw(st.integers(0, 65_536 * 86_400_000 - 1)),
        draw(TEXTS),
        draw(st.text(HEX, min_size=32, max_size=32)),
        draw(st.text(HEX, min_size=16, max_size=16)),
        draw(st.sampled_from(REASONS)),
        dropped=dropped or not (discounted or any(context.values())),
        discounted=discounted,
        **context,
    )


SOME = st.builds(Decisions, st.integers(0, 2**32 - 1), st.lists(a_decision(), min_size=1, max_size=5).map(tuple))


@given(SOME, st.sampled_from(ENCODINGS))
def test_what_is_written_is_read(told: Decisions, encoding: Encoding) -> None:
    assert Decisions.decode(told.encode(encoding), encoding) == told


@given(SOME)
def test_to_others_it_is_an_export_without_spans(told: Decisions) -> None:
    found = ExportTraceServiceRequest.FromString(told.encode("otlp_proto"))
    assert len(found.resource_spans) == 0
    assert json_to_protobuf(told.encode("otlp_json"), "traces") == b""


@given(st.binary(max_size=200), st.sampled_from(ENCODINGS))
def test_bytes_of_any_kind_are_no_decisions(value: bytes, encoding: Encoding) -> None:
    with pytest.raises(NoDecisions):
        Decisions.decode(value, encoding)


@given(SOME, st.sampled_from(ENCODINGS), st.data())
def test_damaged_messages_raise_nothing_else(told: Decisions, encoding: Encoding, data: st.DataObject) -> None:
    value = bytearray(told.encode(encoding))
    for _ in range(data.draw(st.integers(1, 4))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(value[: data.draw(st.integers(0, len(value)))])
    for each in (bytes(value), cut):
        try:
            Decisions.decode(each, encoding)
        except NoDecisions:
            continue


@pytest.mark.parametrize(
    "wrong",
    [
        {"log_offset": -1},
        {"log_offset": 2**63},
        {"log_offset": True},
        {"ordinal": 2**31},
        {"ordinal": 1.0},
        {"received_at": 2**16 * 86_400_000},
        {"tenant": ""},
        {"tenant": "ü" * 513},
        {"tenant": None},
        {"trace_id": "0" * 31},
        {"trace_id": "A" * 32},
        {"span_id": "0" * 16 + "\n"},
        {"reason": "because"},
        {"reason": []},
        {"dropped": 1},
        {"dropped": False},
        {"discounted": "yes"},
        {"user_id": ""},
        {"session_id": 7},
        {"prompt_name": "x" * 1025},
        {"color": "red"},
    ],
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_no_column_takes_is_refused(wrong: dict[str, Any], encoding: Encoding) -> None:
    plain = Decisions(1, (ONE,)).encode("otlp_json")
    told = orjson.loads(plain)
    told["spanpulseDecisions"]["decisions"][0] |= wrong
    with pytest.raises(NoDecisions):
        Decisions.decode(_in(encoding, told), encoding)


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": 2},
        {"log_source": -1},
        {"log_source": "1"},
        {"decisions": []},
        {"decisions": {}},
        {"decisions": [None]},
        {"decisions": [{}]},
        {"more": 1},
    ],
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_another_form_is_refused(wrong: dict[str, Any], encoding: Encoding) -> None:
    told = orjson.loads(Decisions(1, (ONE,)).encode("otlp_json"))
    told["spanpulseDecisions"] |= wrong
    with pytest.raises(NoDecisions):
        Decisions.decode(_in(encoding, told), encoding)


def test_real_exports_and_their_mixtures_are_no_decisions() -> None:
    real, told = request(span(CHAT)), Decisions(1, (ONE,)).encode("otlp_proto")
    for value in (real, real + told, told + real, told + told, told[:-1], told + b"\0"):
        with pytest.raises(NoDecisions):
            Decisions.decode(value, "otlp_proto")
    for text in (
        b'{"resourceSpans":[]}',
        b'{"resourceSpans":[{}],"spanpulseDecisions":{}}',
        b"[]",
        b"null",
        b"[" * 9_999,
    ):
        with pytest.raises(NoDecisions):
            Decisions.decode(text, "otlp_json")


def test_what_would_not_be_read_is_not_written() -> None:
    for decisions in (
        (),
        (ONE,) * (MOST_DECISIONS + 1),
        (replace(ONE, dropped=False),),
        (replace(ONE, user_id="\ud800"),),
        (replace(ONE, log_offset=-1),),
    ):
        with pytest.raises(NoDecisions):
            Decisions(1, decisions).encode("otlp_proto")
    assert (
        len(Decisions.decode(Decisions(1, (ONE,) * MOST_DECISIONS).encode("otlp_json"), "otlp_json").decisions) == 1_000
    )


def _in(encoding: Encoding, told: Any) -> bytes:
    """Return a request in JSON, or its member in the field of a request in protobuf."""
    if encoding == "otlp_json":
        return orjson.dumps(told)
    text = orjson.dumps(told["spanpulseDecisions"])
    length = bytes([len(text) & 0x7F | 0x80, len(text) >> 7]) if len(text) > 0x7F else bytes([len(text)])
    return b"\xca\xb2\x04" + length + text
