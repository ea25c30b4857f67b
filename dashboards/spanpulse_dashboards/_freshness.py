"""When an answer is new again, so that watching costs little: nothing while nothing is stored, little while much is.

Data has an edition: a number that grows when it has changed since it was looked at last, which happens at most once in
a pause. The pause grows with the range and with what its queries cost, more so while records wait to be stored, since
those go first. Answers are kept by edition, and pages ask for the edition alone. Editions begin anew after `STALE_S`,
for what nobody counts (retention). Nothing here runs by itself: without a reader nothing happens. For one event loop.
"""

import math
import secrets
import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Freshness"]

PAUSES_S = (2.0, 5.0, 10.0, 20.0, 60.0)
SHORTEST_S = ((3600, 2.0), (6 * 3600, 5.0), (86_400, 10.0), (math.inf, 60.0))  # by the range, seconds
STALE_S = 60.0
SHARE, SHARE_BEHIND = 0.02, 0.01
"""Of a core's time, what a query over one range may take; the second one while records wait."""
REMEMBERED = 9
"""Queries whose median tells the cost: one that had to wait for the machine says nothing."""
NEXT_S = 0.5


@dataclass(slots=True)
class _Edition:
    """The edition of ranges of one length: when it was looked at, when it began, and what was stored then."""

    looked: float
    since: float
    progress: float
    number: int = 0
    costs: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    @property
    def cost(self) -> float:
        return statistics.median(self.costs) if self.costs else 0.0


@dataclass(slots=True)
class Freshness:
    """``progress`` counts what changes the data (batches, operations); ``clock`` is in seconds.

    ``behind`` says whether records have waited for longer than they do in a quiet process.
    """

    progress: Callable[[], float]
    clock: Callable[[], float] = time.monotonic
    behind: Callable[[], bool] = lambda: False
    _start: str = field(default_factory=lambda: secrets.token_hex(4))
    _editions: dict[float, _Edition] = field(default_factory=dict)

    def pause(self, range_s: float) -> float:
        """Return how long an answer over ``range_s`` seconds is good enough, seconds."""
        length, shortest = _class_of(range_s)
        wanted = max(shortest, self._of(length).cost / (SHARE_BEHIND if self.behind() else SHARE))
        return next((pause for pause in PAUSES_S if pause >= wanted), PAUSES_S[-1])

    def spent(self, range_s: float, seconds: float) -> None:
        """Say what a query over ``range_s`` seconds took."""
        self._of(_class_of(range_s)[0]).costs.append(seconds)

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
