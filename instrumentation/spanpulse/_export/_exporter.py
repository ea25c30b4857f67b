"""The exporter of a process: takes ended spans and events from any thread, and gives them to its sender in batches.

Guarantee: `put_span` and `put_event` never block and never raise; what is taken is sent, or dropped and counted, or
still here; after a fork the child starts with nothing, for what waited is the parent's. Bounded are what waits to be
encoded (`MOST_ENDED` spans) and what waits to be sent (the queue's bytes). Encoding and masking happen in `pump`, in
the thread of the background.
"""

import itertools
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spanpulse._export._encode import MOST_RECORDS, encode_events, encode_spans
from spanpulse._export._mask import Masking
from spanpulse._export._queue import Queue
from spanpulse._export._sender import Sender
from spanpulse._export._spill import Spill
from spanpulse._export._stats import Stats
from spanpulse._export._transport import Batch, Signal, Transport
from spanpulse._privacy import Content
from spanpulse._settings import Settings
from spanpulse._version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

    from spanpulse._events import Event

__all__ = ["Exporter"]

SCOPE: Final = "spanpulse"
MOST_ENDED: Final = 20_000
END_WITHIN_S: Final = 0.5  # for the sender, beside what it was given to send
_of_parents: Final[list[Any]] = []  # connections of a parent, which a child must neither use nor close


class Exporter:
    """Sends to the receiver that ``make_transport`` reaches; ``wake`` has `pump` called soon.

    ``breathe`` is called between spans that are encoded.
    """

    def __init__(
        self,
        make_transport: Callable[[], Transport],
        settings: Settings,
        content: Content | None,
        wake: Callable[[], None],
        breathe: Callable[[], object] = lambda: None,
    ) -> None:
        self._make_transport = make_transport
        self._settings = settings
        self._masking = Masking(content, settings.content_length, settings.mask_patterns)
        self._wake = wake
        self._breathe = breathe
        self._closed = False
        self._queue: Queue
        self._sender: Sender
        self.stats = Stats(_component(settings), self._to_encode, self._to_send, self._waiting_bytes)
        self._begin()
        again = weakref.WeakMethod(self._begin_again)
        os.register_at_fork(after_in_child=lambda: (begin := again()) and begin())

    def put_span(self, span: "ReadableSpan") -> None:
        """Have an ended span sent."""
        if self._closed or len(self._spans) >= MOST_ENDED:
            next(self._no_room["traces"])
        else:
            self._spans.append(span)
        self._wake()

    def put_event(self, event: "Event", resource: "Resource") -> None:
        """Have an event sent as a log record of ``resource``."""
        if self._closed or len(self._events) >= MOST_ENDED:
            next(self._no_room["logs"])
        else:
            self._events.append((event, resource))
        self._wake()

    def pump(self) -> None:
        """Encode all that waits, and hand it to the sender."""
        with self._encoding:
            self._count_what_had_no_room()
            while self._spans:
                some = self._drain("traces", self._spans)
                for batch in encode_spans(some, self._masking, self.stats.drop, self._breathe):
                    self._offer(batch)
            while self._events:
                some = self._drain("logs", self._events)
                for batch in encode_events(some, SCOPE, VERSION, self.stats.drop):
                    self._offer(batch)

    def flush(self, within: float) -> bool:
        """Wait ``within`` s at most until all that was put so far was acknowledged, or dropped and counted."""
        deadline = time.monotonic() + within
        if threading.current_thread() is self._sender.thread or not self._encoding.acquire(timeout=max(0.0, within)):
            return False
        try:
            self.pump()
            number = self._queue.number
        finally:
            self._encoding.release()
        if not self._queue.is_empty and not self._sender.start():
            self._sender.send_here(deadline - time.monotonic())
        return self._queue.wait(number, max(0.0, deadline - time.monotonic()))

    def shutdown(self, within: float) -> bool:
        """Flush for ``within`` s, then stop: what is left goes to the spill folder, or is dropped and counted."""
        if self._closed:
            return True
        sent = self.flush(within)
        self._closed = True
        if self._encoding.acquire(timeout=END_WITHIN_S):  # or a mask of the application's does not come back
            try:
                self.pump()
            finally:
                self._encoding.release()
        for signal, count in (*self._queue.close(), *self._left()):
            self.stats.drop(signal, count, "shutdown")
        self.stats.spilled = self._queue.spilled
        self._sender.join(END_WITHIN_S)
        self._count_what_had_no_room()
        self.stats.finish()
        return sent

    def _begin(self) -> None:
        spill = Spill(Path(self._settings.spill_dir), self._settings.spill_bytes) if self._settings.spill_dir else None
        self._closed = False
        self._spans: deque[Any] = deque()
        self._events: deque[tuple[Any, Any]] = deque()
        # Counted without a lock, which a span that the collector ends could find taken by its own thread.
        self._no_room: dict[Signal, itertools.count[int]] = {"traces": itertools.count(), "logs": itertools.count()}
        self._looks = itertools.count()
        self._had_no_room: dict[Signal, int] = {"traces": 0, "logs": 0}
        self._encoding = threading.RLock()
        self._queue = Queue(self._settings.queue_bytes, spill)
        self._sender = Sender(self._make_transport, self._queue, self.stats)

    def _begin_again(self) -> None:
        _of_parents.append(self._sender.transport)
        self._queue.forget()
        self.stats.begin()
        self._begin()

    def _drain(self, signal: Signal, waiting: deque[Any]) -> list[Any]:
        some: list[Any] = []
        with suppress(IndexError):  # at the end two may take
            while len(some) < MOST_RECORDS:
                some.append(waiting.popleft())
        self.stats.take(signal, len(some))
        return some

    def _left(self) -> Iterator[tuple[Signal, int]]:
        """Take what could not be encoded any more, and yield how much that was."""
        while self._spans:
            yield "traces", len(self._drain("traces", self._spans))
        while self._events:
            yield "logs", len(self._drain("logs", self._events))

    def _offer(self, batch: Batch) -> None:
        if self._queue.put(batch):
            self._sender.start()
        else:
            self.stats.drop(batch.signal, batch.count, "shutdown" if self._queue.closed else "queue_full")
        self.stats.spilled = self._queue.spilled

    def _count_what_had_no_room(self) -> None:
        looks = next(self._looks)
        for signal, counter in self._no_room.items():
            lost = next(counter) - looks - self._had_no_room[signal]
            self._had_no_room[signal] += lost
            self.stats.take(signal, lost)
            self.stats.drop(signal, lost, "shutdown" if self._closed else "queue_full")

    def _to_encode(self, signal: Signal) -> int:
        return len(self._spans) if signal == "traces" else len(self._events)

    def _to_send(self, signal: Signal) -> int:
        return self._queue.count(signal)

    def _waiting_bytes(self) -> int:
        return self._queue.bytes


def _component(settings: Settings) -> str:
    """Return what OpenTelemetry calls such an exporter, without the signal."""
    if settings.sends == "kafka":
        return "spanpulse_kafka"
    return "otlp_grpc" if settings.protocol == "grpc" else "otlp_http"
