"""One behaviour in every format of OTLP: the same input gives the same messages, the same errors and their reasons."""

import gzip
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)

from oracle import corpus_bodies
from oracle.otlp_json import REQUESTS, otlp_json
from otlp.log import GatedLog
from otlp.requests import PROTOBUF, attributes, resource_spans, some_logs, some_traces, span, spans_of, traces
from otlp.serving import Served, client, receiver
from spanpulse_stream.decode import Limits
from spanpulse_stream.gateway import (
    ApiKeys,
    CannotListen,
    GrpcServer,
    Message,
    OtlpOptions,
    Receiver,
    RequestLimits,
    resource_key,
)
from spanpulse_stream.gateway._server import bind
from spanpulse_stream.gateway._wire import fields
from spanpulse_stream.observe import Health, Metrics

RESPONSES: dict[str, Any] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}
METHODS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE, UNAUTHENTICATED = 3, 8, 14, 16
HTTP_STATUS = {400: 3, 401: 16, 413: 8, 429: 8, 503: 14}
KEY = "k" * 32
KEYS = ApiKeys.parse([f"acme:{hashlib.sha256(KEY.encode()).hexdigest()}"])


@dataclass(frozen=True)
class Outcome:
    """How a request ended: a google.rpc.Code (0: accepted), what was said, and when it may be sent again."""

    code: int
    message: str = ""
    retry_after_s: float | None = None
    response: Any = None


class Http:
    """OTLP/HTTP: binary protobuf or JSON."""

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type

    def write(self, body: bytes, signal: str) -> bytes:
        return body if self.content_type == PROTOBUF else otlp_json(body, signal)

    async def send(
        self, got: Served, body: bytes, signal: str = "traces", key: str = "", *, compressed: bool = False
    ) -> Outcome:
        headers = {"content-type": self.content_type} | ({"x-api-key": key} if key else {})
        if compressed:
            body, headers = gzip.compress(body), headers | {"content-encoding": "gzip"}
        async with client(got.app) as http:
            answer = await http.post(f"/v1/{signal}", content=body, headers=headers)
        assert answer.headers["content-type"] == self.content_type
        if answer.status_code == 200:
            return Outcome(0, response=self._read(answer.content, RESPONSES[signal]))
        status = self._read(answer.content, Status)
        assert HTTP_STATUS[answer.status_code] == status.code
        return Outcome(status.code, status.message, float(answer.headers.get("retry-after", "nan")))

    def _read(self, content: bytes, kind: Any) -> Any:
        return kind.FromString(content) if self.content_type == PROTOBUF else json_format.Parse(content, kind())


class Grpc:
    """OTLP/gRPC, on a socket."""

    def write(self, body: bytes, _signal: str) -> bytes:
        return body

    async def send(
        self, got: Served, body: bytes, signal: str = "traces", key: str = "", *, compressed: bool = False
    ) -> Outcome:
        server = GrpcServer(got.receiver, host="127.0.0.1", port=0, stop_within=1)
        await server.start()
        try:
            async with grpc.aio.insecure_channel(server.address) as channel:
                export = channel.unary_unary(METHODS[signal])
                compression = grpc.Compression.Gzip if compressed else None
                metadata = (("x-api-key", key),) if key else ()
                answer = await export(body, metadata=metadata, compression=compression, timeout=20)
        except grpc.aio.AioRpcError as error:
            return self._refused(error)
        finally:
            await server.stop()
        return Outcome(0, response=RESPONSES[signal].FromString(answer))

    def _refused(self, error: grpc.aio.AioRpcError) -> Outcome:
        code = error.code().value[0]
        trailing = dict(error.trailing_metadata() or ())
        status = Status.FromString(trailing["grpc-status-details-bin"]) if trailing else Status(code=code)
        retry = RetryInfo()
        found = [retry.retry_delay.ToSeconds() for detail in status.details if detail.Unpack(retry)]
        assert status.code == code
        return Outcome(code, error.details() or "", found[0] if found else float("nan"))


PLAIN = Http(PROTOBUF)
FORMATS = {"protobuf": PLAIN, "json": Http("application/json"), "grpc": Grpc()}
Format = Http | Grpc


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> Format:
    return FORMATS[request.param]


