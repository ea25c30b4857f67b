"""The thread of our own: finishes what the application's threads have left, then has the exporter encode it.

Reading JSON, masking and encoding happen here. Guarantee: the application's threads never wait for its work, also where
the collector of garbage or a signal ends one call while another is put; one that keeps the interpreter to itself gives
it up for a moment as it puts something, no more. At most `MOST_WAITING` items and `MOST_BYTES` bytes of them wait, what
is beyond that is finished without its content, and counted; beyond `MOST_AT_ALL`, which a mask that does not come back
can bring about, it is lost, and counted. What cannot be read is finished as far as it can. After a fork the child
starts with nothing: what waited is the parent's. Not guaranteed: that a span ends at once; it does within `every`
seconds, with the right times.
"""

import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final, Protocol

from spanpulse._log import say_once

__all__ = ["Background", "Ending"]

MOST_WAITING: Final = 10_000
MOST_AT_ALL: Final = 20_000
MANY: Final = 1_000  # then a round begins early
MOST_BYTES: Final = 64 << 20
LOOK_EVERY_S: Final = 0.005
BREATH_S: Final = 1e-4  # of work, then others may have the interpreter
LONGEST_BREATH_S: Final = 1e-3
CROWD: Final = 5  # waiting items by which that grows by as much again
RESTS: Final = float("inf")
PATIENCE_S: Final = 0.01  # that the thread waits for the interpreter, before it is given
IMPATIENT: Final = 100  # waiting items by which that is halved
HAND_OVER_S: Final = 1e-4  # a thread takes about half of that to wake
CROWDED: Final = "calls end faster than they can be read: some are told without their content and tokens"
STUCK: Final = "calls cannot be read, as it seems for a mask that does not come back: some are lost"


class Ending(Protocol):
    """A span that is over for the application, and still has to be told what it was about."""

    @property
    def size(self) -> int:
        """Bytes that it holds."""

    def forget(self) -> None:
        """Let go of what was said, for there is no room."""

    def finish(self) -> None:
        """Tell the span, and end it whatever happens. May raise for what cannot be read."""


class _Bell:
    """Wakes a thread. Unlike an Event, it may be rung by what interrupts its ringing, waiting or clearing."""

    def __init__(self) -> None:
        self._rung: SimpleQueue[None] = SimpleQueue()

    @property
    def is_rung(self) -> bool:
        return not self._rung.empty()

    def ring(self) -> None:
        if self._rung.empty():
            self._rung.put(None)

    def wait(self, within: float | None = None) -> None:
        with suppress(Empty):
            self._rung.get(timeout=within)

    def clear(self) -> None:
        with suppress(Empty):
            while True:
                self._rung.get_nowait()


class Background:
    """Finishes endings in rounds, ``every`` s at most after the first came; starts its thread when one is needed."""

    def __init__(self, every: float = 0.25, pump: Callable[[], None] | None = None) -> None:
        self.forgotten = 0
        """Endings so far whose content there was no room for."""
        self.lost = 0
        """Endings so far that there was no room for at all."""
        self.every = every
        self.pump = pump
        """Called at the end of each round, in the thread: encodes spans that have ended."""
        self._begin()
        again = weakref.WeakMethod(self._begin)
        os.register_at_fork(after_in_child=lambda: (begin := again()) and begin())

    def _begin(self) -> None:
        self._waiting: deque[tuple[Ending, int]] = deque()
        self._bytes = self._rounds = 0
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()  # a stream that the collector finds may end while this very thread holds it
        self._wake, self._hurry = _Bell(), _Bell()
        self._rests = False
        self._breath, self._breathed = BREATH_S, 0.0
        self._wanted = RESTS  # since when the thread waits for the interpreter; 0 while it has it, or does not want it

    def put(self, ending: Ending) -> None:
        """Have something finished soon."""
        size = ending.size
        if len(self._waiting) >= MOST_AT_ALL:
            self.lost += 1
            say_once(STUCK)
            return
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
            self._hurry.ring()

    def wake(self) -> None:
        """Have a round begin within `every` seconds."""
        self._wake.ring()
        if self._thread is None:
            self._start()
        self._hand_over()

    def breathe(self) -> None:
        """Let threads of the application have the interpreter, unless they had it just now.

        Who waits for it waits 5 ms else. Each time that it changes hands costs both sides as much as reading a text
        does: the more there is to do, the longer it is kept.
        """
        now = time.perf_counter()
        if now - self._breathed > self._breath:
            self._wanted = now
            time.sleep(0)
            self._wanted = 0.0
            self._breathed = time.perf_counter()

    def _hand_over(self) -> None:
        """Let the thread have the interpreter where it waits for it in vain.

        A thread that gives it up for an instant only, as each read of a socket does, takes it back before another one
        has woken: one that never pauses keeps it to itself for seconds.
        """
        wanted, now = self._wanted, time.perf_counter()
        if wanted == RESTS:
            self._wanted = now
        elif wanted and now - wanted > PATIENCE_S / (1 + len(self._waiting) / IMPATIENT):
            time.sleep(HAND_OVER_S)

    def rest(self) -> None:
        """Have the thread end once nothing waits; the next thing that is put starts another one."""
        if self._thread is not None:
            self._rests = True
            self._hurry.ring()
            self._wake.ring()

    def flush(self, within: float) -> bool:
        """Finish what has been put so far, for ``within`` s at most; tell whether all of it is, and is encoded."""
        if threading.current_thread() is self._thread:
            return False  # a processor that flushes as a span ends
        asked, deadline = self._rounds + 2, time.monotonic() + within  # a round may be under way
        while self._rounds < asked and time.monotonic() < deadline:
            self._hurry.ring()
            self.wake()
            if self._thread is None:  # an interpreter that ends starts no threads any more
                self._round()
                return True
            time.sleep(LOOK_EVERY_S)
        return self._rounds >= asked

    def _start(self) -> None:
        if sys.is_finalizing():  # a stream that is freed at the very end: a thread would be waited for, and never run
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="spanpulse", daemon=True)
                try:
                    self._thread.start()
                except BaseException as error:
                    self._thread = None
                    if not isinstance(error, RuntimeError):  # the interpreter ends; who flushes finishes
                        raise

    def _run(self) -> None:
        took = 0.0
        while True:
            self._wanted = RESTS
            self._wake.wait()
            # Many at once: each change of threads costs the application more than a call. Who is late has many.
            waits = max(0.0, self.every - took)
            self._wanted = time.perf_counter() + waits
            self._hurry.wait(waits)
            self._wanted = 0.0
            self._wake.clear()
            self._hurry.clear()
            begun = time.monotonic()
            self._round()
            took = time.monotonic() - begun
            self._rounds += 1
            if self._rests and self._leaves():
                return

    def _leaves(self) -> bool:
        """Tell whether the thread may end; who wakes it meanwhile starts another one."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._rests = bool(self._waiting) or self._wake.is_rung
            if self._rests:
                self._thread = thread
            return not self._rests

    def _round(self) -> None:
        self._breath = _breath_s(len(self._waiting))
        with suppress(IndexError):  # who flushes at the end may take some of them
            for _ in range(len(self._waiting)):  # what comes meanwhile is the next round's, or no pump might follow
                waiting = self._waiting.popleft()
                self._finish(*waiting)
                self.breathe()
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


def _breath_s(waiting: int) -> float:
    """Return how long the thread works at once, s: more than `LONGEST_BREATH_S` only where it is being left behind."""
    return max(min(LONGEST_BREATH_S, BREATH_S * (1 + waiting / CROWD)), LONGEST_BREATH_S * waiting / MANY)
