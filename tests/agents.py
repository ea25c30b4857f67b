"""An agent's stream without Faust: events of partitions, an app whose consumer can hold partitions back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from types import SimpleNamespace
from typing import Any

from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP

NOW_S = 1_763_700_000.0


class Signal:
    """`app.on_partitions_revoked`, with one receiver."""

    def __init__(self) -> None:
        self.send: Any = None

    def connect(self, receiver: Any) -> None:
        self.send = receiver

    def disconnect(self, _receiver: Any) -> None:
        return None


class Consumer:
    """Holds partitions back when it is told to."""

    def __init__(self, tps: Iterable[TP]) -> None:
        self.tps = set(tps)
        self.paused: set[TP] = set()

    def assignment(self) -> set[TP]:
        return set(self.tps)

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        self.paused |= set(tps)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        self.paused -= set(tps)


class Stream:
    """Gives out the messages of ``waiting`` (their sizes), partition by partition, until the test ends."""

    def __init__(self, waiting: dict[TP, list[int]]) -> None:
        self.waiting = waiting
        self.given = dict.fromkeys(waiting, 0)
        self.acknowledged: dict[TP, int] = dict.fromkeys(waiting, 0)
        self.app = SimpleNamespace(on_partitions_revoked=Signal(), consumer_generation_id=1, consumer=Consumer(waiting))

    async def ack(self, event: Any) -> None:
        self.acknowledged[event.message.tp] += 1

    async def noack_take(self, _count: int, within: float) -> AsyncIterator[tuple[Any]]:
        while True:
            for tp in self.waiting:
                if self.given[tp] < len(self.waiting[tp]) and tp not in self.app.consumer.paused:
                    yield (self._event(tp),)
            await asyncio.sleep(within / 100)

    def _event(self, tp: TP) -> Any:
        offset = self.given[tp]
        self.given[tp] += 1
        return SimpleNamespace(
            message=SimpleNamespace(
                offset=offset,
                tp=tp,
                generation_id=self.app.consumer_generation_id,
                timestamp=NOW_S,
                headers=[],
                value=bytes(self.waiting[tp][offset]),
            )
        )


class Claiming:
    """`pipeline.Claims` in memory."""

    gaps = True

    def __init__(self, claims: dict[TP, Claim] | None = None) -> None:
        self.claims = claims or {}
        self.commits: dict[TP, int] = {}
        self.made: list[Claim] = []
        self.ends: Callable[[TP, int], int | None] = lambda _tp, _offset: None

    async def committed(self, tp: TP) -> int:
        return self.commits.get(tp, 0)

    async def claimed(self, tp: TP) -> Claim | None:
        return self.claims.get(tp)

    async def claim(self, _tp: TP, claim: Claim) -> None:
        self.made.append(claim)

    async def commit(self, tp: TP, offset: int) -> None:
        self.commits[tp] = offset

    async def ends_before(self, tp: TP, offset: int) -> int | None:
        return self.ends(tp, offset)