def whole_of(body: bytes) -> tuple[int, int]:
    """Return where the only resource of a request lies."""
    [(_, _, _, start, end)] = fields(body, 0, len(body))
    return start, end


def parsed(messages: Sequence[Message], signal: str) -> list[Any]:
    return [REQUESTS[signal].FromString(message.value) for message in messages]


@pytest.mark.parametrize("signal", REQUESTS)
async def test_recorded_exports_become_the_same_messages(form: Format, signal: str, log: GatedLog) -> None:
    bodies = [body for _, body in corpus_bodies(signal)]
    async with receiver(log) as got:
        for body in bodies:
            outcome = await form.send(got, form.write(body, signal), signal)
            assert outcome.code == 0
            assert not outcome.response.HasField("partial_success")
        written = len(log.messages)
        for body in bodies:
            await PLAIN.send(got, body, signal)
    found, expected = log.messages[:written], log.messages[written:]
    assert parsed(found, signal) == parsed(expected, signal)
    assert [(m.partition, m.headers, m.records) for m in found] == [
        (m.partition, m.headers, m.records) for m in expected
    ]


async def test_a_sender_without_a_name_is_known_by_its_address(form: Format, log: GatedLog) -> None:
    async with receiver(log) as got:
        await form.send(got, form.write(traces(resource_spans({"service.name": "s"}, [span(1)])), "traces"))
    assert log.messages[0].key == resource_key(log.messages[0].value, *whole_of(log.messages[0].value), "127.0.0.1")


async def test_compressed(form: Format, log: GatedLog) -> None:
    async with receiver(log) as got:
        outcome = await form.send(got, form.write(some_traces(3), "traces"), compressed=True)
    assert outcome.code == 0
    assert parsed(log.messages, "traces") == [REQUESTS["traces"].FromString(some_traces(3))]


@pytest.mark.parametrize("body", [b"", traces()])
async def test_a_request_without_records_succeeds(form: Format, body: bytes, log: GatedLog) -> None:
    async with receiver(log) as got:
        outcome = await form.send(got, form.write(body, "traces"))
    assert (outcome.code, log.appends) == (0, [])


async def test_a_span_beyond_a_limit_is_rejected_alone(form: Format, log: GatedLog) -> None:
    many = span(1)
    many.attributes.extend(attributes({f"a{n}": n for n in range(50)}))
    body = traces(resource_spans({"service.name": "s"}, [many, span(2)]))
    async with receiver(log, OtlpOptions(decoding=Limits(max_attributes=20))) as got:
        outcome = await form.send(got, form.write(body, "traces"))
    partial = outcome.response.partial_success
    assert partial.rejected_spans == 1
    assert "too_many_attributes (1)" in partial.error_message
    assert log.messages[0].records == 2


@pytest.mark.parametrize(("body", "signal"), [(b"\x0a\xff", "traces"), (b"{", "logs"), (b"[1]", "traces")])
async def test_an_unreadable_body_is_an_invalid_argument(form: Format, body: bytes, signal: str, log: GatedLog) -> None:
    async with receiver(log) as got:
        outcome = await form.send(got, body, signal)
    assert outcome.code == INVALID_ARGUMENT
    assert log.appends == []


async def test_a_body_over_the_limit_is_not_to_be_sent_again(form: Format, log: GatedLog) -> None:
    body = form.write(some_traces(50), "traces")
    async with receiver(log, OtlpOptions(limits=RequestLimits(max_body_bytes=len(body) - 1))) as got:
        outcome = await form.send(got, body)
    assert outcome.code == RESOURCE_EXHAUSTED
    assert isnan(outcome.retry_after_s)
    assert "larger than" in outcome.message


async def test_a_body_that_swells_is_refused(form: Format, log: GatedLog) -> None:
    body = form.write(some_traces(2000), "traces")
    limits = RequestLimits(max_body_bytes=100_000, max_decompressed_bytes=100_000)
    async with receiver(log, OtlpOptions(limits=limits)) as got:
        outcome = await form.send(got, body, compressed=True)
    assert outcome.code == RESOURCE_EXHAUSTED
    assert isnan(outcome.retry_after_s)
    assert log.appends == []


