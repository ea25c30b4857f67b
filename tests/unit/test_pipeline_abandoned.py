"""A batch that waits for the one before it never waits for one that will not be written."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from agents import Claiming, Stream
from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP, PartitionLost
from spanpulse_stream.pipeline import Enricher, PartitionSteps, Steps, Tools, Versions
from spanpulse_stream.pipeline import _partition as partition_steps

TP_0 = TP("t", 0)
VERSIONS = Versions("p", "full", "all", 100, 10, 10, "x").dump()
SOON_S = 10.0


class Held(Claiming):
    """The second claim waits until the test lets it go on, and fails then."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.go_on = asyncio.Event()
        self.error = error

    async def claim(self, tp: TP, claim: Claim) -> None:
        if claim.first >= 10:
            await self.go_on.wait()
            if self.error is not None:
                raise self.error
        await super().claim(tp, claim)


class Case:
    """An enricher whose batches from offset 20 on read what the one before them wrote."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waiting, self.left = threading.Event(), threading.Event()
        self.written: list[int] = []
        self.crashes: list[BaseException] = []
        self.stream = Stream({TP_0: [1] * 40})
        monkeypatch.setattr(partition_steps, "PartitionMemory", lambda *_a, **_k: SimpleNamespace(window=100))
        monkeypatch.setattr(partition_steps, "Tally", lambda batch: batch)
        monkeypatch.setattr(partition_steps, "compute", self.compute)
        self.agent: asyncio.Task[None] | None = None

    def compute(self, task: Any) -> Any:
        if task.first >= 20:
            self.waiting.set()
            try:
                task.stored(None)
            except AttributeError:  # there is no database: the wait is over
                pass
            finally:
                self.left.set()
        return SimpleNamespace(batch=task.messages)

    def write(self, batch: Any) -> None:
        self.written.append(batch[0].offset)

    def start(self, claims: Claiming, write: Callable[[Any], None] | None = None) -> None:
        nothing: Any = None
        writer: Any = SimpleNamespace(write=write or self.write, newest_batch=lambda _source: None)
        writer.half_written = lambda _source, _first: None
        books: Any = SimpleNamespace(of=lambda _version: None)
        tools = Tools(nothing, writer, books, lambda *_: None, 0, shared=True)

        async def partition(_tp: TP) -> PartitionSteps:
            return PartitionSteps(1, tools)

        async def crash(error: BaseException) -> None:
            self.crashes.append(error)

        enricher = Enricher(claims, Steps(partition, lambda: VERSIONS, crash), most_records=10)
        self.agent = asyncio.create_task(enricher.run(self.stream, within=0.05))

    async def reached(self, event: threading.Event) -> bool:
        return await asyncio.to_thread(event.wait, SOON_S)

    async def ended(self) -> bool:
        assert self.agent is not None
        self.agent.cancel()
        done, _ = await asyncio.wait({self.agent}, timeout=SOON_S)
        return bool(done)


@pytest.fixture
async def case(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    made = Case(monkeypatch)
    yield made
    assert await made.ended()


async def test_a_claim_of_a_lost_partition_ends_the_wait_and_not_the_app(case: Case) -> None:
    claims = Held(PartitionLost("given to another member"))
    case.start(claims)
    assert await case.reached(case.waiting)
    claims.go_on.set()
    assert await case.reached(case.left)
    assert await case.ended()
    assert case.crashes == []
    assert case.written == [0]


async def test_a_claim_that_fails_ends_the_wait_and_is_what_ends_the_app(case: Case) -> None:
    failure = OSError("Kafka took no commit")
    claims = Held(failure)
    case.start(claims)
    assert await case.reached(case.waiting)
    claims.go_on.set()
    assert await case.reached(case.left)
    await asyncio.sleep(0.2)
    assert case.crashes == [failure]


async def test_a_lane_that_was_dropped_waits_for_nothing(case: Case) -> None:
    claims = Held(None)
    case.start(claims)
    assert await case.reached(case.waiting)
    case.stream.app.consumer_generation_id = 2
    releasing = asyncio.create_task(case.stream.app.on_partitions_revoked.send(case.stream.app, [TP_0]))
    await asyncio.sleep(0.1)
    assert not case.left.is_set(), "the batch before it is waited for first"
    claims.error = PartitionLost("given to another member")
    claims.go_on.set()
    await asyncio.wait_for(releasing, SOON_S)
    assert await case.reached(case.left)
    assert case.crashes == []


async def test_a_stop_does_not_wait_for_a_batch_whose_turn_will_not_come(case: Case) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def write(batch: Any) -> None:
        if batch[0].offset >= 10:
            begun.set()
            assert go_on.wait(SOON_S)
        case.write(batch)

    case.start(Claiming(), write)
    assert await case.reached(case.waiting)
    assert await case.reached(begun)
    assert case.agent is not None
    case.agent.cancel()
    assert await case.reached(case.left), "what is computed now is not written any more"
    assert not case.agent.done(), "the write that runs is waited for"
    go_on.set()
    assert await case.ended()
    assert case.written == [0, 10]
