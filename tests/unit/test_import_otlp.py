"""Files of OTLP as the Collector's file exporter writes them, whole, torn and broken, become the same spans."""

import gzip
import json
import struct
import time

import pytest
from backports import zstd
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, ResourceMetrics, ScopeMetrics

from importing_files import PACKED, bodies, framed, json_lines, read, records, varint, varint_framed, write
from oracle.otlp_json import otlp_json
from otlp.requests import some_logs, spans_of
from spanpulse_stream.decode import check
from spanpulse_stream.importing import ImportFailed, Options
from spanpulse_stream.importing._pieces import LONGEST

BODIES = bodies(4)
NOW, DAY = time.time_ns(), 24 * 3600 * 10**9
EXPECTED = [one.span_id for one in spans_of(*BODIES)]
FORMS = {
    "json": json_lines(BODIES),
    "json without a last newline": json_lines(BODIES)[:-1],
    "json with a mark and blanks": b"\xef\xbb\xbf" + json_lines(BODIES).replace(b"\n", b" \r\n\n"),
    "proto": framed(BODIES),
    "proto of compressed messages": framed([zstd.compress(body) for body in BODIES]),
    "proto of compressed json": framed([zstd.compress(otlp_json(body, "traces")) for body in BODIES]),
    "proto-varint": varint_framed(BODIES),
}


def metrics() -> bytes:
    metric = Metric(name="requests of a minute", description="many", gauge=Gauge())
    scopes = [ScopeMetrics(metrics=[metric])]
    return ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(scope_metrics=scopes)]).SerializeToString()


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_spans(form, packed, tmp_path):
    chunks, torn, reading = read(write(tmp_path, PACKED[packed](FORMS[form])))
    assert torn is None
    assert reading.format == form.split()[0]
    assert [
        one.span_id for one in spans_of(*(request.body for chunk in chunks for request in chunk.requests))
    ] == EXPECTED
    assert records(chunks) == len(EXPECTED)
    assert not any(chunk.rejected for chunk in chunks)


def test_several_members_and_frames_are_one_file(tmp_path):
    for pack in (gzip.compress, zstd.compress):
        content = b"".join(pack(json_lines([body])) for body in BODIES)
        chunks, torn, _ = read(write(tmp_path, content))
        assert (records(chunks), torn) == (len(EXPECTED), None)


@pytest.mark.parametrize("form", ["json", "proto"])
def test_logs_and_metrics_are_told_from_spans(form, tmp_path):
    if form == "json":
        content = json_lines(BODIES) + json_lines([some_logs(2, NOW)], "logs") + b'{"resourceMetrics": [{}]}\n{}\n'
    else:
        content = framed([*BODIES, some_logs(2, NOW), metrics(), traces_of_nothing()])
    [chunk], torn, _ = read(write(tmp_path, content))
    assert [request.signal for request in chunk.requests] == ["traces", "logs"]
    assert (chunk.records, chunk.rejected, chunk.metrics, torn) == (len(EXPECTED) + 2, 0, 1, None)


def traces_of_nothing() -> bytes:
    return b"\x0a\x00"


def test_what_protobuf_holds_can_be_said(tmp_path):
    [chunk], _, _ = read(write(tmp_path, framed([some_logs(2, NOW)])), Options(signal="logs"))
    assert [request.signal for request in chunk.requests] == ["logs"]


def test_lines_that_are_no_request_are_dead_letters_with_their_place(tmp_path):
    first, *others = json_lines(BODIES).splitlines()
    span_broken = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": 7}, {"name": "good"}]}]}]}).encode()
    lines = [first, b"{half", b'{"other": 1}', b"\xff\xfe{", *others, span_broken, b'{"resourceSpans": 3}']
    [chunk], torn, _ = read(write(tmp_path, b"\n".join(lines) + b"\n"))
    assert torn is None
    assert chunk.records == len(EXPECTED) + 2 + 4
    assert chunk.rejected == 2 + 4
    places = [bad.place for bad in chunk.bad]
    assert places == [f"line {number}, byte {b'|'.join(lines).index(lines[number - 1])}" for number in (2, 3, 4, 9)]
    assert "not valid JSON" in chunk.bad[0].reason
    assert "neither resourceSpans nor resourceLogs" in chunk.bad[1].reason
    letters = chunk.requests[-1].body
    rejected = check(letters, "traces").rejected
    assert [piece.reason for piece in rejected] == ["invalid_json"] * 4
    found = [json.loads(letters[piece.offset + 1 : piece.offset + piece.length]) for piece in rejected]
    assert found[0] == {"place": places[0], "reason": chunk.bad[0].reason, "bytes": 5, "text": "{half"}
    assert found[2]["base64"] == "//57"


def test_messages_that_are_no_request_are_dead_letters(tmp_path):
    broken = [BODIES[0], b"\x0a\x7f" + BODIES[1], BODIES[2], b"\x28\xb5\x2f\xfdnothing", BODIES[3]]
    [chunk], torn, _ = read(write(tmp_path, framed(broken)))
    assert torn is None
    assert (chunk.records, chunk.rejected) == (9 + 2, 2)
    assert {bad.place.partition(",")[0] for bad in chunk.bad} == {"message 2", "message 4"}


def test_a_message_that_promises_more_than_it_has_takes_none_of_the_next(tmp_path):
    promising = b"\x0a" + varint(len(BODIES[1]))
    [chunk], torn, _ = read(
        write(tmp_path, framed([BODIES[0], promising, BODIES[1], BODIES[0] + promising, BODIES[2]]))
    )
    assert torn is None
    assert (chunk.records, chunk.rejected) == (9 + 2, 2)
    assert [bad.place.partition(",")[0] for bad in chunk.bad] == ["message 2", "message 4"]


