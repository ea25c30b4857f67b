"""Every answer that OTLP/HTTP knows, from the application itself."""

import asyncio
import gzip
import hashlib
import logging
import zlib

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from otlp.requests import (
    PROTOBUF,
    attributes,
    bad_request_of,
    resource_spans,
    some_logs,
    some_traces,
    span,
    spans_of,
    status_of,
    traces,
)
from otlp.serving import Served, client, receiver, until
from spanpulse_stream.decode import Limits
from spanpulse_stream.gateway import ApiKeys, OtlpApp, OtlpOptions, Receiver, RequestLimits
from spanpulse_stream.gateway._wire import length_delimited
from spanpulse_stream.observe import Condition, Health, Metrics, catalog

HEADERS = {"content-type": PROTOBUF}
KEY = "k" * 32
KEYS = ApiKeys.parse([f"acme:{hashlib.sha256(KEY.encode()).hexdigest()}", "other:plain:0123456789abcdef"])


async def post(got: Served, body: bytes, path: str = "/v1/traces", **headers: str):
    sent = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    async with client(got.app) as http:
        return await http.post(path, content=body, headers=sent)


async def test_traces_are_accepted_whole_and_answered_empty(log):
    async with receiver(log) as got:
        answer = await post(got, some_traces(3))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == PROTOBUF
    assert not ExportTraceServiceResponse.FromString(answer.content).HasField("partial_success")
    [message] = log.messages
    assert message.topic == "spanpulse.otlp"
    assert message.value == some_traces(3)
    assert dict(message.headers) == {"signal": b"traces", "tenant": b"default", "records": b"3"}
    assert message.records == 3
    assert got.metrics.value(catalog.RECEIVER_REQUESTS, "traces", "200") == 1
    assert got.metrics.value(catalog.RECEIVER_RECORDS, "traces", "accepted") == 3


async def test_logs_are_accepted(log):
    async with receiver(log) as got:
        answer = await post(got, some_logs(2), "/v1/logs")
    assert (answer.status_code, answer.content) == (200, b"")
    assert dict(log.messages[0].headers)["signal"] == b"logs"
    assert log.messages[0].records == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        traces(),
        traces(resource_spans({"service.name": "idle"}, [])),
        b"\x08\x01",  # resource_spans as a number: an unknown field to every protobuf reader
    ],
)
async def test_a_request_without_records_succeeds_and_appends_nothing(body, log):
    async with receiver(log) as got:
        answer = await post(got, body)
    assert (answer.status_code, answer.content) == (200, b"")
    assert log.appends == []


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)],
)
async def test_encodings(encoding, compress, log):
    async with receiver(log) as got:
        answer = await post(got, compress(some_traces(5)), content_encoding=encoding)
    assert answer.status_code == 200
    assert log.messages[0].value == some_traces(5)


async def test_the_media_type_may_have_parameters(log):
    async with receiver(log) as got:
        answer = await post(got, some_traces(), content_type=f"{PROTOBUF.upper()}; charset=x")
    assert answer.status_code == 200


async def test_bad_spans_in_a_good_frame_are_a_partial_success(log):
    bad = length_delimited(5, b"\xff\xfe name")  # invalid UTF-8 in Span.name
    good = span(1).SerializeToString()
    scope = length_delimited(2, good) + length_delimited(2, bad) + length_delimited(2, good)
    body = length_delimited(1, length_delimited(2, scope))
    async with receiver(log) as got:
        answer = await post(got, body)
    assert answer.status_code == 200
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 1
    assert "invalid_utf8 (1)" in partial.error_message
    assert log.messages[0].value == body
    assert log.messages[0].records == 3
    assert got.metrics.value(catalog.RECEIVER_RECORDS, "traces", "accepted") == 3
    assert got.metrics.value(catalog.RECEIVER_RECORDS, "traces", "rejected") == 1


