"""The real OpenTelemetry SDK and its exporters against the receiver."""

import asyncio
import logging

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from otlp.requests import spans_of
from otlp.serving import listening, receiver
from spanpulse_stream.gateway import ApiKeys, GrpcServer, OtlpOptions
from spanpulse_stream.observe import catalog

KEY = "0123456789abcdef" * 2


def send_spans(address: str, compression: Compression, headers: dict[str, str] | None = None) -> bool:
    return send_with(
        OTLPSpanExporter(f"http://{address}/v1/traces", compression=compression, headers=headers, timeout=60)
    )


def send_with(exporter: SpanExporter) -> bool:
    provider = TracerProvider(resource=Resource({"service.name": "real"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("tests", "1.2")
    for number in range(20):
        with tracer.start_as_current_span(f"outer {number}"), tracer.start_as_current_span("inner") as inner:
            inner.set_attribute("gen_ai.usage.input_tokens", number)
    flushed = provider.force_flush(20_000)
    provider.shutdown()
    return flushed


@pytest.mark.parametrize("compression", list(Compression))
async def test_spans_arrive(compression, log):
    async with listening(log) as got:
        assert await asyncio.to_thread(send_spans, got.address, compression)
    spans = spans_of(*(message.value for message in log.messages))
    assert len(spans) == 40
    assert {span.name for span in spans} == {"inner", *(f"outer {number}" for number in range(20))}
    assert sum(span.attributes[0].value.int_value for span in spans if span.name == "inner") == sum(range(20))


@pytest.mark.filterwarnings("ignore:`LoggingHandler`:DeprecationWarning")
async def test_logs_arrive(log):
    def send(address: str) -> None:
        provider = LoggerProvider(resource=Resource({"service.name": "real"}))
        exporter = OTLPLogExporter(f"http://{address}/v1/logs", timeout=60)
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        logger = logging.getLogger("test_gateway_sdk.application")
        handler = LoggingHandler(logger_provider=provider)
        logger.addHandler(handler)
        logger.warning("it happened")
        logger.removeHandler(handler)
        provider.shutdown()

    async with listening(log) as got:
        await asyncio.to_thread(send, got.address)
    [message] = log.messages
    assert dict(message.headers)["signal"] == b"logs"
    [group] = ExportLogsServiceRequest.FromString(message.value).resource_logs
    assert group.scope_logs[0].log_records[0].body.string_value == "it happened"


async def test_after_429_the_sdk_tries_again_and_nothing_is_lost(log):
    log.refuse(0.2, times=1)
    async with listening(log) as got:
        await asyncio.to_thread(send_spans, got.address, Compression.Gzip)
        assert got.metrics.value(catalog.RECEIVER_REQUESTS, "traces", "429") == 1
    assert len(spans_of(*(message.value for message in log.messages))) == 40


async def test_spans_arrive_over_grpc_and_are_sent_again_after_a_refusal(log):
    log.refuse(0.2, times=1)
    async with receiver(log, OtlpOptions(keys=ApiKeys.parse([f"acme:plain:{KEY}"]))) as got:
        server = GrpcServer(got.receiver, host="127.0.0.1", port=0)
        await server.start()
        exporter = GrpcSpanExporter(server.address, insecure=True, headers={"x-api-key": KEY}, timeout=60)
        assert await asyncio.to_thread(send_with, exporter)
        await server.stop()
        assert got.metrics.value(catalog.RECEIVER_REQUESTS, "traces", "429") == 1
    assert len(spans_of(*(message.value for message in log.messages))) == 40
    assert {dict(message.headers)["tenant"] for message in log.messages} == {b"acme"}


async def test_a_key_is_sent_as_a_header(log):
    async with listening(log, OtlpOptions(keys=ApiKeys.parse([f"acme:plain:{KEY}"]))) as got:
        await asyncio.to_thread(send_spans, got.address, Compression.Gzip, {"x-api-key": KEY})
    assert {dict(message.headers)["tenant"] for message in log.messages} == {b"acme"}
