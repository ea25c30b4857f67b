"""What an OTLP receiver says in an answer of success: that it took all, or how much it did not."""

from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanpulse._export._transport import Refused, Signal

__all__ = ["MOST_DETAIL", "check_partial"]

MOST_DETAIL: Final = 300
"""Characters of what a receiver says that are told."""
RESPONSES: Final[dict[Signal, Any]] = {"traces": ExportTraceServiceResponse, "logs": ExportLogsServiceResponse}


def check_partial(signal: Signal, body: bytes) -> None:
    """Raise Refused with a count where an Export*ServiceResponse says that some records were rejected."""
    if not body:
        return
    try:
        partial = RESPONSES[signal].FromString(body).partial_success
    except Exception:  # noqa: BLE001 -- whatever a proxy says, it said so with success
        return
    rejected = partial.rejected_spans if signal == "traces" else partial.rejected_log_records
    if rejected > 0:
        raise Refused("rejected", " ".join(partial.error_message[:MOST_DETAIL].split()), rejected)
