"""While a claimed range is incomplete, what waits of other partitions is bounded, and nobody stands for ever."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agents import Claiming, Stream
from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP
from spanpulse_stream.pipeline import Enricher, Incoming, Steps
from transports import eventually

CLAIMED, OTHER, THIRD = TP("t", 0), TP("t", 1), TP("t", 2)
SIZE, MOST_BYTES = 1_000, 50_000


class Parts:
    """Steps that write when they may."""

    def __init__(self) -> None:
        self.may_write = threading.Event()

    def landed(self, first: int) -> int:
        return first

    def unfinished(self, _first: int, _end: int | None) -> None:
        return None

    def compute(self, batch: list[Incoming], _versions: str) -> list[Incoming]:
        return batch

    def write(self, _batch: Any) -> None:
        assert self.may_write.wait(20)

    def abandon(self) -> None:
        return None


class Running:
    """An enricher over three partitions, of which the first has a claim of ten messages and gets one."""

    def __init__(self) -> None:
        self.parts = Parts()
        self.stream = Stream({CLAIMED: [SIZE], OTHER: [SIZE] * 400, THIRD: [SIZE] * 400})

        async def partition(_tp: TP) -> Parts:
            return self.parts

        async def crash(error: BaseException) -> None:
            raise error

        claims = Claiming({CLAIMED: Claim(0, 10, "v")})
        steps = Steps(partition, lambda: "v", crash)
        self.enricher = Enricher(claims, steps, most_records=10_000, most_bytes=MOST_BYTES)
        self.agent = asyncio.create_task(self.enricher.run(self.stream, within=0.01))

    @property
    def waiting(self) -> int:
        return sum(lane.cutter.bytes for lane in self.enricher._lanes.values())

    async def settled(self) -> None:
        """Wait until nothing more is taken."""
        taken: list[int] = []

        def same() -> bool:
            taken.append(sum(self.stream.given.values()))
            return len(taken) > 60 and len(set(taken[-60:])) == 1

        await eventually(same)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    made = Running()
    yield made
    made.parts.may_write.set()
    made.agent.cancel()
    await asyncio.wait({made.agent})


async def test_others_are_held_back_once_as_much_waits_as_may(running: Running) -> None:
    await running.settled()
    assert MOST_BYTES < running.waiting <= MOST_BYTES + 3 * SIZE
    assert running.stream.app.consumer.paused == {OTHER, THIRD}


async def test_others_go_on_while_the_range_does_not_come(running: Running) -> None:
    await running.settled()
    running.parts.may_write.set()
    acknowledged = running.stream.acknowledged
    await eventually(lambda: acknowledged[OTHER] == acknowledged[THIRD] == 400)
    assert acknowledged[CLAIMED] == 0
    assert running.stream.app.consumer.paused == set()


async def test_the_range_comes_while_others_are_held_back(running: Running) -> None:
    await running.settled()
    running.stream.waiting[CLAIMED] += [SIZE] * 29
    await eventually(lambda: running.stream.given[CLAIMED] >= 10)
    await running.settled()
    assert running.stream.given[CLAIMED] < 15, "what lies behind the range has to wait as well"
    running.parts.may_write.set()
    acknowledged = running.stream.acknowledged
    await eventually(lambda: list(acknowledged.values()) == [30, 400, 400])


async def test_partitions_that_were_held_back_and_taken_away_are_left_alone(running: Running) -> None:
    await running.settled()
    app = running.stream.app
    app.consumer_generation_id = 2
    releasing = asyncio.create_task(app.on_partitions_revoked.send(app, [CLAIMED, OTHER, THIRD]))
    await asyncio.sleep(0.1)
    assert app.consumer.paused == {OTHER, THIRD}, "who takes them away decides what flows"
    running.parts.may_write.set()
    await releasing
