"""What tests of the wrapper's way to Kafka share: batches of spans, and settings that reach a broker of the tests."""

import time
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from kafka_running import Kafka
from spanpulse._export._transport import Batch
from spanpulse._settings import Settings

__all__ = ["batch_of", "settings_of", "spans_of"]


def batch_of(number: int, spans: int = 1, key: bytes = b"k" * 16, text: str = "") -> Batch:
    """Return a batch whose spans nobody else has: ids are made of ``number``."""
    request, now = ExportTraceServiceRequest(), time.time_ns()
    of_resource = request.resource_spans.add()
    of_resource.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value="wrapped")))
    scope = of_resource.scope_spans.add()
    for each in range(spans):
        span = scope.spans.add(
            trace_id=number.to_bytes(16, "big"),
            span_id=(number * 1000 + each + 1).to_bytes(8, "big"),
            name=f"span {number}",
            start_time_unix_nano=now - 1_000_000,
            end_time_unix_nano=now,
        )
        span.attributes.append(KeyValue(key="gen_ai.operation.name", value=AnyValue(string_value="chat")))
        if text:
            span.attributes.append(KeyValue(key="text", value=AnyValue(string_value=text)))
    return Batch("traces", request.SerializeToString(), spans, key)


def spans_of(value: bytes) -> list[tuple[bytes, bytes]]:
    """Return the ids of the spans in a message."""
    request = ExportTraceServiceRequest.FromString(value)
    return [
        (span.trace_id, span.span_id)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def settings_of(kafka: Kafka, topic: str, **more: Any) -> Settings:
    """Return settings of the wrapper that reach a broker."""
    known = kafka.settings()
    files = {
        "certificate": known.kafka_ssl_ca,
        "client_certificate": known.kafka_ssl_certificate,
        "client_key": known.kafka_ssl_key,
    }
    password = known.kafka_sasl_password
    found: dict[str, Any] = {
        "kafka_brokers": ",".join(kafka.bootstrap),
        "kafka_topic": topic,
        "kafka_security_protocol": known.kafka_security_protocol,
        "kafka_sasl_mechanism": known.kafka_sasl_mechanism or "PLAIN",
        "kafka_sasl_username": known.kafka_sasl_username or "",
        "kafka_sasl_password": password.get_secret_value() if password else "",
        **{name: str(file) for name, file in files.items() if file is not None},
    }
    return Settings(exporter="kafka", **{**found, **more})