async def test_a_key_is_asked_for(form: Format, log: GatedLog) -> None:
    async with receiver(log, OtlpOptions(keys=KEYS)) as got:
        refused = await form.send(got, form.write(some_traces(), "traces"))
        wrong = await form.send(got, form.write(some_traces(), "traces"), key="wrong")
        accepted = await form.send(got, form.write(some_traces(), "traces"), key=KEY)
    assert (refused.code, wrong.code, accepted.code) == (UNAUTHENTICATED, UNAUTHENTICATED, 0)
    assert dict(log.messages[0].headers)["tenant"] == b"acme"
    assert len(log.messages) == 1


async def test_a_full_log_says_when_to_try_again(form: Format, log: GatedLog) -> None:
    log.refuse(2.5)
    async with receiver(log) as got:
        refused = await form.send(got, form.write(some_logs(2), "logs"), "logs")
        accepted = await form.send(got, form.write(some_logs(2), "logs"), "logs")
    assert (refused.code, refused.retry_after_s, accepted.code) == (RESOURCE_EXHAUSTED, 3, 0)


async def test_a_failing_log_is_unavailable(form: Format, log: GatedLog) -> None:
    log.refusals.append(OSError("disk on fire"))
    async with receiver(log) as got:
        outcome = await form.send(got, form.write(some_traces(), "traces"))
    assert (outcome.code, outcome.retry_after_s) == (UNAVAILABLE, 2)
    assert "disk on fire" not in outcome.message


async def test_stopping_is_unavailable(form: Format, log: GatedLog) -> None:
    async with receiver(log) as got:
        got.receiver.stop()
        outcome = await form.send(got, form.write(some_traces(), "traces"))
    assert (outcome.code, outcome.retry_after_s) == (UNAVAILABLE, 2)


def some_metrics() -> ExportMetricsServiceRequest:
    points = [NumberDataPoint(as_int=number) for number in range(3)]
    metrics = [
        Metric(name="tokens", sum=Sum(data_points=points)),
        Metric(name="seconds", histogram=Histogram(data_points=[HistogramDataPoint(count=1)])),
        Metric(name="load", gauge=Gauge(data_points=points[:1])),
        Metric(name="nothing"),
    ]
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=metrics)])]
    )


async def test_metrics_are_answered_and_what_is_not_kept_is_said(form: Format, log: GatedLog) -> None:
    message = some_metrics()
    as_json = form is FORMATS["json"]
    body = json_format.MessageToJson(message).encode() if as_json else message.SerializeToString()
    async with receiver(log) as got:
        outcome = await form.send(got, body, "metrics", compressed=True)
        nothing = await form.send(got, b"{}" if as_json else b"", "metrics")
        broken = await form.send(got, b"\x0a\xff", "metrics")
    assert outcome.response.partial_success.rejected_data_points == 5
    assert "not metrics" in outcome.response.partial_success.error_message
    assert not nothing.response.HasField("partial_success")
    assert broken.code == INVALID_ARGUMENT
    assert log.appends == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\x0a\x00" * 250_000, "more than 200000 fields"),
        (b"\x0b" + b"\x08\x01" * 20_000 + b"\x0c", "a group has more than"),
        (b"\xff" * 1_000_000, "not an OTLP request of metrics"),
    ],
    ids=["fields", "group", "number"],
)
async def test_metrics_that_were_made_to_cost_time_are_refused(body: bytes, said: str, log: GatedLog) -> None:
    begun = time.process_time()
    async with receiver(log) as got:
        outcome = await PLAIN.send(got, body, "metrics")
    assert outcome.code == INVALID_ARGUMENT
    assert said in outcome.message
    assert time.process_time() - begun < 10  # tens of seconds without a bound


async def test_metrics_under_the_names_of_protobuf_are_counted_too(log: GatedLog) -> None:
    body = json_format.MessageToJson(some_metrics(), preserving_proto_field_name=True).encode()
    async with receiver(log) as got:
        outcome = await FORMATS["json"].send(got, body, "metrics")
    assert outcome.response.partial_success.rejected_data_points == 5


