"""What no fork may interrupt, for its child would have half of it for ever: imports in our threads, and calls of gRPC.

Guarantee: a process that forks waits for what is under way in a block of `Whole`, `MOST_S` at most, for that may wait
for the forking thread itself; what can be interrupted is, after `GRACE_S`. It waits for ``rest`` s behind the last
block too, where a library has threads of its own that go on for a moment. Not guaranteed: the same for imports and
calls of others.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["GRPC", "IMPORTS", "Whole"]

GRACE_S: Final = 0.2
MOST_S: Final = 2.0


class Whole:
    """Blocks of one thread at a time, between which this process forks. One for each purpose, for it stays for ever."""

    _interrupt: Callable[[], object] | None = None

    def __init__(self, rest: float = 0.0) -> None:
        self._rest = rest
        self._ended = -math.inf
        self._begin()
        os.register_at_fork(before=self._wait, after_in_parent=self._go_on, after_in_child=self._begin)

    @contextmanager
    def block(self, interrupt: Callable[[], object] | None = None) -> Iterator[None]:
        """Have no fork happen within the block; ``interrupt`` has it end soon, from another thread."""
        with self._lock:
            self._interrupt = interrupt
            try:
                yield
            finally:
                self._interrupt = None
                self._ended = time.monotonic()

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._interrupt = None
        self._is_held = False

    def _wait(self) -> None:
        self._is_held = self._lock.acquire(timeout=GRACE_S)
        if not self._is_held:
            if (interrupt := self._interrupt) is not None:
                interrupt()
            self._is_held = self._lock.acquire(timeout=MOST_S)
        if (left := self._ended + self._rest - time.monotonic()) > 0:
            time.sleep(left)  # there is no event to wait for

    def _go_on(self) -> None:
        if self._is_held:
            self._is_held = False
            self._lock.release()


GRPC: Final = Whole(rest=0.03)
"""For gRPC: a child crashes where a thread of it is at work while its parent forks."""
IMPORTS: Final = Whole()
"""For imports in a thread of ours. It is waited for first, as the last that was registered: gRPC may follow one."""
