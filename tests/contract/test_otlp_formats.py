"""One behaviour in every format of OTLP: the same input gives the same messages, the same errors and their reasons."""

import gzip
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from google.protobuf import json_format
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
from otlp.requests import PROTOBUF, attributes, resource_spans, some_logs, some_traces, span, traces
from otlp.serving import Served, client, receiver
from spanpulse_stream.decode import Limits
from spanpulse_stream.gateway import ApiKeys, Message, OtlpOptions, RequestLimits

RESPONSES: dict[str, Any] = {"traces": ExportTraceServiceResponse, "logs": ExportLogsServiceResponse}
KEY = "k" * 32
KEYS = ApiKeys.parse([f"acme:{hashlib.sha256(KEY.encode()).hexdigest()}"])


@dataclass(frozen=True)
class Format:
    """How requests are written and answers read."""

    content_type: str
    write: Callable[[bytes, str], bytes]

    async def post(self, got: Served, body: bytes, signal: str = "traces", **headers: str) -> httpx.Response:
        sent = {"content-type": self.content_type} | {name.replace("_", "-"): text for name, text in headers.items()}
        async with client(got.app) as http:
            answer = await http.post(f"/v1/{signal}", content=body, headers=sent)
        assert answer.headers["content-type"] == self.content_type
        return answer

    def read(self, answer: httpx.Response, kind: Any) -> Any:
        if self.content_type == PROTOBUF:
            return kind.FromString(answer.content)
        return json_format.Parse(answer.content, kind())


FORMATS = {"protobuf": Format(PROTOBUF, lambda body, _signal: body), "json": Format("application/json", otlp_json)}


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> Format:
    return FORMATS[request.param]


def parsed(messages: Sequence[Message], signal: str) -> list[Any]:
    return [REQUESTS[signal].FromString(message.value) for message in messages]


@pytest.mark.parametrize("signal", REQUESTS)
async def test_recorded_exports_become_the_same_messages(form: Format, signal: str, log: GatedLog) -> None:
    bodies = [body for _, body in corpus_bodies(signal)]
    async with receiver(log) as got:
        for body in bodies:
            answer = await form.post(got, form.write(body, signal), signal)
            assert answer.status_code == 200
            assert not form.read(answer, RESPONSES[signal]).HasField("partial_success")
        written = len(log.messages)
        for body in bodies:
            await FORMATS["protobuf"].post(got, body, signal)
    found, expected = log.messages[:written], log.messages[written:]
    assert parsed(found, signal) == parsed(expected, signal)
    assert [(m.partition, m.key, m.headers, m.records) for m in found] == [
        (m.partition, m.key, m.headers, m.records) for m in expected
    ]


async def test_compressed(form: Format, log: GatedLog) -> None:
    async with receiver(log) as got:
        answer = await form.post(got, gzip.compress(form.write(some_traces(3), "traces")), content_encoding="gzip")
    assert answer.status_code == 200
    assert parsed(log.messages, "traces") == [REQUESTS["traces"].FromString(some_traces(3))]


@pytest.mark.parametrize("body", [b"", traces()])
async def test_a_request_without_records_succeeds(form: Format, body: bytes, log: GatedLog) -> None:
    async with receiver(log) as got:
        answer = await form.post(got, form.write(body, "traces"))
    assert (answer.status_code, log.appends) == (200, [])


async def test_a_span_beyond_a_limit_is_rejected_alone(form: Format, log: GatedLog) -> None:
    many = span(1)
    many.attributes.extend(attributes({f"a{n}": n for n in range(50)}))
    body = traces(resource_spans({"service.name": "s"}, [many, span(2)]))
    async with receiver(log, OtlpOptions(decoding=Limits(max_attributes=20))) as got:
        answer = await form.post(got, form.write(body, "traces"))
    partial = form.read(answer, ExportTraceServiceResponse).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 1)
    assert "too_many_attributes (1)" in partial.error_message
    assert log.messages[0].records == 2


@pytest.mark.parametrize(("body", "signal"), [(b"\x0a\xff", "traces"), (b"{", "logs"), (b"[1]", "traces")])
async def test_an_unreadable_body_is_400(form: Format, body: bytes, signal: str, log: GatedLog) -> None:
    async with receiver(log) as got:
        answer = await form.post(got, body, signal)
    assert answer.status_code == 400
    assert form.read(answer, Status).code == 3
    assert log.appends == []


async def test_a_body_over_the_limit_is_413(form: Format, log: GatedLog) -> None:
    body = form.write(some_traces(50), "traces")
    async with receiver(log, OtlpOptions(limits=RequestLimits(max_body_bytes=len(body) - 1))) as got:
        answer = await form.post(got, body)
    assert answer.status_code == 413
    assert "larger than" in form.read(answer, Status).message


async def test_a_missing_key_is_401(form: Format, log: GatedLog) -> None:
    async with receiver(log, OtlpOptions(keys=KEYS)) as got:
        refused = await form.post(got, form.write(some_traces(), "traces"))
        accepted = await form.post(got, form.write(some_traces(), "traces"), x_api_key=KEY)
    assert (refused.status_code, form.read(refused, Status).code) == (401, 16)
    assert accepted.status_code == 200
    assert dict(log.messages[0].headers)["tenant"] == b"acme"


async def test_a_full_log_is_429(form: Format, log: GatedLog) -> None:
    log.refuse(1.0)
    async with receiver(log) as got:
        refused = await form.post(got, form.write(some_logs(2), "logs"), "logs")
    assert (refused.status_code, form.read(refused, Status).code) == (429, 8)
    assert refused.headers["retry-after"] == "1"


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
    body = message.SerializeToString() if form.content_type == PROTOBUF else json_format.MessageToJson(message).encode()
    async with receiver(log) as got:
        answer = await form.post(got, gzip.compress(body), "metrics", content_encoding="gzip")
        nothing = await form.post(got, b"" if form.content_type == PROTOBUF else b"{}", "metrics")
        broken = await form.post(got, b"\x0a\xff", "metrics")
    partial = form.read(answer, ExportMetricsServiceResponse).partial_success
    assert (answer.status_code, partial.rejected_data_points) == (200, 5)
    assert "not metrics" in partial.error_message
    assert not form.read(nothing, ExportMetricsServiceResponse).HasField("partial_success")
    assert broken.status_code == 400
    assert log.appends == []


async def test_a_span_that_is_none_in_json_is_rejected_alone(log: GatedLog) -> None:
    spans = [{"traceId": "01" * 16, "spanId": "02" * 8, "name": "good"}, {"traceId": "no hexadecimal digits"}]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    async with receiver(log) as got:
        answer = await FORMATS["json"].post(got, body)
    partial = answer.json()["partialSuccess"]
    assert (answer.status_code, partial["rejectedSpans"]) == (200, "1")
    assert "invalid_json (1)" in partial["errorMessage"]
    assert b"no hexadecimal digits" in log.messages[0].value
    assert log.messages[0].records == 2


async def test_json_that_would_fill_the_memory_is_413(log: GatedLog) -> None:
    body = b'{"resourceSpans": [' + b"[]," * 1_000_000 + b"[]]}"
    async with receiver(log) as got:
        answer = await FORMATS["json"].post(got, body)
    assert answer.status_code == 413
    assert "send less at once" in answer.json()["message"]
