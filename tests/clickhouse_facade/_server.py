"""The data port: a thread accepts, each connection has a thread of its own; it can be closed and opened again.

`refuse` closes the port, so that connecting is refused, and the connections: idle ones at once, the others when their
request is answered, or with ``drop_all`` at once too.
"""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from typing import cast

from clickhouse_facade._handler import Dropped
from clickhouse_facade._http import KEEP_ALIVE_S, Answer, Malformed, Request, drop, read_request, send_answer

__all__ = ["Server"]

BACKLOG = 128
BODY_WITHIN_S = 300.0
HANDSHAKE_WITHIN_S = 10.0


@dataclass(slots=True)
class _Client:
    connection: socket.socket
    busy: bool = False
    last: bool = False  # whether it is closed after this answer


class Server:
    """Listens on 127.0.0.1; ``handle`` answers a request or raises Dropped."""

    def __init__(
        self, port: int, handle: Callable[[Request, socket.socket], Answer], tls: ssl.SSLContext | None
    ) -> None:
        self._handle = handle
        self._tls = tls
        self._lock = threading.Lock()
        self._known: dict[int, _Client] = {}
        self._listener: socket.socket | None = None
        self.port = port
        self.open()

    def open(self) -> None:
        """Listen; on the same port if that is the second time. Raises OSError."""
        with self._lock:
            if self._listener is not None:
                return
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen(BACKLOG)
            self.port = listener.getsockname()[1]
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), name="accept", daemon=True).start()

    def refuse(self, drop_all: bool = False) -> None:
        """Listen no more, and close connections."""
        with self._lock:
            listener, self._listener = self._listener, None
            clients = list(self._known.values())
            for client in clients:
                client.last = True
            at_once = [client for client in clients if drop_all or not client.busy]
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # else accept would keep it open
            listener.close()
        for client in at_once:
            with suppress(OSError):  # its thread closes it: closed here, its number could be another's by then
                client.connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), name="client", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, Malformed):
            if self._tls is not None:
                connection.settimeout(HANDSHAKE_WITHIN_S)
                connection = self._tls.wrap_socket(connection, server_side=True)
            client = _Client(connection)
            with self._lock:
                self._known[id(client)] = client
            try:
                self._answer_all(client)
            finally:
                with self._lock:
                    del self._known[id(client)]
        with suppress(OSError):
            connection.close()

    def _answer_all(self, client: _Client) -> None:
        connection = client.connection
        with cast("BufferedReader", connection.makefile("rb", 1 << 16)) as source:
            while not client.last:
                client.busy = False
                connection.settimeout(KEEP_ALIVE_S)
                if not source.peek(1):
                    return
                client.busy = True
                connection.settimeout(BODY_WITHIN_S)
                request = read_request(connection, source)
                if request is None:
                    return
                try:
                    answer = self._handle(request, connection)
                except Dropped as dropped:
                    if dropped.reset:
                        source.close()
                        drop(connection, reset=True)
                    return
                keep_alive = request.keep_alive and not client.last and answer.sent is None
                send_answer(connection, request, answer, keep_alive=keep_alive)
                if not keep_alive:
                    return
