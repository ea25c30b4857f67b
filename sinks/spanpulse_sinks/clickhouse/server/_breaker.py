"""Says when a server that does not answer may be asked again: at once it is not, by nobody.

Guarantee: while it is open at most one caller at a time is let through, and only after a wait that grows and has
jitter; a success closes it. It counts failures to reach the server, never errors that the server itself reports, and
says once that the server is away, and once that it is back.
"""

import logging
import threading
import time
from collections.abc import Callable
from random import random

__all__ = ["Breaker"]

LOG = logging.getLogger(__name__)
FAILURES = 3
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0


class Breaker:
    """Closed while the server answers. Safe to use from threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random) -> None:
        self._clock = clock
        self._chance = chance
        self._lock = threading.Lock()
        self._failures = 0
        self._since = 0.0  # when the first of them was
        self._again = 0.0

    @property
    def open(self) -> bool:
        """Whether the server counts as away."""
        return self._failures >= FAILURES

    def admits(self) -> bool:
        """Tell whether the server may be asked now; while it is away this lets one through and bars the next."""
        with self._lock:
            if self._failures < FAILURES:
                return True
            if self._clock() < self._again:
                return False
            self._again = self._clock() + self._wait()
            return True

    def answered(self) -> None:
        """Note an answer, of any kind."""
        with self._lock:
            away, self._failures = self._failures >= FAILURES, 0
        if away:
            LOG.warning("ClickHouse answers again, after %.0f s", self._clock() - self._since)

    def failed(self, why: str = "") -> None:
        """Note that the server could not be reached, or did not answer in time, and ``why`` in a word."""
        with self._lock:
            self._failures += 1
            if self._failures == 1:
                self._since = self._clock()
            away = self._failures == FAILURES
            self._again = self._clock() + self._wait()
        if away:
            LOG.warning("ClickHouse does not answer; it is asked again until it does (%s)", why)

    def _wait(self) -> float:
        doublings = min(max(0, self._failures - FAILURES), 10)
        return float(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**doublings) * (0.5 + self._chance() / 2))
