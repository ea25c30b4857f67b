"""What a worker asks of ClickHouse again and again just now: while there is any such request, health says so.

Guarantee: each read and each batch is noted by itself, from its first repetition until it ends, well or not. So the
condition ends with the last of them: neither an answer of another shard ends it, nor one read of a server that refuses
inserts, and no failed read outlives its own answer. Not guaranteed: anything about requests that wait for their first
answer. Safe to use from threads.
"""

import threading
from collections.abc import Callable
from typing import Any

from spanpulse_sinks.clickhouse import Batch, BatchWriter, Retry, WriteReport
from spanpulse_sinks.clickhouse.server import Patience
from spanpulse_stream.observe import Condition, Health

__all__ = ["Repeating"]

SAID = "ClickHouse does not answer or not take a batch; tried again"


class Repeating:
    """Tells ``health``. ``wait`` waits so many seconds before each repetition; where it raises, that ends a request."""

    def __init__(self, health: Health, wait: Callable[[float], None]) -> None:
        self._health = health
        self._wait = wait
        self._lock = threading.Lock()
        self._now: set[object] = set()

    def again(self, request: object, seconds: float) -> None:
        """Note that a request failed and is repeated, and wait."""
        with self._lock:
            self._now.add(request)
            self._health.report(Condition.DATABASE_FAILING, SAID)
        self._wait(seconds)

    def over(self, request: object) -> None:
        """Note that a request ended."""
        with self._lock:
            self._now.discard(request)
            if not self._now:
                self._health.clear(Condition.DATABASE_FAILING)

    def patience(self, seconds: float) -> Patience:
        """Return what repeats reads for so long; a thread has one read at a time."""
        return Patience(
            seconds,
            lambda pause: self.again(threading.get_ident(), pause),
            lambda: self.over(threading.get_ident()),
        )

    def writer(self, database: Any, *, most: float, patience: float) -> BatchWriter:
        """Return the writer of one shard; ``most`` and ``patience`` are those of `Retry`."""
        return _Writer(database, self, most, patience)


class _Writer(BatchWriter):
    """A writer whose batch is noted while it is repeated."""

    def __init__(self, database: Any, repeating: Repeating, most: float, patience: float) -> None:
        retry = Retry(most=most, patience=patience, sleep=lambda pause: repeating.again(self._mine(), pause))
        super().__init__(database, retry=retry)
        self._repeating = repeating

    def write(self, batch: Batch, *, suspect: bool = False) -> WriteReport:
        try:
            return super().write(batch, suspect=suspect)
        finally:
            self._repeating.over(self._mine())

    def _mine(self) -> object:
        """Return what names the batch of this thread; others may wait for their turn."""
        return self, threading.get_ident()
