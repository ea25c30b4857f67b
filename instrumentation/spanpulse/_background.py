"""The thread of our own: finishes what the application's threads have left, then has the exporter encode it.

Reading JSON, masking and encoding happen here. Guarantee: the application's threads never wait for it; at most
`MOST_WAITING` items and `MOST_BYTES` bytes of them wait, what is beyond that is finished without its content, and
counted; what cannot be read is finished as far as it can. After a fork the child starts with nothing: what waited is
the parent's. Not guaranteed: that a span ends at once; it does within `every` seconds, with the right times.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from spanpulse._log import say_once

__all__ = ["Background", "Ending"]

MOST_WAITING: Final = 10_000
MANY: Final = 1_000  # then a round begins early
MOST_BYTES: Final = 64 << 20
LOOK_EVERY_S: Final = 0.005
CROWDED: Final = "calls end faster than they can be read: some are told without their content and tokens"


class Ending(Protocol):
    """A span that is over for the application, and still has to be told what it was about."""

    @property
    def size(self) -> int:
        """Bytes that it holds."""

    def forget(self) -> None:
        """Let go of what was said, for there is no room."""

    def finish(self) -> None:
        """Tell the span, and end it whatever happens. May raise for what cannot be read."""


class Background:
    """Finishes endings in rounds, ``every`` s at most after the first came; starts its thread when one is needed."""

    def __init__(self, every: float = 0.25, pump: Callable[[], None] | None = None) -> None:
        self.forgotten = 0
        """Endings so far whose content there was no room for."""
        self.every = every
        self.pump = pump
        """Called at the end of each round, in the thread: encodes spans that have ended."""
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._waiting: deque[tuple[Ending, int]] = deque()
        self._bytes = self._rounds = 0
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()  # a stream that the collector finds may end while this very thread holds it
        self._wake = threading.Event()
        self._hurry = threading.Event()

    def put(self, ending: Ending) -> None:
        """Have something finished soon."""
        size = ending.size
        with self._lock:
            if len(self._waiting) >= MOST_WAITING or self._bytes + size > MOST_BYTES:
                self.forgotten += 1
                ending.forget()
                size = ending.size
            self._bytes += size
            self._waiting.append((ending, size))
            crowded = len(self._waiting) == MANY
        self.wake()
        if crowded:
            self._hurry.set()

    def wake(self) -> None:
        """Have a round begin within `every` seconds."""
        if not self._wake.is_set():
            self._wake.set()
            if self._thread is None:
                self._start()

    def flush(self, within: float) -> bool:
        """Finish what has been put so far, for ``within`` s at most; tell whether all of it is, and is encoded."""
        if threading.current_thread() is self._thread:
            return False  # a processor that flushes as a span ends
        asked, deadline = self._rounds + 2, time.monotonic() + within  # a round may be under way
        while self._rounds < asked and time.monotonic() < deadline:
            self._hurry.set()
            self.wake()
            if self._thread is None:  # an interpreter that ends starts no threads any more
                self._round()
                return True
            time.sleep(LOOK_EVERY_S)
        return self._rounds >= asked

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="spanpulse", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter ends; who flushes finishes
                    return
                self._thread = thread

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._hurry.wait(self.every)  # many at once: each change of threads costs the application more than a call
            self._wake.clear()
            self._hurry.clear()
            self._round()
            self._rounds += 1

    def _round(self) -> None:
        while self._waiting:
            self._finish(*self._waiting.popleft())
            time.sleep(0)  # else a thread of the application that waits for the interpreter waits 5 ms
        if self.forgotten:
            say_once(CROWDED)
        if self.pump is not None:
            try:
                self.pump()
            except Exception as error:  # noqa: BLE001 -- the thread serves all spans
                say_once(f"spans could not be encoded ({type(error).__name__})", error)

    def _finish(self, ending: Ending, size: int) -> None:
        with self._lock:
            self._bytes -= size
        try:
            ending.finish()
        except Exception as error:  # noqa: BLE001 -- whatever an answer looks like, the next one is read
            say_once(f"a call could not be read, and is told without what it said ({type(error).__name__})", error)