async def test_bad_log_records_are_a_partial_success_too(log):
    bad = length_delimited(3, b"\xff")  # LogRecord.severity_text
    body = length_delimited(1, length_delimited(2, length_delimited(2, bad)))
    async with receiver(log) as got:
        answer = await post(got, body, "/v1/logs")
    partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_log_records) == (200, 1)
    assert "log records" in partial.error_message


async def test_too_many_attributes_and_deep_values_are_rejected_alone(log):
    many = span(1)
    many.attributes.extend(attributes({f"a{n}": n for n in range(50)}))
    deep = span(2)
    value = AnyValue(string_value="bottom")
    for _ in range(20):
        value = AnyValue(array_value=ArrayValue(values=[value]))
    deep.attributes.append(KeyValue(key="deep", value=value))
    body = traces(resource_spans({"service.name": "s"}, [many, deep, span(3)]))
    options = OtlpOptions(decoding=Limits(max_attributes=20, max_depth=10))
    async with receiver(log, options) as got:
        answer = await post(got, body)
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 2
    assert "too_many_attributes (1)" in partial.error_message
    assert "too_deep (1)" in partial.error_message


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a\xff",  # a length that reaches past the end
        some_traces()[:-1],
        b"\xff" * 40,
        b"not protobuf at all",
    ],
)
async def test_undecodable_bodies_are_400_with_a_bad_request(body, log):
    async with receiver(log) as got:
        answer = await post(got, body)
    status = status_of(answer.content)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == PROTOBUF
    assert status.code == 3
    assert "malformed" in status.message
    assert bad_request_of(status).field_violations[0].description == status.message
    assert log.appends == []


UNKNOWN = b"\x78\x01" * 20_000  # field 15


@pytest.mark.parametrize(
    "body",
    [
        some_traces() + UNKNOWN,
        some_traces() + length_delimited(1, UNKNOWN),
        some_traces() + length_delimited(1, length_delimited(1, UNKNOWN)),
        some_traces() + length_delimited(1, length_delimited(1, length_delimited(1, UNKNOWN))),
        some_traces() + length_delimited(1, b"\x0a\x00" * 20_000),
        some_traces() + b"\x7b" + b"\x08\x01" * 20_000 + b"\x7c",
        some_traces() + length_delimited(1, b"\x78\x01" * 900) * 600,
        some_traces() + length_delimited(1, length_delimited(1, b"\x0a\x00" * 2000)) * 300,
        some_traces() + length_delimited(1, b"\x7b" + b"\x08\x01" * 990 + b"\x7c") * 600,
    ],
    ids=[
        "request",
        "resource spans",
        "resource",
        "attribute",
        "resources",
        "group",
        "many resource spans",
        "many attributes",
        "many groups",
    ],
)
async def test_fields_that_nobody_knows_are_few(body, log):
    async with receiver(log) as got:
        answer = await post(got, body)
    assert answer.status_code == 400
    assert "fields" in status_of(answer.content).message
    assert log.appends == []


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(some_traces())[:-9], "gzip"),
        (gzip.compress(some_traces())[:-8] + b"\0" * 8, "gzip"),
        (some_traces(), "gzip"),
        (b"", "gzip"),  # no gzip stream, as RFC 1952 has it: the encoding was announced
        (zlib.compress(some_traces())[:-1], "deflate"),
    ],
)
async def test_broken_compression_is_400(body, encoding, log):
    async with receiver(log) as got:
        answer = await post(got, body, content_encoding=encoding)
    assert answer.status_code == 400
    assert encoding in status_of(answer.content).message
    assert log.appends == []


@pytest.mark.parametrize("path", ["/", "/v1/metric", "/v1/traces/", "/v1development/profiles"])
async def test_unknown_paths_are_404(path, log):
    async with receiver(log) as got:
        answer = await post(got, some_traces(), path)
    assert (answer.status_code, status_of(answer.content).code) == (404, 5)
    assert got.metrics.value(catalog.RECEIVER_REQUESTS, "none", "404") == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "DELETE"])
