"""The agent `enrich`: take, claim, write, publish if asked to, acknowledge, for each partition in log order.

The agent only gathers events; a worker task turns what has gathered into the next batch, so batches grow with
the load. While one batch of a partition is written, the next is computed; it is claimed only after the one before it
is committed. A partition whose write takes long holds up the others once as much as may wait does. Guarantee: an event
is acknowledged after its batch is whole in the database, and published, never before; what belongs to a partition that
was taken away is neither claimed nor committed; when `run` has ended, no step runs any more, and none waits for one
that will not come; a log that ends before what the database has of it ends the app. Not guaranteed: that a
batch is computed or published once, or that a step that runs for a partition that was taken away is stopped; a failure
ends the app, and the next one replays the claimed range.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP, PartitionLost
from spanpulse_stream.pipeline._cut import MOST_BYTES, BatchCutter, Incoming
from spanpulse_stream.pipeline._lane import Lane, Room, Work, incoming
from spanpulse_stream.pipeline._steps import Claims, LogCutShort, Partition, Steps

__all__ = ["Enricher"]

LOG = logging.getLogger(__name__)
RELEASE_WITHIN_S = 20.0
MOST_BATCHES = 6  # computed and not yet committed, of all partitions: they are what takes memory


class Enricher:
    """Runs the steps over a stream of events of many partitions; for one `run`.

    A batch holds at most ``most_records`` and ``most_bytes`` of message values. Intake pauses while twice as many
    records, or as many bytes, wait for their batch; but a claimed range is always completed. A partition that is
    taken away is waited for at most ``release_within`` seconds, while its batch is written. ``read`` says what a
    message of Faust's holds.
    """

    def __init__(
        self,
        claims: Claims,
        steps: Steps,
        *,
        most_records: int,
        most_bytes: int = MOST_BYTES,
        release_within: float = RELEASE_WITHIN_S,
        read: Callable[[Any], Incoming] = incoming,
    ) -> None:
        self._claims = claims
        self._steps = steps
        self._most_records = most_records
        self._most_bytes = most_bytes
        self._release_within = release_within
        self._read = read
        self._lanes: dict[TP, Lane] = {}
        self._released: dict[TP, int] = {}  # the generation in which it was taken away
        self._unfinished: dict[TP, asyncio.Task[None]] = {}  # writes of lanes that were dropped
        self._running: set[asyncio.Task[Any]] = set()
        self._wake = asyncio.Event()  # something is due, or a write ended
        self._due = False  # what waits is to be cut
        self._timer: asyncio.TimerHandle | None = None  # will make it due
        self._room = Room(2 * most_records, most_bytes)
        self._app: Any = None  # while it runs

    async def run(self, stream: Any, *, within: float) -> None:
        """Be the agent's body: ``stream`` is Faust's; a message waits at most ``within`` seconds for others."""
        worker = asyncio.create_task(self._work(within))
        worker.add_done_callback(self._after_work)
        self._app = stream.app
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
        message, tp = event.message, event.message.tp
        if self._is_over(stream.app, message):
            return  # taken before a rebalance; it comes again, here or elsewhere
        lane = self._lanes.get(tp) or await self._open(stream.app, message)
        if lane is None or lane.dropped:
            return
        if message.offset < lane.first:
            await stream.ack(event)
            self._steps.skipped(tp, 1)
            return
        lane.add(self._read(message), stream, event)
        self._make_room()
        self._due_within(0 if self._room.crowded or lane.cutter.full else within)

    def _is_over(self, app: Any, message: Any) -> bool:
        """Whether the partition was taken away since the message was read."""
        generation = message.generation_id
        return bool(generation != app.consumer_generation_id or self._released.get(message.tp) == generation)

    async def _open(self, app: Any, message: Any) -> Lane | None:
        """Return a new lane for a message's partition; None if it was taken away meanwhile."""
        tp = message.tp
        if unfinished := self._unfinished.get(tp):
            await asyncio.wait({unfinished})  # or it and the new lane would write the same batch at once
            self._unfinished.pop(tp, None)
        try:
            steps = await self._steps.partition(tp)
            committed, claim = await self._claims.committed(tp), await self._claims.claimed(tp)
            first = await self._begin(asyncio.to_thread(steps.landed, committed))
            if first > committed:
                await self._check_end(tp, first)
            if self._steps.publish is not None and claim is not None and first == claim.end:
                first = committed  # it is written, but nobody knows whether it was published
            if first > committed:
                LOG.warning("%s %d: the database has offsets %d to %d, which were not committed", *tp, committed, first)
                await self._claims.commit(tp, first)
            claim = await self._to_replay(tp, steps, first, claim)
        except PartitionLost:
            return None
        if self._is_over(app, message):
            return None
        cutter = BatchCutter(self._most_records, self._most_bytes, gaps=self._claims.gaps)
        lane = self._lanes[tp] = Lane(tp, steps, cutter, first, claim)
        return lane

    async def _to_replay(self, tp: TP, steps: Partition, first: int, claim: Claim | None) -> Claim | None:
        """Return what is to be replayed from ``first`` on: the claim, or where that is gone what the database has."""
        claim = claim if claim is not None and claim.end > first else None
        end = await self._begin(asyncio.to_thread(steps.unfinished, first, claim.end if claim else None))
        if end is not None:
            await self._check_end(tp, end)
        if claim is None and end is not None:
            claim = Claim(first, end, self._steps.versions())
            LOG.warning("%s %d: offsets %d to %d are half written and unclaimed; finishing them", *tp, first, end - 1)
            await self._claims.claim(tp, claim)
        return claim

    async def _check_end(self, tp: TP, reached: int) -> None:
        """Raise LogCutShort where the log ends before what the database has: it gives those offsets out again."""
        end = await self._claims.ends_before(tp, reached)
        if end is not None:
            raise LogCutShort(
                f"{tp.topic} {tp.partition} ends at offset {end}, and the database has its messages up to {reached}: "
                "the log lost its end (an unclean leader election, or a broker's disk without a replica). New messages "
                "get those offsets again, and would be passed over as stored. Stop all workers, delete the topic "
                "<prefix>.sources, run `spanpulse init --replace-log`, set the group's offset of this partition to "
                f"where the log was cut off, at most {end}, and start the workers again (docs/cluster.md)"
            )

    async def _work(self, within: float) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                due, self._due = self._due, False
                if not await self._advance(due):
                    self._due = True
                cutters = [lane.cutter for lane in self._held_lanes()]
                if not self._due and any(cutter.waiting for cutter in cutters):
                    self._due_within(0 if any(cutter.full for cutter in cutters) else within)
        except Exception as error:
            await self._steps.crash(error)
            raise

    async def _advance(self, due: bool) -> bool:
        """Begin the writes that may begin, and compute what is ``due``; tell whether none of it had to wait."""
        done = True
        for lane in list(self._lanes.values()):
            if not self._begin_write(lane) or not due:
                continue
            if lane.next is not None or self._has_enough():
                done = done and not lane.cutter.waiting
            elif batch := lane.cutter.take():
                self._make_room()
                await self._compute(lane, batch)
                self._begin_write(lane)
        return done

    def _has_enough(self) -> bool:
        """Whether what is computed and not yet committed takes as much memory as it may."""
        lanes = self._lanes.values()
        batches, size = sum(lane.batches for lane in lanes), sum(lane.bytes for lane in lanes)
        return batches >= MOST_BATCHES or (batches > 1 and size >= self._most_bytes)

    async def _compute(self, lane: Lane, batch: list[Incoming]) -> None:
        claim = lane.replayed(batch)
        versions = claim.versions if claim else self._steps.versions()
        computing = self._begin(asyncio.to_thread(lane.steps.compute, batch, versions))
        try:
            lasts = await lane.outlasts(computing)
        except PartitionLost:  # it waited for a batch that will not be written
            _ = lane.is_writing  # raises why, unless the partition is lost
            self._lose(lane)
            return
        if lasts:
            new = Claim(batch[0].offset, batch[-1].offset + 1, versions)
            size = sum(len(message.value) for message in batch)
            lane.next = Work(computing.result(), claim or new, claim is not None, size)

    def _begin_write(self, lane: Lane) -> bool:
        """Write the next batch, if it is computed and the one before it is committed; False for a lane that is gone."""
        if not self._is_mine(lane):
            return False
        if not lane.is_writing and lane.next is not None:
            writing = self._begin(self._write(lane, lane.next))
            lane.write(writing, lane.next.bytes)
            writing.add_done_callback(self._after_write)
        return True

    async def _write(self, lane: Lane, work: Work) -> None:
        try:
            if not work.claimed:
                await self._claims.claim(lane.tp, work.claim)
            if lane.dropped:
                return  # whoever has it next replays the claim
            await asyncio.to_thread(lane.steps.write, work.computed)
            if not lane.dropped and self._steps.publish is not None:
                await self._steps.publish(lane.tp, work.computed)
            if lane.dropped:
                return
            for stream, event in lane.pop(work.claim):
                await stream.ack(event)
            await self._claims.commit(lane.tp, work.claim.end)
        except PartitionLost:
            self._lose(lane)
        except BaseException:
            lane.steps.abandon()  # the next one may wait for this one
            raise

    def _lose(self, lane: Lane) -> None:
        """Cut no more of a partition that is another's; `_release` follows, and until then its events are left."""
        lane.drop()
        self._make_room()
        self._wake.set()

    def _is_mine(self, lane: Lane) -> bool:
        return self._lanes.get(lane.tp) is lane and not lane.dropped

    def _begin(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Run something that `_end` waits for."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._after)
        return task

    def _after(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be waiting for it any more

    def _after_work(self, worker: "asyncio.Task[None]") -> None:
        if not worker.cancelled() and worker.exception() is not None:
            self._room.end()  # for the agent to raise it

    def _after_write(self, _writing: "asyncio.Task[None]") -> None:
        self._wake.set()  # for the worker to begin the next one, or to raise

    def _due_within(self, seconds: float) -> None:
        """Have what waits cut after a while, or earlier if that was asked for before."""
        if not seconds:
            self._due_now()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._due_now)

    def _due_now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due = True
        self._wake.set()

    def _held_lanes(self) -> list[Lane]:
        return [lane for lane in self._lanes.values() if not lane.dropped]

    def _make_room(self) -> None:
        """Let the agent take more, or have it wait."""
        self._room.look(self._held_lanes(), self._app)

    async def _release(self, app: Any, revoked: Iterable[TP], **_options: Any) -> None:
        """Forget partitions that were taken away, once what is being written of them is whole, or takes too long."""
        revoked = list(revoked)
        self._released.update(dict.fromkeys(revoked, app.consumer_generation_id))
        self._room.forget(revoked)
        lanes = [lane for tp in revoked if (lane := self._lanes.pop(tp, None))]
        self._make_room()
        if writing := {lane.writing for lane in lanes if lane.writing}:
            await asyncio.wait(writing, timeout=self._release_within)
        for lane in lanes:
            lane.drop()
            if lane.writing is not None and not lane.writing.done():
                LOG.warning("%s %d was taken away while a batch of it is written", *lane.tp)
                self._unfinished[lane.tp] = lane.writing
        self._wake.set()

    async def _end(self, worker: "asyncio.Task[None]") -> None:
        """Cut no more, and wait for the steps that run: what they use may be closed next."""
        worker.cancel()
        for lane in self._lanes.values():
            lane.steps.abandon()  # what is computed now is not written
        if self._timer is not None:
            self._timer.cancel()
        await _finished(lambda: [worker, *self._running])


async def _finished(tasks: Callable[[], list["asyncio.Task[Any]"]]) -> None:
    """Wait until all tasks are done, however often that is cancelled."""
    while unfinished := [task for task in tasks() if not task.done()]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait(unfinished)
