"""When an answer is new again, so that watching costs little: nothing while nothing is stored, little while much is.

Data has an edition: a number that grows when it has changed since it was looked at last, which happens at most once in
a pause. The pause grows with the range and with what its queries cost. Answers are kept by edition, so that who opens a
page sees what is that old at most. Pages that are open ask for the version, which follows the edition as far as what
they cost is paid: all of them together have a share of a core, a small one while the pipeline works or records wait,
since those go first. Editions begin anew after `STALE_S`, for what nobody counts (retention, time itself). Nothing here
runs by itself: without a reader nothing happens. For one event loop. Not guaranteed: a bound on what people cost who
open pages one after the other.
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
SHARE_OF_QUERY = 0.02
"""Of a core's time, what one query over a range may take."""
REMEMBERED = 9
"""Queries whose median tells the cost: one that had to wait for the machine says nothing."""
SHARE, SHARE_BUSY = 0.2, 0.02
"""Of a core's time, what all pages that are open may take; the second one while there is work."""
WORK = 0.01
"""Of a core's time, what the stages of the pipeline use where there is work: 1,000 to 2,000 spans/s."""
WORK_SEEN_S = 5.0
OWING_S, LONGEST_S = 10.0, 60.0
"""How long answers stay good enough at least, and open pages as they are at most, until what they cost is paid."""
NEXT_S = (0.5, 30.0)
"""Who watches asks that often: what is owed is paid sooner when the work is done."""


@dataclass(slots=True)
class _Edition:
    """The edition of ranges of one length: when it was looked at, when it began, and what was stored then.

    ``debt`` is what its answers took and is not paid yet, in seconds of a core.
    """

    looked: float
    since: float
    progress: float
    number: int = 0
    version: int = 0
    debt: float = 0.0
    costs: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    @property
    def cost(self) -> float:
        """What a query takes as a rule, seconds."""
        return statistics.median(self.costs) if self.costs else 0.0


@dataclass(slots=True)
class Freshness:
    """``progress`` counts what changes the data (batches, operations); ``clock`` is in seconds.

    ``behind`` says whether records have waited for longer than they do in a quiet process; ``worked`` is the CPU time
    in seconds that the pipeline has used so far.
    """

    progress: Callable[[], float]
    clock: Callable[[], float] = time.monotonic
    behind: Callable[[], bool] = lambda: False
    worked: Callable[[], float] = lambda: 0.0
    _start: str = field(default_factory=lambda: secrets.token_hex(4))
    _editions: dict[float, _Edition] = field(default_factory=dict)
    _paid: float = 0.0
    _seen: tuple[float, float] = (-math.inf, 0.0)
    _works: bool = False

    def pause(self, range_s: float) -> float:
        """Return how long an answer over ``range_s`` seconds is good enough, seconds."""
        length, shortest = _class_of(range_s)
        wanted = max(shortest, self._of(length).cost / SHARE_OF_QUERY)
        return next((pause for pause in PAUSES_S if pause >= wanted), PAUSES_S[-1])

    def asked(self, range_s: float, seconds: float) -> None:
        """Say what a query over ``range_s`` seconds took."""
        self._of(_class_of(range_s)[0]).costs.append(seconds)
        self.spent(range_s, seconds)

    def spent(self, range_s: float, seconds: float) -> None:
        """Say what else an answer over ``range_s`` seconds took."""
        self._pay()
        self._of(_class_of(range_s)[0]).debt += seconds

    def edition(self, range_s: float) -> str:
        """Return the edition of what is stored; another text: asking again may give something else."""
        length, _ = _class_of(range_s)
        edition, now = self._of(length), self.clock()
        if now - edition.looked >= max(self.pause(range_s), OWING_S if self._owes(edition) else 0.0):
            edition.looked, progress = now, self.progress()
            if progress != edition.progress or now - edition.since >= STALE_S:
                edition.progress, edition.since, edition.number = progress, now, edition.number + 1
        return self._name(length, edition.number)

    def version(self, range_s: float) -> str:
        """Return the edition that open pages are to show: another text: it is time to fetch the page again."""
        self.edition(range_s)
        length, _ = _class_of(range_s)
        edition = self._of(length)
        if not self._owes(edition):
            edition.version = edition.number
        return self._name(length, edition.version)

    def next_s(self, range_s: float) -> float:
        """Return in how many seconds to ask for the version again."""
        self._pay()
        edition = self._of(_class_of(range_s)[0])
        due = edition.looked + self.pause(range_s) - self.clock()
        owed = edition.debt / self._rate() if edition.debt else 0.0
        return min(max(NEXT_S[0], due, owed), NEXT_S[1])

    def _owes(self, edition: _Edition) -> bool:
        self._pay()
        return edition.debt > 0

    def _pay(self) -> None:
        """Take what was earned since from the debts; each has an equal part."""
        self._working()  # looked at in time, though it only matters where something is owed
        now = self.clock()
        passed, self._paid = max(0.0, now - self._paid), now
        owing = [edition for edition in self._editions.values() if edition.debt]
        rate = self._rate() if owing else 0.0
        for edition in owing:
            edition.debt = max(0.0, min(edition.debt, LONGEST_S * rate) - passed * rate)

    def _rate(self) -> float:
        """Return the share of a core that each range in debt has."""
        owing = sum(edition.debt > 0 for edition in self._editions.values())
        return (SHARE_BUSY if self._working() or self.behind() else SHARE) / max(1, owing)

    def _working(self) -> bool:
        now = self.clock()
        seen, before = self._seen
        if now - seen >= WORK_SEEN_S:
            worked = self.worked()
            self._works = (worked - before) / (now - seen) >= WORK
            self._seen = now, worked
        return self._works

    def _of(self, length: float) -> _Edition:
        edition = self._editions.get(length)
        if edition is None:
            now = self.clock()
            edition = self._editions[length] = _Edition(now, now, self.progress())
        return edition

    def _name(self, length: float, number: int) -> str:
        return f"{self._start}-{length:g}-{number}"


def _class_of(range_s: float) -> tuple[float, float]:
    return next(each for each in SHORTEST_S if range_s <= each[0])