async def test_other_methods_are_405(method, log):
    async with receiver(log) as got, client(got.app) as http:
        answer = await http.request(method, "/v1/traces")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert status_of(answer.content).code == 12


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_413(declared, log):
    async def chunks():
        for _ in range(40):
            yield b"x" * 100

    async with receiver(log, OtlpOptions(limits=RequestLimits(max_body_bytes=2000))) as got, client(got.app) as http:
        content = b"x" * 4000 if declared else chunks()
        answer = await http.post("/v1/traces", content=content, headers=HEADERS)
    assert answer.status_code == 413
    assert "2000" in status_of(answer.content).message
    assert log.appends == []


async def test_a_decompressed_body_over_the_limit_is_413(log):
    body = gzip.compress(some_traces(2000))
    options = OtlpOptions(limits=RequestLimits(max_decompressed_bytes=100_000))
    async with receiver(log, options) as got:
        answer = await post(got, body, content_encoding="gzip")
    assert answer.status_code == 413
    assert "decompressed" in status_of(answer.content).message


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_other_content_types_are_415(content_type, log):
    async with receiver(log) as got:
        answer = await post(got, some_traces(), content_type=content_type)
    assert answer.status_code == 415
    assert PROTOBUF in status_of(answer.content).message


@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip, gzip", "snappy"])
async def test_unknown_encodings_are_415(encoding, log):
    async with receiver(log) as got:
        answer = await post(got, some_traces(), content_encoding=encoding)
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "gzip, deflate"


async def test_a_full_log_is_429_with_retry_after_and_nothing_is_taken(log):
    log.refuse(2.2)
    async with receiver(log) as got:
        refused = await post(got, some_traces(4))
        unready = [reason.condition for reason in got.health.reasons()]
        accepted = await post(got, some_traces(4))
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "3"
    assert status_of(refused.content).code == 8
    assert unready == [Condition.LOG_FULL]
    assert got.metrics.value(catalog.RECEIVER_RECORDS, "traces", "refused") == 4
    assert accepted.status_code == 200
    assert len(log.messages) == 1


async def test_a_failing_log_is_503_so_that_the_sender_tries_again(caplog, log):
    log.refusals.append(OSError("disk on fire"))
    async with receiver(log) as got:
        answer = await post(got, some_traces())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "disk on fire" not in status_of(answer.content).message
    assert "disk on fire" in caplog.text


async def test_503_while_starting_and_stopping(log):
    taking = Receiver(log, OtlpOptions(), Metrics(), Health(lambda: 0.0))
    for change, word in ((lambda: None, "starting"), (taking.stop, "stopping")):
        change()
        async with client(OtlpApp(taking)) as http:
            answer = await http.post("/v1/traces", content=some_traces(), headers=HEADERS)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert word in status_of(answer.content).message
    taking.close()
    assert log.appends == []


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer wrong"}, {"x-api-key": KEY + "x"}, {"authorization": f"Basic {KEY}"}]
)
async def test_a_wrong_key_is_401(headers, caplog, log):
    caplog.set_level(logging.DEBUG)
    async with receiver(log, OtlpOptions(keys=KEYS)) as got, client(got.app) as http:
        answer = await http.post("/v1/traces", content=some_traces(), headers=HEADERS | headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert status_of(answer.content).code == 16
    assert log.appends == []
    assert "wrong" not in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("headers", "tenant"),
    [
        ({"authorization": f"Bearer {KEY}"}, b"acme"),
        ({"authorization": f"bearer  {KEY} "}, b"acme"),
        ({"x-api-key": KEY}, b"acme"),
        ({"x-api-key": "0123456789abcdef", "tenant": "acme"}, b"other"),
    ],
)
async def test_the_key_gives_the_tenant(headers, tenant, log):
    async with receiver(log, OtlpOptions(keys=KEYS)) as got, client(got.app) as http:
        answer = await http.post("/v1/traces", content=some_traces(), headers=HEADERS | headers)
    assert answer.status_code == 200
    assert dict(log.messages[0].headers)["tenant"] == tenant


