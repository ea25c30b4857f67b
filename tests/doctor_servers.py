"""Small real servers for what `spanpulse doctor` meets: HTTP that answers as it is told, gRPC, TLS, and silence."""

import http.server
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc

from certificates import Issued

__all__ = ["Asked", "Site", "grpc_port", "json_of", "silent_port", "site"]


@dataclass
class Asked:
    """A request that was made."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = tuple[int, str, bytes]


@dataclass
class Site:
    """A server of HTTP, and what it was asked."""

    port: int
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def site(answer: Callable[[Asked], Answer], issued: Issued | None = None) -> Iterator[Site]:
    """Serve HTTP/1.1, over TLS where there is a certificate; ``answer`` gives status, media type and body."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            found.asked.append(asked)
            status, kind, said = answer(asked)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # who greets and leaves is no error here

    server = Server(("127.0.0.1", 0), Handler)
    found = Site(server.server_port)
    if issued is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(issued.certificate, issued.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever, args=(0.02,))
    serving.start()
    try:
        yield found
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


@contextmanager
def grpc_port(issued: Issued | None = None) -> Iterator[int]:
    """Serve gRPC without any method."""
    server = grpc.server(ThreadPoolExecutor(1))
    if issued is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        pair = issued.key.read_bytes(), issued.certificate.read_bytes()
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


@contextmanager
def silent_port() -> Iterator[int]:
    """Take connections and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def json_of(status: int, said: object) -> Answer:
    """Return an answer with JSON."""
    return status, "application/json", json.dumps(said).encode()
