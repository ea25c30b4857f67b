"""Spans received on earlier days: appended to the log of a folder that is not running, under an earlier clock."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanpulse_stream.log import TOPIC, LocalLog, Message

BOUNDS = {"max_bytes": 1 << 30, "retain_records": 500_000, "ballast_bytes": 0, "disk_floor_bytes": 0}


def message(signal: str, body: bytes, tenant: str = "default") -> Message:
    """Return a message as the receiver makes it."""
    count = records(signal, body)
    headers = (("signal", signal.encode()), ("tenant", tenant.encode()), ("records", str(count).encode()))
    return Message(TOPIC, 0, b"key", body, headers, count)


def records(signal: str, body: bytes) -> int:
    """Return how many spans or log records a request holds; what is no request counts as one."""
    try:
        if signal == "logs":
            logs = ExportLogsServiceRequest.FromString(body)
            return sum(len(scope.log_records) for each in logs.resource_logs for scope in each.scope_logs)
        spans = ExportTraceServiceRequest.FromString(body)
        return sum(len(scope.spans) for each in spans.resource_spans for scope in each.scope_spans)
    except DecodeError:
        return 1


def receive(data: Path, day: date, messages: Iterable[Message]) -> None:
    """Append messages as if it were noon of ``day``; days must not go back."""
    noon = int(datetime.combine(day, time(12), UTC).timestamp() * 1e9)
    log = LocalLog.open(data / "log", partitions=1, clock=lambda: noon, **BOUNDS)
    try:
        for each in messages:
            log.append_soon([each]).result(30)
    finally:
        log.close()