@pytest.mark.parametrize(
    ("signal", "body"),
    [
        ("metrics", {"resourceMetrics": 7}),
        ("metrics", {"resourceMetrics": [7]}),
        ("metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"sum": {"dataPoints": {}}}]}]}]}),
        ("metrics", {"resourceSpans": []}),
        ("traces", {"resourceLogs": []}),
        ("logs", {"resourceSpans": [{"scopeSpans": []}]}),
        ("traces", {"trace": {"resourceSpans": []}}),
    ],
)
async def test_json_of_something_else_is_an_invalid_argument(signal: str, body: Any, log: GatedLog) -> None:
    async with receiver(log) as got:
        outcome = await FORMATS["json"].send(got, json.dumps(body).encode(), signal)
    assert outcome.code == INVALID_ARGUMENT
    assert "is not an OTLP request of " + signal in outcome.message
    assert log.appends == []


@pytest.mark.parametrize("body", ['{"resourceSpans": null}', '{"resource_spans": [], "later": 1}'])
async def test_json_of_a_request_that_holds_nothing_succeeds(body: str, log: GatedLog) -> None:
    async with receiver(log) as got:
        assert (await FORMATS["json"].send(got, body.encode())).code == 0


async def test_a_text_that_was_cut_within_a_character_does_not_cost_its_request(log: GatedLog) -> None:
    body = otlp_json(some_traces(3), "traces").replace(b"chat 2", rb"cut \ud83d")
    async with receiver(log) as got:
        outcome = await FORMATS["json"].send(got, body)
    assert outcome.code == 0
    assert [one.name for one in spans_of(log.messages[0].value)] == ["chat 1", "cut \ufffd", "chat 3"]


async def test_a_span_that_is_none_in_json_is_rejected_alone(log: GatedLog) -> None:
    spans = [{"traceId": "01" * 16, "spanId": "02" * 8, "name": "good"}, {"traceId": "no hexadecimal digits"}]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    async with receiver(log) as got:
        outcome = await FORMATS["json"].send(got, body)
    assert outcome.response.partial_success.rejected_spans == 1
    assert "invalid_json (1)" in outcome.response.partial_success.error_message
    assert b"no hexadecimal digits" in log.messages[0].value
    assert log.messages[0].records == 2


async def test_a_batch_as_large_as_the_collectors_is_taken_in_json(log: GatedLog) -> None:
    pairs = [{"key": f"gen_ai.attribute.{n}", "value": {"stringValue": f"value {n}"}} for n in range(15)]
    one = json.dumps({"traceId": "01" * 16, "spanId": "02" * 8, "name": "chat", "attributes": pairs})
    body = '{"resourceSpans": [{"scopeSpans": [{"spans": [' + ",".join([one] * 8192) + "]}]}]}"
    async with receiver(log) as got:
        outcome = await FORMATS["json"].send(got, body.encode())
    assert (outcome.code, outcome.message) == (0, "")
    assert sum(message.records for message in log.messages) == 8192


async def test_json_that_would_fill_the_memory_is_refused(log: GatedLog) -> None:
    body = b'{"resourceSpans": [' + b"[]," * 2_000_000 + b"[]]}"
    async with receiver(log) as got:
        outcome = await FORMATS["json"].send(got, body)
    assert outcome.code == RESOURCE_EXHAUSTED
    assert "send less at once" in outcome.message


async def test_a_grpc_port_that_is_taken_is_said() -> None:
    with bind("127.0.0.1", 0, "otlp_grpc") as taken:
        taken.listen()
        port = taken.getsockname()[1]
        server = GrpcServer(
            Receiver(None, OtlpOptions(), Metrics(), Health(time.monotonic)), host="127.0.0.1", port=port
        )
        with pytest.raises(CannotListen, match=rf"port {port}: the port is taken; choose another with --otlp-grpc "):
            await server.start()


async def test_connections_over_grpc_are_bounded_and_others_come_after_them(log: GatedLog) -> None:
    own = [("grpc.use_local_subchannel_pool", 1)]  # or channels of one process share a connection
    async with receiver(log, OtlpOptions(limits=RequestLimits(most_connections=2))) as got:
        server = GrpcServer(got.receiver, host="127.0.0.1", port=0, stop_within=1)
        await server.start()
        channels = [grpc.aio.insecure_channel(server.address, options=own) for _ in range(3)]
        exports = [channel.unary_unary(METHODS["traces"]) for channel in channels]
        for export in exports[:2]:
            await export(some_traces(), timeout=20)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await exports[2](some_traces(), timeout=20)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        await channels[0].close()
        await exports[2](some_traces(), timeout=20, wait_for_ready=True)
        for channel in channels[1:]:
            await channel.close()
        await server.stop()
    assert len(log.appends) == 3