async def test_several_resources_become_messages_of_one_append(log):
    first, second = {"service.name": "a", "host.name": "h"}, {"service.name": "b", "host.name": "h"}
    body = traces(
        resource_spans(first, [span(1)]), resource_spans(second, [span(2), span(3)]), resource_spans(first, [span(4)])
    )
    async with receiver(log, OtlpOptions(partitions=16)) as got:
        await post(got, body)
        await post(got, body)
    assert len(log.appends) == 2
    assert log.appends[0] == log.appends[1]
    assert [[one.name for one in spans_of(message.value)] for message in log.appends[0]] == [
        ["chat 1", "chat 4"],
        ["chat 2", "chat 3"],
    ]
    assert [message.records for message in log.appends[0]] == [2, 2]
    assert len({message.key for message in log.appends[0]}) == 2
    assert all(0 <= message.partition < 16 for message in log.messages)


async def test_200_waits_for_the_log(log):
    log.open.clear()
    async with receiver(log) as got:
        sending = asyncio.create_task(post(got, some_traces()))
        await until(lambda: log.waiting == 1)
        assert not sending.done()
        assert got.metrics.value(catalog.RECEIVER_IN_FLIGHT) == 1
        assert got.metrics.value(catalog.RECEIVER_IN_FLIGHT_BYTES) == len(some_traces())
        log.open.set()
        assert (await sending).status_code == 200
        assert got.metrics.value(catalog.RECEIVER_IN_FLIGHT) == 0
        assert got.metrics.value(catalog.RECEIVER_IN_FLIGHT_BYTES) == 0


@pytest.mark.parametrize(
    "limits",
    [
        RequestLimits(most_requests=2),
        RequestLimits(max_body_bytes=3000, max_decompressed_bytes=3000, most_bytes_in_flight=6000),
    ],
    ids=["requests", "bytes"],
)
async def test_requests_and_bytes_in_flight_are_bounded(limits, log):
    body = some_traces(20)
    assert 2000 < len(body) <= 3000
    log.open.clear()
    async with receiver(log, OtlpOptions(limits=limits)) as got:
        sending = [asyncio.create_task(post(got, body)) for _ in range(2)]
        await until(lambda: log.waiting == 2)
        refused = await post(got, body)
        log.open.set()
        answers = await asyncio.gather(*sending)
        again = await post(got, body)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert [answer.status_code for answer in (*answers, again)] == [200, 200, 200]


async def test_a_defect_of_the_receiver_is_500_and_gives_its_memory_back(monkeypatch, caplog, log):
    def broken(*_args):
        raise RuntimeError("a defect")

    monkeypatch.setattr("spanpulse_stream.gateway._intake.check", broken)
    async with receiver(log) as got:
        answer = await post(got, some_traces())
    assert answer.status_code == 500
    assert status_of(answer.content).code == 13
    assert "a defect" in caplog.text
    assert got.metrics.value(catalog.RECEIVER_IN_FLIGHT_BYTES) == 0


async def test_large_requests_leave_the_event_loop(log):
    spans = [span(number, "x" * 1700) for number in range(1, 10_001)]
    body = traces(resource_spans({"service.name": "big"}, spans))
    async with receiver(log) as got:
        answer = await post(got, body)
    assert answer.status_code == 200
    assert max(len(message.value) for message in log.messages) <= 900_000
    assert sum(message.records for message in log.messages) == 10_000
    assert len(log.appends) == 1
    assert [one.span_id for one in spans_of(*(m.value for m in log.messages))] == [one.span_id for one in spans]


async def test_one_huge_span_stays_whole(log):
    body = traces(resource_spans({"service.name": "s"}, [span(1), span(2, "x" * 1_000_000), span(3)]))
    async with receiver(log) as got:
        assert (await post(got, body)).status_code == 200
    assert [message.records for message in log.messages] == [1, 1, 1]
    assert [one.name for one in spans_of(*(m.value for m in log.messages))] == ["chat 1", "chat 2", "chat 3"]
    assert ExportTraceServiceRequest.FromString(log.messages[2].value).resource_spans[0].scope_spans[0].scope.name
