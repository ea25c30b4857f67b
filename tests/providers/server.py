"""HTTP of the imitated providers: real sockets, connections that live on, streams in chunks, connections that break.

A test names a script and says what it answers to one request after the other (the last answer is repeated); the name
is the first part of the address that a client gets, so that several tests, clients and processes may ask at once:

    with Providers() as providers:
        address = providers.answers("chat", Failure(429), Said(input=7))
        OpenAI(base_url=f"{address}/v1", ...)
        providers.asked("chat")  # what came
"""

import re
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any, Self

from providers import anthropic, google, openai
from providers.said import Asked, Failure, Reply, Said

__all__ = ["Providers", "Turn"]

Turn = Said | Failure | Reply | Callable[[Asked], Reply]
Route = Callable[[Said | Failure, Asked], Reply]

PROVIDERS: list[ModuleType] = [openai, anthropic, google]
"""Modules with `ROUTES`: patterns of whole paths (without script and query), and what answers there."""
LONGEST_STALL_S = 30


class Providers:
    """The server; serves inside a `with`."""

    def __init__(self) -> None:
        self.address = ""
        self._turns: dict[str, list[Turn]] = {}
        self._asked: dict[str, list[Asked]] = {}
        self._lock = threading.Lock()
        self._routes: list[tuple[re.Pattern[str], Route]] = [
            (re.compile(pattern), route) for provider in PROVIDERS for pattern, route in provider.ROUTES.items()
        ]

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), type("Bound", (_Handler,), {"providers": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    def answers(self, script: str, *turns: Turn) -> str:
        """Say what is answered to requests of a script, anew; return the address that reaches it."""
        with self._lock:
            self._turns[script] = list(turns)
            self._asked[script] = []
        return f"{self.address}/{script}"

    def asked(self, script: str) -> list[Asked]:
        """Return the requests of a script so far."""
        with self._lock:
            return list(self._asked.get(script, ()))

    def reply_to(self, script: str, asked: Asked) -> Reply:
        """Note a request, and return what answers it."""
        with self._lock:
            turns = self._turns.get(script, [])
            self._asked.setdefault(script, []).append(asked)
            turn = turns.pop(0) if len(turns) > 1 else turns[0] if turns else Failure(404, "not_found", "no script")
        if isinstance(turn, Reply):
            return turn
        if not isinstance(turn, Said | Failure):
            return turn(asked)
        path = asked.path.partition("?")[0]
        route = next((route for pattern, route in self._routes if pattern.fullmatch(path)), None)
        return route(turn, asked) if route else Reply([b'{"error": {"message": "no such path"}}'], 404)


class _Server(ThreadingHTTPServer):
    """Says nothing about readers that leave, and ends connections that live on."""

    request_queue_size = 64

    def __init__(self, *given: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*given)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_where: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave together
    providers: Providers

    def log_message(self, *_words: Any) -> None:
        pass

    def do_POST(self) -> None:
        received = time.time_ns()
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        _, script, path = self.path.split("/", 2)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, "/" + path, headers, body, {"received": received})
        self._send(self.providers.reply_to(script, asked), asked.moments)
        asked.moments["answered"] = time.time_ns()

    def do_GET(self) -> None:
        self.do_POST()

    def _send(self, reply: Reply, moments: dict[str, int]) -> None:
        if reply.cut_at == 0 and not reply.stream:
            self._cut()
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        length = str(sum(map(len, reply.parts)))
        self.send_header(*(("transfer-encoding", "chunked") if reply.stream else ("content-length", length)))
        self.end_headers()
        if reply.stream:
            self.wfile.flush()
        for place, part in enumerate(reply.parts):
            if not self._goes_on(reply, place):
                return
            moments["last"] = time.time_ns()
            moments.setdefault("first", moments["last"])
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if reply.stream else part)
            self.wfile.flush()
        if not self._goes_on(reply, len(reply.parts)):
            return
        self.wfile.write(b"0\r\n\r\n" if reply.stream else b"")
        self.wfile.flush()

    def _goes_on(self, reply: Reply, place: int) -> bool:
        """Wait before a part, and tell whether it is sent."""
        if place == reply.cut_at:
            self._cut()
            return False
        if place == reply.stall_at:
            select.select([self.connection], [], [], LONGEST_STALL_S)
        time.sleep(reply.chunk_s if place else reply.first_s)
        return True

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
