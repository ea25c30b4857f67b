"""A worker looks after itself: how far each of its partitions is, whether it moves.

It asks nobody: the ends of partitions come with every fetch. Where messages wait and nothing at all is committed for a
minute, or nothing of one partition for five, although the database and Kafka answer, the process ends, for a start may
help. A worker that has many partitions and a backlog takes a while for each round, so one that waits for its turn is
not stuck. Nor is one that waits for a transaction of some producer, behind which nothing may be read: that is logged,
and the lag says how much waits.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from spanpulse_stream.observe import Condition, Health, Metrics, catalog
from spanpulse_stream.partitions import TP

__all__ = ["WorkerStuck", "WorkerWatch", "measure_lag"]

LOG = logging.getLogger(__name__)
EVERY_S = 1.0
HELD_UP_S = 60.0  # by one transaction: then it is said
ALL_STUCK_S, ONE_STUCK_S = 60.0, 300.0
AWAY = (Condition.DATABASE_FAILING, Condition.KAFKA_FAILING)


class WorkerStuck(RuntimeError):  # noqa: N818 -- what it is
    """Partitions stand still for no reason that is known."""


@dataclass(slots=True)
class WorkerWatch:
    """Watches one worker."""

    app: Any
    claims: Any
    metrics: Metrics
    health: Health
    clock: Callable[[], float] = time.monotonic
    request_s: float = 0.0
    """Seconds that one request to the database may take: so long nothing moves although nothing is wrong here."""
    kafka: Callable[[], str | None] = lambda: None
    """Returns what Kafka does not answer, for a person; None where it answers."""
    waiting: int = field(default=0, init=False)
    """Messages that wait in all partitions, as of the last look."""
    _mine: frozenset[TP] = field(default_factory=frozenset)
    _moved: dict[TP, tuple[int, float]] = field(default_factory=dict)
    """Of partitions with messages that wait: the committed offset, and since when it is that."""
    _held_up: dict[TP, tuple[int, float]] = field(default_factory=dict)
    """Of partitions that a transaction holds up: the offset where it begins, and when that is said next."""
    _away: bool = False

    async def run(self) -> None:
        """Watch until cancelled. Raises WorkerStuck."""
        while True:
            self.once()
            await asyncio.sleep(EVERY_S)

    def once(self) -> None:
        """Tell health and metrics how far the partitions are. Raises WorkerStuck."""
        found = measure_lag(self.app, self.claims, self.metrics, self._mine)
        mine = frozenset(found)
        for tp in self._mine - mine:
            self.health.forget(_name(tp))
            self._moved.pop(tp, None)
            self._held_up.pop(tp, None)
        self._mine = mine
        self.metrics.set(catalog.KAFKA_PARTITIONS, len(mine))
        self.waiting = sum(max(0, end - committed) for committed, end in filter(None, found.values()))
        for tp, place in found.items():
            if place is not None:
                self._look(tp, *place)
        self._listen()
        self._judge()

    def _judge(self) -> None:
        """Raise WorkerStuck where a start may help; a database or Kafka that is away is no reason."""
        now = self.clock()
        if self._away:
            self._moved = {tp: (offset, now) for tp, (offset, _) in self._moved.items()}
        waited = {tp: now - since for tp, (_, since) in self._moved.items()}
        if waited and (
            min(waited.values()) > ALL_STUCK_S + self.request_s or max(waited.values()) > ONE_STUCK_S + self.request_s
        ):
            shown = ", ".join(f"{_name(tp)} for {seconds:.0f} s" for tp, seconds in waited.items())
            raise WorkerStuck(f"messages wait and nothing of them is committed: {shown}")

    def _listen(self) -> None:
        """Tell health of Kafka, and not to take for stuck who waits for others."""
        if (trouble := self.kafka()) is not None:
            self.health.report(Condition.KAFKA_FAILING, trouble)
        else:
            self.health.clear(Condition.KAFKA_FAILING)
        away = any(each.condition in AWAY for each in self.health.reasons())
        if away and not self._away:
            self.health.pause()
        elif self._away and not away:
            self.health.resume()
        self._away = away

    def _look(self, tp: TP, committed: int, end: int) -> None:
        readable = self.app.consumer.readable(tp)
        end = self._up_to(tp, end if readable is None else min(end, readable), end)
        self.health.progress(_name(tp), committed=committed, end=end)
        if committed >= end:
            self._moved.pop(tp, None)
        elif tp not in self._moved or self._moved[tp][0] != committed:
            self._moved[tp] = (committed, self.clock())

    def _up_to(self, tp: TP, readable: int, end: int) -> int:
        """Return ``readable``, and say now and then where it stays below the end."""
        now = self.clock()
        if readable >= end:
            self._held_up.pop(tp, None)
        elif tp not in self._held_up or self._held_up[tp][0] != readable:
            self._held_up[tp] = (readable, now + HELD_UP_S)
        elif now >= self._held_up[tp][1]:
            self._held_up[tp] = (readable, now + 10 * HELD_UP_S)
            LOG.warning(
                "%s: a producer's transaction is open since offset %d, and nothing behind it may be read: "
                "%d messages wait; `kafka-transactions.sh find-hanging` shows it",
                *(_name(tp), readable, end - readable),
            )
        return readable


def measure_lag(app: Any, claims: Any, metrics: Metrics, before: Collection[TP]) -> dict[TP, tuple[int, int] | None]:
    """Set the lag of an app's partitions, 0 for those of ``before`` that it has no longer; count what Kafka deleted.

    Returns partition -> committed offset and end, None where that is not known yet. Waits for nothing.
    """
    found: dict[TP, tuple[int, int] | None] = {}
    for tp in (TP(*tp) for tp in app.consumer.assignment()):
        end, committed = app.consumer.highwater(tp), claims.reached(tp)
        found[tp] = None if end is None or committed is None else (committed, end)
    for tp in {*before, *found}:
        place = found.get(tp)
        if place is not None or tp not in found:
            committed, end = place or (0, 0)
            metrics.set(catalog.KAFKA_LAG, max(0, end - committed), tp.topic, str(tp.partition))
    for topic, messages in app.consumer.losses.take().items():
        metrics.add(catalog.KAFKA_LOST, messages, topic)
    return found


def _name(tp: TP) -> str:
    return f"{tp.topic}/{tp.partition}"
