"""A worker looks after itself: how far each of its partitions is, whether it moves.

It asks nobody: the ends of partitions come with every fetch. Where messages wait and nothing at all is committed for a
minute, or nothing of one partition for five, although the database answers, the process ends, for a start may help. A
worker that has many partitions and a backlog takes a while for each round, so one that waits for its turn is not stuck.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from spanpulse_stream.observe import Condition, Health, Metrics, catalog
from spanpulse_stream.partitions import TP

__all__ = ["WorkerStuck", "WorkerWatch", "measure_lag"]

EVERY_S = 1.0
ALL_STUCK_S, ONE_STUCK_S = 60.0, 300.0


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
    _mine: frozenset[TP] = field(default_factory=frozenset)
    _moved: dict[TP, tuple[int, float]] = field(default_factory=dict)
    """Of partitions with messages that wait: the committed offset, and since when it is that."""

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
        self._mine = mine
        self.metrics.set(catalog.KAFKA_PARTITIONS, len(mine))
        for tp, place in found.items():
            if place is not None:
                self._look(tp, *place)
        self._judge()

    def _judge(self) -> None:
        """Raise WorkerStuck where a start may help; a database that is away is no reason."""
        now = self.clock()
        if any(each.condition is Condition.DATABASE_FAILING for each in self.health.reasons()):
            self._moved = {tp: (offset, now) for tp, (offset, _) in self._moved.items()}
        waited = {tp: now - since for tp, (_, since) in self._moved.items()}
        if waited and (
            min(waited.values()) > ALL_STUCK_S + self.request_s or max(waited.values()) > ONE_STUCK_S + self.request_s
        ):
            shown = ", ".join(f"{_name(tp)} for {seconds:.0f} s" for tp, seconds in waited.items())
            raise WorkerStuck(f"messages wait and nothing of them is committed: {shown}")

    def _look(self, tp: TP, committed: int, end: int) -> None:
        self.health.progress(_name(tp), committed=committed, end=end)
        if committed >= end:
            self._moved.pop(tp, None)
        elif tp not in self._moved or self._moved[tp][0] != committed:
            self._moved[tp] = (committed, self.clock())


def measure_lag(app: Any, claims: Any, metrics: Metrics, before: Collection[TP]) -> dict[TP, tuple[int, int] | None]:
    """Set the lag of an app's partitions, 0 for those of ``before`` that it has no longer.

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
    return found


def _name(tp: TP) -> str:
    return f"{tp.topic}/{tp.partition}"
