"""The thread that finishes calls: reads what they said, tells their spans, and ends those.

Guarantee: the application's threads never wait for it; at most `MOST_CALLS` calls and `MOST_BYTES` bytes wait, what is
beyond that ends without what it said, and is counted; a call that cannot be read is told as far as it can. After a fork
the child starts with nothing. Not guaranteed: that spans end at once; they do within `EVERY_S`, with the right times.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from spanpulse._calls._call import Call
from spanpulse._calls._once import say_once

__all__ = ["Finisher"]

MOST_CALLS: Final = 10_000
MOST_BYTES: Final = 64 << 20
EVERY_S: Final = 0.1
LOOK_EVERY_S: Final = 0.005


class Finisher:
    """Finishes calls by ``tell``, in a thread that starts with the first one."""

    def __init__(self, tell: Callable[[Call], None]) -> None:
        self.without_content = 0
        """Calls so far that had to be finished without what they said."""
        self._tell = tell
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._waiting: deque[Call] = deque()
        self._put = self._finished = self._bytes = 0
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()  # a stream that the collector finds may end while this very thread holds it
        self._wake = threading.Event()
        self._hurry = threading.Event()

    def put(self, call: Call) -> None:
        """Have a call finished soon."""
        size = call.size
        with self._lock:
            if len(self._waiting) >= MOST_CALLS or self._bytes + size > MOST_BYTES:
                self.without_content += 1
                call.request, call.answer, size = b"", b"", 0
            self._put += 1
            self._bytes += size
            self._waiting.append(call)
        if not self._wake.is_set():
            self._wake.set()
            if self._thread is None:
                self._start()

    def flush(self, within: float) -> bool:
        """Finish what has been put so far, for ``within`` seconds at most; tell whether all of it is finished."""
        asked, deadline = self._put, time.monotonic() + within
        self._hurry.set()
        while self._finished < asked and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
        self._hurry.clear()
        return self._finished >= asked

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="spanpulse-finish", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._hurry.wait(EVERY_S)  # many at once: each change of threads costs the application more than a call
            self._wake.clear()
            while self._waiting:
                self._finish(self._waiting.popleft())
                self._finished += 1
            if self.without_content:
                say_once("calls end faster than they can be read: some are told without their content and tokens")

    def _finish(self, call: Call) -> None:
        with self._lock:
            self._bytes -= call.size
        try:
            self._tell(call)
        except Exception as error:  # noqa: BLE001 -- whatever an answer looks like, its span ends
            say_once(f"a call could not be read, and is told without what it said ({type(error).__name__})", error)
        finally:
            call.span.end(call.ended_ns)
