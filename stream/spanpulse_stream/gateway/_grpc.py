"""OTLP/gRPC: the three Export methods, served by grpcio inside the process's own event loop.

Messages stay bytes. A sender is known by its key before its message is read, and only so many messages are read at
once that all of them together fit the receiver's budget, of one key half as many. Refusals are gRPC's statuses:
RESOURCE_EXHAUSTED with RetryInfo may be sent again, without it not. Not guaranteed: a bound on what a compressed
message may grow to beside that of its size as sent, which is the same for both.
"""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import unquote

import grpc
import grpc.aio

from spanpulse_stream.gateway._answers import Answer, RequestRefused
from spanpulse_stream.gateway._body import ClientGone
from spanpulse_stream.gateway._intake import Sender
from spanpulse_stream.gateway._limits import RequestLimits, Reservation
from spanpulse_stream.gateway._receiver import Kind, Receiver
from spanpulse_stream.gateway._server import CannotListen, bind
from spanpulse_stream.gateway._slots import Slots
from spanpulse_stream.gateway._tls import HANDSHAKE_S, ServerTls

__all__ = ["GrpcServer"]

SERVICES: dict[str, Kind] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
}
STATUS_DETAILS = "grpc-status-details-bin"
CODES = {code.value[0]: code for code in grpc.StatusCode}
STREAMS = 100  # of one connection
IDLE_MS = 300_000


class GrpcServer:
    """Gives requests that come over gRPC to ``receiver``, from ``start`` to ``stop``.

    ``setting`` is the port's name in the settings, for messages; ``stop_within`` seconds bound the stop. With ``tls``
    nothing else is spoken.
    """

    def __init__(
        self,
        receiver: Receiver,
        *,
        host: str,
        port: int,
        setting: str = "otlp_grpc",
        stop_within: float = 5.0,
        tls: ServerTls | None = None,
    ) -> None:
        self._receiver = receiver
        self._host = host
        self._port = port
        self._setting = setting
        self._stop_within = stop_within
        self._tls = tls
        limits = receiver.options.limits
        self._slots = Slots(max(1, limits.budget // limits.max_body_bytes), limits.most_requests)
        self._server: grpc.aio.Server | None = None
        self._bound = 0

    @property
    def address(self) -> str:
        """`host:port` as it really is. Raises RuntimeError before ``start``."""
        if not self._bound:
            raise RuntimeError("the server has not been started")
        return f"{_bracketed(self._host)}:{self._bound}"

    async def start(self) -> None:
        """Listen and serve. Raises CannotListen."""
        server = grpc.aio.server(options=_options(self._receiver.options.limits))
        for service, kind in SERVICES.items():
            export = grpc.stream_unary_rpc_method_handler(partial(self._export, kind))
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": export}),))
        # grpcio does not say why it cannot bind; a socket of our own does.
        bind(self._host, self._port, self._setting).close()
        try:
            self._bound = self._add_port(server, f"{_bracketed(self._host) or '[::]'}:{self._port}")
        except RuntimeError as error:
            raise CannotListen(f"cannot listen on {self._host} port {self._port}: {error}") from None
        await server.start()
        self._server = server

    def _add_port(self, server: Any, address: str) -> int:
        """Listen with or without TLS and return the port. Raises RuntimeError."""
        bound: int
        if (tls := self._tls) is None:
            bound = server.add_insecure_port(address)
        else:
            pairs, mutual = [(tls.key, tls.certificate)], tls.client_ca is not None
            credentials = grpc.ssl_server_credentials(pairs, tls.client_ca, require_client_auth=mutual)
            bound = server.add_secure_port(address, credentials)
        return bound

    async def stop(self) -> None:
        """Refuse new requests, wait for those in flight, then cut the rest. May be called again."""
        if self._server is not None:
            await self._server.stop(self._stop_within)

    async def _export(self, kind: Kind, messages: AsyncIterator[bytes], context: Any) -> bytes:
        outcome = await self._receiver.answer(kind, self._receive(kind, messages, context))
        if isinstance(outcome, Answer):
            return outcome.body
        if outcome is not None:
            context.set_trailing_metadata(((STATUS_DETAILS, outcome.rpc_status()),))
            await context.abort(CODES[outcome.code], outcome.message)
        return b""  # there is nobody to answer

    async def _receive(self, kind: Kind, messages: AsyncIterator[bytes], context: Any) -> Answer:
        receiver = self._receiver
        sender = receiver.sender(_headers(context.invocation_metadata() or ()), _address(context.peer()))
        with receiver.open() as held:
            with receiver.reading(sender, held):
                body = await self._read(sender, messages, held)
            return await receiver.take(body, kind, "", sender, held, as_json=False)

    async def _read(self, sender: Sender, messages: AsyncIterator[bytes], held: Reservation) -> bytes:
        """Read the one message of a request. Raises RequestRefused (400, 408, 429) and ClientGone."""
        try:
            async with self._slots.hold(sender, self._receiver.options.limits.body_timeout):
                body = await _next(messages, held)
                if body is None or await _next(messages, held) is not None:
                    raise RequestRefused(400, "Export takes one message")
                held.grow(len(body))
                return body
        except TimeoutError:
            raise RequestRefused(408, "the message did not arrive in time") from None


async def _next(messages: AsyncIterator[bytes], held: Reservation) -> bytes | None:
    """Return the next message of a request, None behind the last one. Raises ClientGone."""
    try:
        message = await anext(messages, None)
    except grpc.RpcError:
        raise ClientGone from None
    held.arrive(len(message or b""))
    return message


def _options(limits: RequestLimits) -> list[tuple[str, Any]]:
    return [
        ("grpc.so_reuseport", 0),  # or two processes would share the port, and each get a half
        ("grpc.max_receive_message_length", limits.max_body_bytes),
        ("grpc.max_metadata_size", limits.header_bytes),
        ("grpc.max_allowed_incoming_connections", limits.most_connections),
        ("grpc.max_concurrent_streams", STREAMS),
        ("grpc.max_connection_idle_ms", IDLE_MS),
        ("grpc.server_handshake_timeout_ms", round(HANDSHAKE_S * 1000)),
    ]


def _headers(metadata: Sequence[Any]) -> list[tuple[bytes, bytes]]:
    """Return metadata as ASGI has headers."""
    return [(key.encode(), value.encode() if isinstance(value, str) else value) for key, value in metadata]


def _address(peer: str) -> str:
    """Return the address of `ipv4:127.0.0.1:5000` or `ipv6:%5B::1%5D:5000`, as HTTP has it."""
    return unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
