"""The thread that sends: one batch after another, each until the receiver has it or will never take it.

It starts with the first batch; it is a daemon, so it keeps no process alive, and where a process that ends can have no
new thread, whoever flushes sends. Guarantee: every batch that it takes is
counted as sent or dropped once. What is unavailable is tried again until the end, later each time up to `LONGEST_S` or
as the receiver asks, with jitter; the queue bounds what waits meanwhile. Instrumentations see nothing of it.
"""

import math
import random
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from spanpulse._export._queue import Queue
from spanpulse._export._spill import Damaged
from spanpulse._export._stats import Stats
from spanpulse._export._transport import Batch, Refused, Transport, Unavailable
from spanpulse._log import say_once

__all__ = ["Sender"]

FIRST_S: Final = 0.1
LONGEST_S: Final = 5.0
LONGEST_ASKED_S: Final = 300.0
IDLE_S: Final = 60.0
MOST_FAILURES: Final = 5  # of a transport in ways that it does not know, for one batch
SUPPRESS: Final = ("suppress_instrumentation", "suppress_http_instrumentation")


class Sender:
    """Sends what is in ``queue`` by a transport of its own, and counts it in ``stats``."""

    def __init__(self, make_transport: Callable[[], Transport], queue: Queue, stats: Stats) -> None:
        self._make_transport = make_transport
        self._queue = queue
        self._stats = stats
        self._lock = threading.Lock()
        self.thread: threading.Thread | None = None
        self.transport: Transport | None = None

    def start(self) -> bool:
        """Start the thread, if it is not there; false where none can be started any more, at the end of a process."""
        if self.thread is None:
            with self._lock:
                if self.thread is None:
                    self.thread = threading.Thread(target=self._run, name="spanpulse-sender", daemon=True)
                    try:
                        self.thread.start()
                    except RuntimeError:
                        self.thread = None
                        return False
        return True

    def send_here(self, within: float) -> None:
        """Send what waits in this thread, where there cannot be another; begin no attempt after ``within`` s."""
        from opentelemetry import context  # noqa: PLC0415

        deadline, token = time.monotonic() + within, _suppress_instrumentation()
        try:
            while not self._queue.is_empty and time.monotonic() < deadline:
                self._send_next(deadline)
        finally:
            context.detach(token)

    def join(self, within: float) -> None:
        """Wait for the end of the thread, after that of the queue."""
        if self.thread is not None and self.thread is not threading.current_thread():
            self.thread.join(within)

    def _run(self) -> None:
        _suppress_instrumentation()
        while not self._queue.closed:
            try:
                self._send_next()
            except Exception as error:  # noqa: BLE001 -- the thread serves all batches
                say_once(f"spans could not be sent ({type(error).__name__})", error)
                self._queue.pause(LONGEST_S, firm=True)
        self._let_go()

    def _send_next(self, deadline: float = math.inf) -> None:
        for signal, count in self._queue.adopt():
            self._stats.take(signal, count)
        try:
            batch = self._queue.take(IDLE_S)
        except Damaged as error:
            signal, count = self._queue.under_way
            with self._queue.done() as is_ours:
                if is_ours:
                    self._stats.drop(signal, count, "damaged_file", str(error))
            return
        if batch is not None:
            self._deliver(batch, deadline)

    def _deliver(self, batch: Batch, deadline: float) -> None:
        attempt = failures = 0
        while not self._queue.closed and time.monotonic() < deadline:
            try:
                self._attempt(batch)
            except Refused as refused:
                self._settle(batch, refused)
                return
            except Unavailable as unavailable:
                say_once(
                    f"spans wait, for their receiver takes none ({unavailable.reason}); they are sent when it does"
                )
                self._wait(attempt, unavailable.after)
            except Exception as error:  # noqa: BLE001 -- a transport that is broken, or cannot be made
                failures += 1
                say_once(f"a batch of spans could not be sent ({type(error).__name__}: {error})", error)
                self._let_go()
                if failures == MOST_FAILURES:
                    self._settle(batch, Refused(type(error).__name__))
                    return
                self._wait(attempt, None)
            else:
                self._settle(batch, None)
                return
            attempt += 1
            self._stats.retries += 1

    def _attempt(self, batch: Batch) -> None:
        if self.transport is None:
            self.transport = self._make_transport()
        self.transport.send(batch)

    def _settle(self, batch: Batch, refused: Refused | None) -> None:
        """Count a batch that is decided, unless the end has counted it."""
        with self._queue.done() as is_ours:
            if is_ours:
                self._count(batch, refused)

    def _count(self, batch: Batch, refused: Refused | None) -> None:
        lost = 0
        if refused is not None:
            lost = batch.count if refused.count is None else min(refused.count, batch.count)
            self._stats.drop(batch.signal, lost, refused.reason, refused.detail)
        if lost < batch.count:
            self._stats.send(batch.signal, batch.count - lost)

    def _wait(self, attempt: int, after: float | None) -> None:
        if after is None:
            self._queue.pause(min(LONGEST_S, FIRST_S * 2 ** min(attempt, 16)) * random.uniform(0.5, 1), firm=False)  # noqa: S311
        else:
            self._queue.pause(min(after, LONGEST_ASKED_S) * random.uniform(1, 1.1), firm=True)  # noqa: S311

    def _let_go(self) -> None:
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.close()


def _suppress_instrumentation() -> Any:
    """Have instrumentations of HTTP clients and gRPC leave this thread alone, by all names that they look for."""
    from opentelemetry import context  # noqa: PLC0415

    known = (getattr(context, f"_{name.upper()}_KEY", None) for name in SUPPRESS)
    told = context.get_current()
    for key in (*SUPPRESS, *filter(None, known)):
        told = context.set_value(key, True, told)
    return context.attach(told)
