"""The agent `enrich`: take, claim, write, acknowledge, for each partition in log order.

The agent only gathers events; a worker task turns what has gathered into the next batch, so batches grow with
the load. While one batch is written, the next is computed; it is claimed only after the one before it is
committed. Guarantee: an event is acknowledged after its batch is whole in the database, never before. Not
guaranteed: that a batch is computed once; a failure ends the process, and a restart replays the claimed range.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from spanpulse_stream.log import Claim
from spanpulse_stream.pipeline._cut import BatchCutter, Incoming

__all__ = ["Claims", "Enricher", "Partition", "Steps"]


class Claims(Protocol):
    """Claims and commits of partitions, kept in the log itself."""

    async def claimed(self, partition: int) -> Claim | None:
        """Return the claim that starts at the committed offset, if there is one."""

    async def claim(self, partition: int, claim: Claim) -> None:
        """Commit ``claim.first`` and record the claim, in one durable step."""

    async def commit(self, partition: int, offset: int) -> None:
        """Commit ``offset`` (the next one to read), which ends the claim."""


class Partition(Protocol):
    """The steps of one partition; its state is a function of the partition's log."""

    def compute(self, batch: list[Incoming], versions: str) -> Any:
        """Return what the batch writes. Runs in a thread; may wait for the write before it."""

    def write(self, computed: Any) -> None:
        """Write it once. Returns when it is whole; raises when it gave up."""


@dataclass(frozen=True, slots=True)
class Steps:
    """How the agent gets at the pure part: a partition's steps, and today's versions."""

    partition: Callable[[int], Awaitable[Partition]]
    versions: Callable[[], str]
    crash: Callable[[BaseException], Awaitable[None]]


class Enricher:
    """Runs the steps over a stream of events of many partitions.

    ``most_records`` bounds a batch; intake pauses while more than twice as many records wait.
    """

    def __init__(self, claims: Claims, steps: Steps, *, most_records: int) -> None:
        self._claims = claims
        self._steps = steps
        self._most = most_records
        self._lanes: dict[int, _Lane] = {}
        self._waiting = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def run(self, stream: Any, *, take: int, within: float) -> None:
        """Be the agent's body: ``stream`` is Faust's, ``within`` seconds bound the wait for a batch."""
        worker = asyncio.create_task(self._work())
        worker.add_done_callback(lambda _task: self._room.set())
        try:
            async for events in stream.noack_take(take, within=within):
                for event in events:
                    await self._gather(stream, event)
                self._wake.set()
                await self._room.wait()
                if worker.done():
                    worker.result()
        finally:
            worker.cancel()

    async def _gather(self, stream: Any, event: Any) -> None:
        partition = event.message.partition
        if (lane := self._lanes.get(partition)) is None:
            lane = self._lanes[partition] = await self._open(partition)
        message = _incoming(event)
        lane.cutter.add(message)
        lane.events[message.offset] = (stream, event)
        self._waiting += message.records
        if self._waiting > 2 * self._most:
            self._room.clear()

    async def _open(self, partition: int) -> "_Lane":
        lane = _Lane(await self._steps.partition(partition), BatchCutter(self._most))
        lane.claim = await self._claims.claimed(partition)
        if lane.claim is not None:
            lane.cutter.expect(lane.claim.end)
        return lane

    async def _work(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                for partition, lane in list(self._lanes.items()):
                    lane.check()
                    for batch in lane.cutter.batches():
                        await self._enrich(partition, lane, batch)
        except Exception as error:
            await self._steps.crash(error)
            raise

    async def _enrich(self, partition: int, lane: "_Lane", batch: list[Incoming]) -> None:
        versions = lane.claim.versions if lane.claim else self._steps.versions()
        computed = await asyncio.to_thread(lane.steps.compute, batch, versions)
        await lane.settled()
        claim = Claim(batch[0].offset, batch[-1].offset + 1, versions)
        if lane.claim is None:
            await self._claims.claim(partition, claim)
        lane.claim = None
        lane.writing = asyncio.create_task(self._write(partition, lane, computed, claim))
        lane.writing.add_done_callback(lambda _task: self._wake.set())
        self._waiting -= sum(message.records for message in batch)
        if self._waiting <= 2 * self._most:
            self._room.set()

    async def _write(self, partition: int, lane: "_Lane", computed: Any, claim: Claim) -> None:
        await asyncio.to_thread(lane.steps.write, computed)
        for offset in range(claim.first, claim.end):
            stream, event = lane.events.pop(offset)
            await stream.ack(event)
        await self._claims.commit(partition, claim.end)


class _Lane:
    """What the agent keeps of one partition."""

    def __init__(self, steps: Partition, cutter: BatchCutter) -> None:
        self.steps = steps
        self.cutter = cutter
        self.claim: Claim | None = None
        self.events: dict[int, tuple[Any, Any]] = {}
        self.writing: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Raise what made the last write fail, if it did."""
        if self.writing is not None and self.writing.done():
            self.writing.result()

    async def settled(self) -> None:
        """Wait for the batch that is being written; raises what made it fail."""
        if self.writing is not None:
            await self.writing


def _incoming(event: Any) -> Incoming:
    message = event.message
    headers = _headers(message.headers)
    return Incoming(
        offset=message.offset,
        appended_at=round(message.timestamp * 1000),
        tenant=headers.get("tenant", b"default").decode(),
        signal=headers.get("signal", b"traces").decode(),
        records=int(headers.get("records", b"1")),
        value=message.value,
    )


def _headers(headers: Any) -> Mapping[str, bytes]:
    return dict(headers.items() if isinstance(headers, Mapping) else headers or ())
