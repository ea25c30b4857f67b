"""Dead letters become requests again: each record as it came, in the frame that it needs; what cannot is said."""

import json
import time
from datetime import UTC, datetime

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otlp.requests import some_traces, span, spans_of
from spanpulse_stream.decode import Limits, unreadable_request
from spanpulse_stream.letters import WHOLE_MESSAGE, Letter, NotReplayable, Position, request_of

LIMITS = Limits()
NOW_MS = 1_763_700_000_000
IN_JSON = {
    "traceId": "0102030405060708090a0b0c0d0e0f10",
    "spanId": "0102030405060708",
    "name": "said",
    "endTimeUnixNano": "1763700000000000000",
}


def letter(
    data: bytes,
    *,
    ordinal: int = 0,
    signal: str = "traces",
    reason: str = "a_reason",
    detail: str = "",
    size: int | None = None,
) -> Letter:
    place, when = Position(3, 7, ordinal), datetime.fromtimestamp(NOW_MS / 1000, UTC)
    return Letter(place, when, "acme", signal, reason, detail, len(data) if size is None else size, data)


def test_a_span_gets_the_frame_of_a_request() -> None:
    one = span(5, "x" * 70_000)
    signal, request = request_of(letter(one.SerializeToString()), LIMITS, NOW_MS)
    assert (signal, spans_of(request)) == ("traces", [one])


def test_a_log_record_gets_the_frame_of_a_request() -> None:
    record = LogRecord(time_unix_nano=NOW_MS * 1_000_000, severity_text="INFO")
    signal, request = request_of(letter(record.SerializeToString(), signal="logs"), LIMITS, NOW_MS)
    (group,) = ExportLogsServiceRequest.FromString(request).resource_logs
    assert (signal, list(group.scope_logs[0].log_records)) == ("logs", [record])


def test_a_whole_message_is_a_request_already() -> None:
    body = some_traces()
    assert request_of(letter(body, ordinal=WHOLE_MESSAGE), LIMITS, NOW_MS) == ("traces", body)


def test_a_record_in_json_is_made_protobuf_anew() -> None:
    _, request = request_of(letter(b"\0" + json.dumps(IN_JSON).encode()), LIMITS, NOW_MS)
    (found,) = spans_of(request)
    assert (found.name, found.trace_id.hex()) == ("said", IN_JSON["traceId"])


def test_a_message_of_json_is_read_as_it_came() -> None:
    data = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [IN_JSON, IN_JSON]}]}]}).encode()
    _, again = request_of(letter(data, ordinal=WHOLE_MESSAGE, reason="invalid_json"), LIMITS, NOW_MS)
    assert [each.name for each in spans_of(again)] == ["said", "said"]


def test_a_text_that_was_to_be_a_request_is_read_as_one() -> None:
    """What a Collector's message held that a version could not read was one record, a text."""
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [IN_JSON, IN_JSON]}]}]})
    request = ExportTraceServiceRequest.FromString(b"")
    request.resource_spans.add().scope_spans.add()
    kept = unreadable_request([text])
    record = kept[kept.index(b"\0") :]
    _, again = request_of(letter(record), LIMITS, NOW_MS)
    assert [each.name for each in spans_of(again)] == ["said", "said"]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (letter(b"abc", detail="(the first 3 of 9 bytes are kept)"), "only 3 of its 9 bytes are kept"),
        (letter(b"", detail="all zero (13 bytes, not kept under the content policy)"), "content policy"),
        (letter(b"", detail="erased"), "erased"),
        (letter(b"", detail=""), "no bytes"),
        (letter(b"abc", signal="metrics"), "neither of traces nor of logs"),
        (letter(b"\xff\xff"), "still "),
        (letter(b"\xff\xff", ordinal=WHOLE_MESSAGE), "still malformed"),
        (letter(b"\n\x00", ordinal=WHOLE_MESSAGE), "no record"),
        (letter(b"\xff{", ordinal=WHOLE_MESSAGE, reason="invalid_json"), "still invalid_json"),
        (letter(b"\0{"), "still invalid_json"),
        (letter(b"\0" + json.dumps("no request").encode()), "still invalid_json"),
        (letter(b'\0{"name": 5}'), "still "),
        (letter(span(0).SerializeToString()), "trace id"),
    ],
)
def test_what_cannot_be_sent_again_says_why(found: Letter, why: str) -> None:
    with pytest.raises(NotReplayable, match=why):
        request_of(found, LIMITS, NOW_MS)


def test_a_limit_that_was_raised_lets_a_record_pass() -> None:
    wide = letter(span(1).SerializeToString())
    with pytest.raises(NotReplayable, match="too_many_attributes"):
        request_of(wide, Limits(max_attributes=2), NOW_MS)
    assert request_of(wide, Limits(max_attributes=3), NOW_MS)


def test_a_time_that_lay_ahead_has_come() -> None:
    early = letter(span(1).SerializeToString())
    with pytest.raises(NotReplayable, match="its time"):
        request_of(early, LIMITS, 1_600_000_000_000)
    assert request_of(early, LIMITS, time.time_ns() // 1_000_000)
