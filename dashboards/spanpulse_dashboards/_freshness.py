"""When an answer is new again, so that watching costs little: nothing while nothing is stored, little while much is.

Data has an edition: a number that grows when batches were stored since it was looked at last, which happens at most
once in a pause. The pause grows with the range and with what its queries cost. Answers are kept by edition, and pages
ask for the edition alone. Editions begin anew after `STALE_S`, for what changes without a batch (prices, retention).
Nothing here runs by itself: without a reader nothing happens. For one event loop.
"""

import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Freshness"]

PAUSES_S = (2.0, 5.0, 10.0, 20.0, 60.0)
SHORTEST_S = ((3600, 2.0), (6 * 3600, 5.0), (86_400, 10.0), (math.inf, 60.0))  # by the range, seconds
STALE_S = 60.0
SHARE = 0.01
"""Of a core's time, what the dearest query of one range may take."""
FORGETS = 0.9
NEXT_S = 0.5


@dataclass(slots=True)
class _Edition:
    """The edition of ranges of one length: when it was looked at, when it began, and what was stored then."""

    looked: float
    since: float
    progress: float
    number: int = 0
    cost: float = 0.0


@dataclass(slots=True)
class Freshness:
    """``progress`` counts the batches that were stored; ``clock`` is in seconds."""

    progress: Callable[[], float]
    clock: Callable[[], float] = time.monotonic
    _start: str = field(default_factory=lambda: secrets.token_hex(4))
    _editions: dict[float, _Edition] = field(default_factory=dict)

    def pause(self, range_s: float) -> float:
        """Return how long an answer over ``range_s`` seconds is good enough, seconds."""
        length, shortest = _class_of(range_s)
        wanted = max(shortest, self._of(length).cost / SHARE)
        return next((pause for pause in PAUSES_S if pause >= wanted), PAUSES_S[-1])

    def spent(self, range_s: float, seconds: float) -> None:
        """Say what a query over ``range_s`` seconds took."""
        edition = self._of(_class_of(range_s)[0])
        edition.cost = max(seconds, edition.cost * FORGETS)

    def edition(self, range_s: float) -> str:
        """Return the edition of what is stored; another text: asking again may give something else."""
        length, _ = _class_of(range_s)
        edition, now = self._of(length), self.clock()
        if now - edition.looked >= self.pause(range_s):
            edition.looked, progress = now, self.progress()
            if progress != edition.progress or now - edition.since >= STALE_S:
                edition.progress, edition.since, edition.number = progress, now, edition.number + 1
        return f"{self._start}-{length:g}-{edition.number}"

    def next_s(self, range_s: float) -> float:
        """Return in how many seconds the edition may change next."""
        due = self._of(_class_of(range_s)[0]).looked + self.pause(range_s)
        return max(NEXT_S, due - self.clock())

    def _of(self, length: float) -> _Edition:
        edition = self._editions.get(length)
        if edition is None:
            now = self.clock()
            edition = self._editions[length] = _Edition(now, now, self.progress())
        return edition


def _class_of(range_s: float) -> tuple[float, float]:
    return next(each for each in SHORTEST_S if range_s <= each[0])
