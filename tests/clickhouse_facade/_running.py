"""Running queries by their clients' ids: no id twice at a time, and readers end when their client is gone.

A server looks whether the client is still there only for queries that may not write and asked for it
(`cancel_http_readonly_queries_on_client_close`); so does this.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_facade._engine import Engine
from clickhouse_facade._errors import ServerError

__all__ = ["Running"]

LOOK_EVERY_S = 0.2


class Running:
    """The running queries of this process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._queries: dict[str, socket.socket | None] = {}
        threading.Thread(target=self._look, name="clients", daemon=True).start()

    @contextmanager
    def entered(self, query_id: str, client: socket.socket | None) -> Iterator[None]:
        """Run a query under its id; with ``client`` it ends when that connection is closed. Raises ServerError."""
        with self._lock:
            if query_id in self._queries:
                raise ServerError(216, f"Query with id = {query_id} is already running")
            self._queries[query_id] = client
        try:
            yield
        finally:
            with self._lock:
                del self._queries[query_id]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._queries)

    def _look(self) -> None:
        pause = threading.Event()
        while not pause.wait(LOOK_EVERY_S):
            with self._lock:
                watched = [(query_id, client) for query_id, client in self._queries.items() if client is not None]
            for query_id, client in watched:
                if _gone(client):
                    self._engine.kill(query_id)


def _gone(client: socket.socket) -> bool:
    try:
        # the plain socket's own recv: that of TLS cannot peek, and the end of a connection looks the same
        return socket.socket.recv(client, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
