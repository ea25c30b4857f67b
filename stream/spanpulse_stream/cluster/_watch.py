"""A worker looks after itself: how far each of its partitions is, whether it moves, memory.

It asks nobody: the ends of partitions come with every fetch. Where records wait and nothing is committed for much
longer than a batch takes, although the database answers, the process ends, for a start may help.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from spanpulse_stream.observe import Condition, Health, Metrics, catalog
from spanpulse_stream.partitions import TP
from spanpulse_stream.process import give_back_memory

__all__ = ["WorkerStuck", "WorkerWatch"]

EVERY_S = 1.0
GIVE_BACK_EVERY = 10


class WorkerStuck(RuntimeError):  # noqa: N818 -- what it is
    """Partitions stand still for no reason that is known."""


@dataclass(slots=True)
class WorkerWatch:
    """Watches one worker."""

    app: Any
    claims: Any
    metrics: Metrics
    health: Health
    _mine: frozenset[TP] = field(default_factory=frozenset)

    async def run(self) -> None:
        """Watch until cancelled. Raises WorkerStuck."""
        rounds = 0
        while True:
            self.once()
            rounds += 1
            if rounds % GIVE_BACK_EVERY == 0:
                await asyncio.to_thread(give_back_memory)
            await asyncio.sleep(EVERY_S)

    def once(self) -> None:
        """Tell health and metrics how far the partitions are. Raises WorkerStuck."""
        mine = frozenset(TP(*tp) for tp in self.app.consumer.assignment())
        for tp in self._mine - mine:
            self.health.forget(_name(tp))
            self.metrics.set(catalog.KAFKA_LAG, 0, tp.topic, str(tp.partition))
        self._mine = mine
        self.metrics.set(catalog.KAFKA_PARTITIONS, len(mine))
        for tp in mine:
            self._look(tp)
        waits = any(each.condition is Condition.DATABASE_FAILING for each in self.health.reasons())
        if stuck := [] if waits else self.health.stuck():
            raise WorkerStuck("; ".join(each.detail for each in stuck))

    def _look(self, tp: TP) -> None:
        end = self.app.consumer.highwater(tp)
        committed = self.claims.reached(tp)
        if end is None or committed is None:
            return
        self.health.progress(_name(tp), committed=committed, end=end)
        self.metrics.set(catalog.KAFKA_LAG, max(0, end - committed), tp.topic, str(tp.partition))


def _name(tp: TP) -> str:
    return f"{tp.topic}/{tp.partition}"
