"""OTLP over gRPC: one channel, one call for each batch; the bytes of a batch are sent as they are.

Only who sends that way imports this module. Answers are bounded to `MOST_ANSWER` bytes. What OTLP calls retryable is,
RESOURCE_EXHAUSTED only where the receiver says when; all else is refused.
"""

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import grpc
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from spanpulse._export._answers import MOST_DETAIL, check_partial
from spanpulse._export._choose import base_of, headers_of
from spanpulse._export._forks import GRPC
from spanpulse._export._transport import Batch, Refused, Unavailable
from spanpulse._settings import Settings
from spanpulse._version import VERSION

__all__ = ["GrpcTransport"]

METHODS: Final = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
RETRYABLE: Final = frozenset({"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"})
DETAILS: Final = "grpc-status-details-bin"
MOST_ANSWER: Final = 64 * 1024
OPTIONS: Final = (
    ("grpc.primary_user_agent", f"spanpulse/{VERSION}"),
    ("grpc.max_receive_message_length", MOST_ANSWER),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),  # the usual one is two minutes: a receiver that is back would wait
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),  # the sender does it
)


class GrpcTransport:
    """Sends to ``settings.endpoint``: TLS for `https`, none for `http`."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.timeout
        self._metadata = tuple(headers_of(settings).items())
        self._settings = settings
        self._channel: Any = None
        self._is_cut = False

    def send(self, batch: Batch) -> None:
        """Send a batch. Raises Refused, Unavailable."""
        try:
            body = self._call(batch)
        except grpc.RpcError as error:
            if not self._is_cut:
                raise _judged(error) from error
            try:  # the process has forked
                body = self._call(batch)
            except grpc.RpcError as again:
                raise _judged(again) from again
        check_partial(batch.signal, body)

    def close(self) -> None:
        """Close the channel; a call under way ends."""
        if self._channel is not None:
            self._channel.close()

    def _call(self, batch: Batch) -> bytes:
        with GRPC.block(interrupt=self._cut):
            if self._channel is None or self._is_cut:
                self._channel, self._is_cut = _open(self._settings), False
            call = self._channel.unary_unary(METHODS[batch.signal])
            body: bytes = call(batch.body, timeout=self._timeout, metadata=self._metadata)
            return body

    def _cut(self) -> None:
        """End the call under way, for the process forks: gRPC's own preparations need that nobody is in it."""
        self._is_cut = True
        self.close()


def _open(settings: Settings) -> Any:
    address = urlsplit(base_of(settings.endpoint))
    host = f"[{address.hostname}]" if ":" in str(address.hostname) else address.hostname
    target = f"{host}:{address.port or (443 if address.scheme == 'https' else 4317)}"
    compression = grpc.Compression.Gzip if settings.compression == "gzip" else grpc.Compression.NoCompression
    if address.scheme == "http":
        return grpc.insecure_channel(target, options=OPTIONS, compression=compression)
    files = (settings.certificate, settings.client_key, settings.client_certificate)
    credentials = grpc.ssl_channel_credentials(*(Path(file).read_bytes() if file else None for file in files))
    return grpc.secure_channel(target, credentials, options=OPTIONS, compression=compression)


def _judged(error: Any) -> Exception:
    """Return what an RpcError means for its batch."""
    name = error.code().name if error.code() is not None else "UNKNOWN"
    after = _after(error) if name in {"RESOURCE_EXHAUSTED", "UNAVAILABLE"} else None
    if name in RETRYABLE or after is not None:
        return Unavailable(f"grpc {name}", after)
    return Refused(f"grpc {name}", " ".join((error.details() or "")[:MOST_DETAIL].split()))


def _after(error: Any) -> float | None:
    """Return the seconds of a google.rpc.RetryInfo in an error's details."""
    for name, value in error.trailing_metadata() or ():
        if name == DETAILS:
            for detail in Status.FromString(value).details:
                told = RetryInfo()
                if detail.Unpack(told):
                    return max(0.0, float(told.retry_delay.seconds + told.retry_delay.nanos * 1e-9))
    return None