def test_a_message_may_be_several_frames(tmp_path):
    both = zstd.compress(BODIES[0]) + zstd.compress(BODIES[1])
    [chunk], _, _ = read(write(tmp_path, framed([both, both + b"more", zstd.compress(b"") * 100])))
    assert (chunk.records, chunk.rejected) == (6 + 2, 2)
    assert "not valid zstd" in chunk.bad[0].reason
    assert "more than 64 frames" in chunk.bad[1].reason


def test_spans_under_the_names_of_old_are_read(tmp_path):
    old = json_lines(BODIES).replace(b'"scopeSpans":', b'"instrumentationLibrarySpans": ')
    old = old.replace(b'"scope":', b'"instrumentationLibrary" :')
    assert b"scopeSpans" not in old
    assert b'"scope"' not in old
    [chunk], _, _ = read(write(tmp_path, old))
    [now], _, _ = read(write(tmp_path, json_lines(BODIES), "now"))
    assert [request.body for request in chunk.requests] == [request.body for request in now.requests]


@pytest.mark.parametrize("signal", ["resourceSpans", "resourceLogs", "resourceMetrics"])
def test_a_request_within_something_else_is_none(signal, tmp_path):
    content = b'{"trace": {"%s": [{}]}}\n{"%s": []}\n' % (signal.encode(), signal.encode())
    [chunk], _, _ = read(write(tmp_path, content))
    assert (chunk.records, chunk.rejected) == (1, 1)
    assert chunk.bad[0].reason == "it has neither resourceSpans nor resourceLogs at its top"


def test_records_that_can_be_no_rows_are_counted_and_told(tmp_path):
    late = bodies(1)[0].replace(struct.pack("<Q", 1_700_000_001_000_000_002), struct.pack("<Q", NOW + 2 * DAY))
    early = some_logs(2, 1)
    zero = bodies(1)[0].replace((3).to_bytes(16, "big"), bytes(16))
    [chunk], _, _ = read(write(tmp_path, framed([BODIES[3], late, early, some_logs(2, 0), zero])))
    assert (chunk.records, chunk.rejected, chunk.bad) == (3 + 3 + 2 + 2 + 3, 1 + 2 + 1 + 1, [])
    told = {piece.place.partition(",")[0]: piece.reason for piece in chunk.refused}
    assert sorted(told) == ["message 2", "message 3", "message 4", "message 5"]
    assert all("more than a day from now" in told[f"message {number}"] for number in (2, 3, 4))
    assert "trace id" in told["message 5"]


@pytest.mark.parametrize(("form", "place"), [("json", "line 4"), ("proto", "message 4"), ("proto-varint", "message 4")])
@pytest.mark.parametrize("packed", PACKED)
def test_of_half_a_file_what_is_whole_is_read(form, place, packed, tmp_path):
    chunks, torn, _ = read(write(tmp_path, PACKED[packed](FORMS[form][:-20])))
    assert records(chunks) == 9
    assert torn is not None
    assert torn.place.startswith(place)


@pytest.mark.parametrize("packed", [".gz", ".zst"])
def test_a_compressed_file_that_ends_early_says_so(packed, tmp_path):
    whole = PACKED[packed](json_lines(bodies(300)))
    chunks, torn, _ = read(write(tmp_path, whole[: len(whole) * 3 // 4]))
    assert torn is not None
    assert "compressed" in torn.place + torn.reason
    assert 0 < records(chunks) < 900


def test_a_length_that_cannot_be_ends_the_reading(tmp_path):
    content = framed(BODIES[:2]) + (LONGEST + 1).to_bytes(4, "big") + BODIES[2]
    chunks, torn, _ = read(write(tmp_path, content))
    assert records(chunks) == 6
    assert torn is not None
    assert f"{LONGEST + 1} bytes is no length" in torn.reason


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"[{}]", "one list of JSON"),
        (b"hello there\n", "cannot tell what"),
        (b"\0\0\0\0", "cannot tell what"),
        (b"\x1f\x8bnonsense", "cannot tell what"),
        (gzip.compress(gzip.compress(FORMS["json"])), "compressed twice"),
        (gzip.compress(zstd.compress(FORMS["json"])), "compressed twice"),
        ("time,model\n".encode("utf-16"), "is UTF-16; convert it: iconv -f UTF-16 -t UTF-8"),
        ("time,model\n".encode("utf-16-le"), "is UTF-16"),
        ("time,model\n".encode("utf-16-be"), "is UTF-16"),
        (json.dumps(json.loads(FORMS["json"].splitlines()[0]), indent=1).encode(), r"many lines; .*jq -c \. "),
    ],
)
def test_what_is_no_file_of_spans_is_an_error(content, message, tmp_path):
    with pytest.raises(ImportFailed, match=message):
        read(write(tmp_path, content))


def test_a_line_that_was_made_to_take_memory_is_a_dead_letter(tmp_path):
    line = b'{"resourceSpans": [' + b"[]," * 8_000_000 + b"[]]}\n"
    [chunk, other], torn, _ = read(write(tmp_path, line + json_lines(BODIES)))
    assert (chunk.records, chunk.rejected, other.records, torn) == (1, 1, len(EXPECTED), None)
    assert "bytes of memory" in chunk.bad[0].reason


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(ImportFailed, match="No such file"):
        read(tmp_path / "none")
    with pytest.raises(ImportFailed, match="Is a directory"):
        read(tmp_path)


def test_the_name_follows_content_and_reading(tmp_path):
    path = write(tmp_path, FORMS["json"])
    names = {read(path, options)[2].name for options in (Options(), Options(), Options(tenant="b"))}
    assert len(names) == 2
    other = write(tmp_path, FORMS["json"] + b"\n", "other")
    assert read(other)[2].name not in names
