"""Looks, pass by pass, at what all partitions stored since the last one, and says what should be decided about it.

All that it knows is read from the database. At a start it begins `reach` ago, or a window of spans ago, and builds up
the same again; what it said before and is not stored yet it says again, which changes nothing twice. What was sent is
not said again for FORGET_S, for it takes a while to be applied. Not guaranteed: that it finds what lies further apart
than the window or, after a start, than the reach.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from spanpulse_sinks.clickhouse import Database
from spanpulse_stream.decisions._message import Decision
from spanpulse_stream.decisions._stored import BATCHES_OF_A_SOURCE, Listed, Range, Stored
from spanpulse_stream.decisions._union import Finding, Place, Union

__all__ = ["Look", "Reconciler"]

SPANS_AT_ONCE: Final = 50_000  # read from the database
SPANS_OF_A_LOOK: Final = 2_000_000
MOST_FOUND: Final = 20_000  # decisions that one look returns
MOST_SENT: Final = 200_000  # decisions that are remembered as sent
FORGET_S: Final = 180.0


class Look(NamedTuple):
    """What a look brought: decisions, spans that were compared, how many seconds ago the oldest unread was received."""

    findings: list[Finding]
    spans: int
    behind: float


def _nothing(_table: str) -> None:
    """Do nothing."""


@dataclass(slots=True)
class Reconciler:
    """Reads one database. Not thread-safe. After an exception it may be used on.

    ``window`` is in spans, ``reach`` in seconds; ``now`` (s since 1970) and ``clock`` (s, monotonic) tell the time;
    ``over`` tells that a look should come to its end. ``settle`` as in `Stored`.
    """

    database: Database
    window: int
    reach: float
    seed: int = 0
    settle: Callable[[str], None] = _nothing
    now: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    over: Callable[[], bool] = lambda: False
    _union: Union = field(init=False)
    _stored: Stored = field(init=False)
    _since: int = field(init=False)
    _positions: dict[int, int] = field(init=False, default_factory=dict)
    _sent: dict[Place, tuple[Decision, float]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._union = Union(self.window, seed=self.seed)
        self._stored = Stored(self.database, self.settle)
        self._since = round((self.now() - self.reach) * 1000)

    def look(self, sources: Collection[int]) -> Look:
        """Read what came since the last look in ``sources``, and return what should be decided. Raises QueryFailed.

        Sources that were looked at before and are not among these any more are forgotten.
        """
        self._follow(sources)
        waiting = self._stored.batches(self._positions, self._since)
        self._stored.settle()
        listed = Counter(each.log_source for each in waiting)
        unread = {source for source, batches in listed.items() if batches >= BATCHES_OF_A_SOURCE}
        spans = 0
        while waiting and spans < SPANS_OF_A_LOOK and not self.over():
            part, waiting = _portion(waiting)
            spans += self._read(part)
        caught_up = set(self._positions) - unread - {each.log_source for each in waiting}
        oldest = min((each.received_at for each in waiting), default=None)
        behind = 0.0 if oldest is None else max(0.0, self.now() - oldest / 1000)
        return Look([] if self.over() else self._unsent(self._union.differences(caught_up)), spans, behind)

    def sent(self, findings: Iterable[Finding]) -> None:
        """Remember that decisions were sent."""
        for each in findings:
            self._sent.pop(each.place, None)
            self._sent[each.place] = (each.decision, self.clock())
        while len(self._sent) > MOST_SENT:
            del self._sent[next(iter(self._sent))]

    def _follow(self, sources: Collection[int]) -> None:
        new = [each for each in sources if each not in self._positions]
        starts = self._stored.starts(new, self._since, self.window) if new else {}
        kept = {source: at for source, at in self._positions.items() if source in sources}
        self._positions = {**kept, **starts}

    def _read(self, batches: list[Listed]) -> int:
        """Take batches in, and return how many spans that were."""
        ranges = _ranges(batches)
        seen, told = self._stored.spans(ranges)
        updates = self._stored.updates(ranges)
        self._union.take(seen, told)
        self._union.learn(updates)
        self._positions |= {each.log_source: each.end for each in ranges}
        return len(seen)

    def _unsent(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return the first findings that were not sent lately."""
        since = self.clock() - FORGET_S
        while self._sent and next(iter(self._sent.values()))[1] < since:
            del self._sent[next(iter(self._sent))]
        found = []
        for each in findings:
            before = self._sent.get(each.place)
            if before is None or before[0] != each.decision:
                found.append(each)
            if len(found) == MOST_FOUND:
                break
        return found


def _portion(waiting: list[Listed]) -> tuple[list[Listed], list[Listed]]:
    """Return the first batches, with about SPANS_AT_ONCE spans, and the rest."""
    spans = 0
    for index, each in enumerate(waiting):
        spans += each.spans
        if spans > SPANS_AT_ONCE:
            return waiting[: index + 1], waiting[index + 1 :]
    return waiting, []


def _ranges(batches: Iterable[Listed]) -> list[Range]:
    """Return batches, which of each source are in order, as one range a source."""
    found: dict[int, Range] = {}
    for each in batches:
        if each.log_source in found:
            found[each.log_source].take(each)
        else:
            found[each.log_source] = Range(*each)
    return list(found.values())
