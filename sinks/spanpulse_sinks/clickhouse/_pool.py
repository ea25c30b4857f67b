"""Sessions of one kind, lent to one thread at a time and taken back when the database closes."""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from spanpulse_sinks.clickhouse._errors import QueryFailed

__all__ = ["Pool"]


class Pool:
    """Lends ``clients``. All methods may be called from any thread."""

    def __init__(self, clients: list[Any]) -> None:
        self._closed = threading.Event()
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._out = len(clients)  # those that have not come back for good
        for client in clients:
            self._idle.put(client)

    @contextmanager
    def lend(self, within: float) -> Iterator[Any]:
        """Lend a client, waiting at most ``within`` seconds for one. Raises QueryFailed (busy, closed)."""
        self._check_open()
        try:
            client = self._idle.get(timeout=within)
        except queue.Empty:
            raise QueryFailed(
                QueryFailed.Kind.BUSY, f"other queries hold every session; none became free in {within:g} s"
            ) from None
        try:
            self._check_open()
            yield client
        finally:
            self._idle.put(client)

    def refuse(self) -> None:
        """Lend nothing from now on."""
        self._closed.set()

    def take_back(self, seconds: float) -> list[Any]:
        """Return the clients that come back within ``seconds``; after `refuse`."""
        returned = []
        deadline = time.monotonic() + seconds
        with suppress(queue.Empty):
            while self._out:
                returned.append(self._idle.get(timeout=max(0.0, deadline - time.monotonic())))
                self._out -= 1
        return returned

    @property
    def out(self) -> int:
        """How many clients have not been taken back."""
        return self._out

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise QueryFailed(QueryFailed.Kind.CLOSED, "the database is closing")
