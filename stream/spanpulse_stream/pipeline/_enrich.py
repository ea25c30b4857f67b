"""The agent `enrich`: take, claim, write, acknowledge, for each partition in log order.

The agent only gathers events; a worker task turns what has gathered into the next batch, so batches grow with
the load. While one batch is written, the next is computed; it is claimed only after the one before it is
committed. Guarantee: an event is acknowledged after its batch is whole in the database, never before; when `run`
has ended, no step runs any more. Not guaranteed: that a batch is computed once; a failure ends the app, and the
next one replays the claimed range.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from spanpulse_stream.log import Claim
from spanpulse_stream.pipeline._cut import MOST_BYTES, BatchCutter, Incoming
from spanpulse_stream.pipeline._lane import Lane
from spanpulse_stream.pipeline._steps import Claims, Steps

__all__ = ["Enricher"]

Result = TypeVar("Result")


class Enricher:
    """Runs the steps over a stream of events of many partitions; for one `run`.

    A batch holds at most ``most_records`` and ``most_bytes`` of message values. Intake pauses while twice as many
    records, or as many bytes, wait for their batch; but not before a claimed range is complete.
    """

    def __init__(self, claims: Claims, steps: Steps, *, most_records: int, most_bytes: int = MOST_BYTES) -> None:
        self._claims = claims
        self._steps = steps
        self._most_records = most_records
        self._most_bytes = most_bytes
        self._lanes: dict[int, Lane] = {}
        self._wake = asyncio.Event()  # there is something to cut, or a write failed
        self._timer: asyncio.TimerHandle | None = None  # will wake
        self._room = asyncio.Event()
        self._room.set()

    async def run(self, stream: Any, *, within: float) -> None:
        """Be the agent's body: ``stream`` is Faust's; a message waits at most ``within`` seconds for others."""
        worker = asyncio.create_task(self._work(within))
        worker.add_done_callback(self._after_work)
        revoked = stream.app.on_partitions_revoked
        revoked.connect(self._release)
        try:
            # One at a time: Faust bounds what it takes at once in messages, not in bytes.
            async with contextlib.aclosing(stream.noack_take(1, within=within)) as taken:
                async for (event,) in taken:
                    await self._gather(stream, event, within)
                    await self._room.wait()
                    if worker.done():
                        worker.result()
        finally:
            revoked.disconnect(self._release)
            await self._end(worker)

    async def _gather(self, stream: Any, event: Any, within: float) -> None:
        message = event.message
        if message.generation_id != stream.app.consumer_generation_id:
            return  # taken before a rebalance; it comes again, here or elsewhere
        if (lane := self._lanes.get(message.partition)) is None:
            lane = self._lanes[message.partition] = await self._open(message.tp)
        lane.add(stream, event)
        self._make_room()
        self._wake_within(within if self._room.is_set() and not lane.cutter.full else 0)

    async def _open(self, tp: Any) -> Lane:
        steps = await self._steps.partition(tp.partition)
        claim = await self._claims.claimed(tp.partition)
        return Lane(tp, steps, BatchCutter(self._most_records, self._most_bytes), claim)

    async def _work(self, within: float) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                for lane in list(self._lanes.values()):
                    lane.check()
                    if batch := lane.cutter.take():
                        self._make_room()
                        await self._enrich(lane, batch)
                cutters = [lane.cutter for lane in self._lanes.values()]
                if any(cutter.waiting for cutter in cutters):
                    self._wake_within(0 if any(cutter.full for cutter in cutters) else within)
        except Exception as error:
            await self._steps.crash(error)
            raise

    async def _enrich(self, lane: Lane, batch: list[Incoming]) -> None:
        versions = lane.claim.versions if lane.claim else self._steps.versions()
        computed = await _in_thread(lane.steps.compute, batch, versions)
        await lane.settled()
        if self._lanes.get(lane.partition) is not lane:
            return  # it was taken away meanwhile
        claim = Claim(batch[0].offset, batch[-1].offset + 1, versions)
        if lane.claim is None:
            await self._claims.claim(lane.partition, claim)
        lane.claim = None
        lane.writing = asyncio.create_task(self._write(lane, computed, claim))
        lane.writing.add_done_callback(self._after_write)

    async def _write(self, lane: Lane, computed: Any, claim: Claim) -> None:
        await asyncio.to_thread(lane.steps.write, computed)
        for stream, event in lane.pop(claim):
            await stream.ack(event)
        await self._claims.commit(lane.partition, claim.end)

    def _after_work(self, worker: "asyncio.Task[None]") -> None:
        if not worker.cancelled() and worker.exception() is not None:
            self._room.set()  # for the agent to raise it

    def _after_write(self, writing: "asyncio.Task[None]") -> None:
        if not writing.cancelled() and writing.exception() is not None:
            self._wake.set()  # for the worker to raise it

    def _wake_within(self, seconds: float) -> None:
        """Wake the worker after a while, or earlier if that was asked for before."""
        if not seconds:
            self._wake_now()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._wake_now)

    def _wake_now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake.set()

    def _make_room(self) -> None:
        """Let the agent take more, or have it wait."""
        cutters = [lane.cutter for lane in self._lanes.values()]
        records, size = sum(cutter.records for cutter in cutters), sum(cutter.bytes for cutter in cutters)
        crowded = records > 2 * self._most_records or size > self._most_bytes
        if crowded and not any(cutter.incomplete for cutter in cutters):
            self._room.clear()
        else:
            self._room.set()

    async def _release(self, _app: Any, revoked: Any, **_options: Any) -> None:
        """Forget partitions that were taken away, once what is being written of them is whole."""
        lanes = [lane for lane in self._lanes.values() if lane.tp in revoked]
        for lane in lanes:
            del self._lanes[lane.partition]
            await lane.settled()
        self._make_room()

    async def _end(self, worker: "asyncio.Task[None]") -> None:
        """Cut no more, and wait for the steps that run: what they use may be closed next."""
        worker.cancel()
        if self._timer is not None:
            self._timer.cancel()
        await _finished(lambda: [worker, *(lane.writing for lane in self._lanes.values() if lane.writing)])


async def _in_thread(function: Callable[..., Result], *arguments: object) -> Result:
    """Run a function in a thread; when cancelled, wait for its end all the same."""
    running = asyncio.create_task(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await _finished(lambda: [running])
        running.exception()  # nobody wants it any more
        raise


async def _finished(tasks: Callable[[], list["asyncio.Task[Any]"]]) -> None:
    """Wait until all tasks are done, however often that is cancelled."""
    while unfinished := [task for task in tasks() if not task.done()]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait(unfinished)
