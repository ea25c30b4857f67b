"""A small OTLP receiver on this host, over HTTP or gRPC, that answers as a test says; what it is not told of, it takes.

It speaks the real protocols on a real port; `stop` and `start` take it away and bring it back at the same address.
"""

import gzip
import socket
import ssl
import struct
import threading
from collections import deque
from concurrent import futures
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from certificates import Issued

__all__ = ["RECEIVERS", "Answer", "GrpcReceiver", "HttpReceiver", "Received", "Receiver"]

TAKE, REFUSE, UNAVAILABLE, PARTIAL, SLOW, DIE, RAW = "take", "refuse", "unavailable", "partial", "slow", "die", "raw"
SERVICES = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
}
LONG_S = 60.0


@dataclass(frozen=True)
class Answer:
    """How one request is answered; ``status`` of HTTP is that of gRPC's code ``code``."""

    kind: str = TAKE
    status: int = 400
    code: str = "INVALID_ARGUMENT"
    after: float | None = None
    rejected: int = 0
    message: str = "no"
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Received:
    signal: str
    body: bytes
    headers: dict[str, str]


@dataclass
class Receiver:
    """What both have: requests so far, and answers to the next ones."""

    tls: Issued | None = None
    client_ca: bytes | None = None
    received: list[Received] = field(default_factory=list)
    """Requests that were answered, or would have been."""
    answers: deque[Answer] = field(default_factory=deque)
    always: Answer = field(default_factory=Answer)
    """How requests are answered that no answer is left for."""
    port: int = 0

    def __post_init__(self) -> None:
        self.released = threading.Event()
        """Lets slow answers go."""
        self._lock = threading.Lock()
        self._answered: list[tuple[Received, Answer]] = []

    @property
    def endpoint(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Any]:
        """Spans of all requests that were taken, in order."""
        return [span for each in self.taken("traces") for span in spans_of(each.body)]

    @property
    def records(self) -> list[Any]:
        """Log records of all requests that were taken, in order."""
        return [record for each in self.taken("logs") for record in records_of(each.body)]

    def taken(self, signal: str) -> list[Received]:
        with self._lock:
            return [each for each, answer in self._answered if each.signal == signal and answer.kind == TAKE]

    def decide(self, request: Received) -> Answer:
        with self._lock:
            answer = self.answers.popleft() if self.answers else self.always
            self.received.append(request)
            self._answered.append((request, answer))
        if answer.kind == SLOW:
            self.released.wait(LONG_S)
        return answer

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.released.set()
        self.stop()

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError


class HttpReceiver(Receiver):
    """OTLP over HTTP."""

    name = "http/protobuf"

    def start(self) -> None:
        receiver = self

        class Handler(_Handler):
            asked = receiver

        self._server = _Server(("127.0.0.1", self.port), Handler)
        if self.tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.tls.certificate, self.tls.key)
            if self.client_ca is not None:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(cadata=self.client_ca.decode())
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        self._server.cut()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, *args: Any) -> None:
        self.connections: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """Break what is connected, as a process that ends does."""
        for connection in list(self.connections):
            reset(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients of tests break off."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        signal = self.path.rpartition("/")[2]
        told = self.asked.decide(Received(signal, body, {name.lower(): said for name, said in self.headers.items()}))
        if told.kind == DIE:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun")
            self.wfile.flush()
            reset(self.connection)
            self.close_connection = True
            return
        status, content = self._content(signal, told)
        self.send_response(status)
        for name, value in told.headers:
            self.send_header(name, value)
        if told.after is not None:
            self.send_header("retry-after", str(told.after))
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _content(self, signal: str, told: Answer) -> tuple[int, bytes]:
        if told.kind == RAW:
            return told.status, told.body
        if told.kind in {REFUSE, UNAVAILABLE}:
            return 503 if told.kind == UNAVAILABLE else told.status, Status(
                code=3, message=told.message
            ).SerializeToString()
        return 200, response(signal, told)

    def log_message(self, *_args: Any) -> None:
        """Nobody reads it."""


class GrpcReceiver(Receiver):
    """OTLP over gRPC."""

    name = "grpc"

    def start(self) -> None:
        self._server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        for service, signal in SERVICES.items():
            export = grpc.unary_unary_rpc_method_handler(self._export(signal))
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": export}),))
        if self.tls is None:
            self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        else:
            pairs = [(self.tls.key.read_bytes(), self.tls.certificate.read_bytes())]
            mutual = self.client_ca is not None
            credentials = grpc.ssl_server_credentials(pairs, self.client_ca, require_client_auth=mutual)
            self.port = self._server.add_secure_port(f"127.0.0.1:{self.port}", credentials)
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait(10)

    def _export(self, signal: str) -> Any:
        def export(body: bytes, context: Any) -> bytes:
            told = self.decide(Received(signal, body, dict(context.invocation_metadata())))
            if told.kind == DIE:
                cut = threading.Event()
                context.add_callback(cut.set)
                self._server.stop(0)
                cut.wait(10)
                return b""
            if told.kind in {REFUSE, UNAVAILABLE}:
                code = "UNAVAILABLE" if told.kind == UNAVAILABLE else told.code
                if told.after is not None:
                    context.set_trailing_metadata((("grpc-status-details-bin", retry_info(code, told)),))
                context.abort(grpc.StatusCode[code], told.message)
            return told.body if told.kind == RAW else response(signal, told)

        return export


RECEIVERS = (HttpReceiver, GrpcReceiver)


def response(signal: str, told: Answer) -> bytes:
    made: Any = ExportTraceServiceResponse() if signal == "traces" else ExportLogsServiceResponse()
    if told.kind == PARTIAL:
        made.partial_success.error_message = told.message
        setattr(made.partial_success, f"rejected_{'spans' if signal == 'traces' else 'log_records'}", told.rejected)
    return made.SerializeToString()


def retry_info(code: str, told: Answer) -> bytes:
    info = RetryInfo()
    info.retry_delay.FromMilliseconds(round((told.after or 0) * 1000))
    packed = Packed()
    packed.Pack(info)
    return Status(code=grpc.StatusCode[code].value[0], message=told.message, details=[packed]).SerializeToString()


def spans_of(body: bytes) -> list[Any]:
    request = ExportTraceServiceRequest.FromString(body)
    return [span for each in request.resource_spans for scope in each.scope_spans for span in scope.spans]


def records_of(body: bytes) -> list[Any]:
    request = ExportLogsServiceRequest.FromString(body)
    return [record for each in request.resource_logs for scope in each.scope_logs for record in scope.log_records]


def reset(connection: socket.socket) -> None:
    """Break a connection at once: the other side sees a reset."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    except OSError:
        pass
