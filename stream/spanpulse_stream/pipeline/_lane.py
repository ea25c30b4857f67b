"""What the agent keeps of one partition, how much it takes of all, and how an event of Faust's becomes a message."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP
from spanpulse_stream.pipeline._cut import BatchCutter, Incoming
from spanpulse_stream.pipeline._steps import Partition

__all__ = ["Lane", "Room", "Work", "incoming"]

MOST_DIGITS = 10  # of a number that a sender says


class Work(NamedTuple):
    """A batch that is computed: what to write, its range, whether that is claimed already, bytes of its messages."""

    computed: Any
    claim: Claim
    claimed: bool
    bytes: int


class Lane:
    """One partition: what waits to be cut, to be written and to be acknowledged, and the batch that is being written.

    Everything before ``first`` is done. A lane that was dropped neither claims nor commits any more, whatever of it
    still runs; the partition gets a new one when it comes back.
    """

    def __init__(self, tp: TP, steps: Partition, cutter: BatchCutter, first: int, claim: Claim | None) -> None:
        self.tp = tp
        self.steps = steps
        self.cutter = cutter
        self.first = first
        self.next: Work | None = None  # is written when the one before it is committed
        self.writing: asyncio.Task[None] | None = None
        self._writing_bytes = 0
        self._claim = claim if claim is not None and claim.end > first else None  # of an earlier worker
        self._events: dict[int, tuple[Any, Any]] = {}
        self._dropped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._claim is not None:
            cutter.expect(max(self._claim.first, first), self._claim.end)

    @property
    def dropped(self) -> bool:
        """Whether the partition was taken away."""
        return self._dropped.done()

    @property
    def batches(self) -> int:
        """How many batches are computed and not yet committed."""
        return (self.next is not None) + self.is_writing

    @property
    def bytes(self) -> int:
        """How many bytes the messages of those batches have."""
        return (self.next.bytes if self.next else 0) + (self._writing_bytes if self.is_writing else 0)

    def write(self, writing: "asyncio.Task[None]", size: int) -> None:
        """Note that the next batch is being written."""
        self.next, self.writing, self._writing_bytes = None, writing, size

    @property
    def is_writing(self) -> bool:
        """Whether a batch is being written. Raises what made the last one fail, if it did."""
        if self.writing is None:
            return False
        if self.writing.done():
            self.writing.result()
        return not self.writing.done()

    def drop(self) -> None:
        """Give the partition up, and with it what is computed or waits to be."""
        self.next = None
        self.steps.abandon()
        if not self.dropped:
            self._dropped.set_result(None)

    def add(self, message: Incoming, stream: Any, event: Any) -> None:
        """Take the partition's next event, which is the message. Raises OffsetGap."""
        self.cutter.add(message)
        self._events[message.offset] = (stream, event)

    def replayed(self, batch: list[Incoming]) -> Claim | None:
        """Return the claim of an earlier worker that a batch fulfils, None for a batch that nobody claimed."""
        claim, self._claim = self._claim, None
        return claim if claim is not None and batch[0].offset < claim.end else None

    def pop(self, claim: Claim) -> Iterator[tuple[Any, Any]]:
        """Yield the events up to the end of a range, with their streams, and forget them."""
        while self._events and (offset := next(iter(self._events))) < claim.end:
            yield self._events.pop(offset)

    async def outlasts(self, task: "asyncio.Task[Any]") -> bool:
        """Wait for a task, or until the lane is dropped; tell whether it was not. Raises what the task does."""
        await asyncio.wait({task, self._dropped}, return_when=asyncio.FIRST_COMPLETED)
        if not self.dropped:
            task.result()
        return not self.dropped


class Room:
    """Whether the agent may take more: no while what waits has more records or bytes than may wait.

    What a claimed range lacks has to come all the same, or its partition would stand for ever. So while one is
    incomplete the agent goes on, and the app's consumer delivers nothing but such ranges. Guarantee: beside claimed
    ranges no more waits than may, and what the consumer had already given out. What others wait for is what is cut and
    written meanwhile, never a claimed range that does not come.
    """

    def __init__(self, most_records: int, most_bytes: int) -> None:
        self.crowded = False
        self._most_records = most_records
        self._most_bytes = most_bytes
        self._held: set[TP] = set()  # partitions that the consumer holds back
        self._free = asyncio.Event()
        self._free.set()

    async def wait(self) -> None:
        """Wait until the agent may take more."""
        await self._free.wait()

    def end(self) -> None:
        """Let the agent go on, to see that something failed."""
        self._free.set()

    def forget(self, tps: Collection[TP]) -> None:
        """Leave partitions that were taken away to whoever gives them out next."""
        self._held.difference_update(tps)

    def look(self, lanes: Collection[Lane], app: Any) -> None:
        """Decide anew, from all lanes of an app that are not dropped."""
        incomplete = {lane.tp for lane in lanes if lane.cutter.incomplete}
        waiting = [lane.cutter for lane in lanes if lane.tp not in incomplete]
        records, size = sum(cutter.records for cutter in waiting), sum(cutter.bytes for cutter in waiting)
        self.crowded = records > self._most_records or size > self._most_bytes
        if self.crowded and incomplete:
            self._hold(set(app.consumer.assignment()) - incomplete, app)
        if go_on := self._held & incomplete if self.crowded else self._held:
            self._held = self._held - go_on
            app.consumer.resume_partitions({tp for tp in app.consumer.assignment() if tp in go_on})
        if self.crowded and not incomplete:
            self._free.clear()
        else:
            self._free.set()

    def _hold(self, others: set[TP], app: Any) -> None:
        """Hold partitions back, also those that are held: a rebalance lets all of them go."""
        app.consumer.pause_partitions(others)
        self._held |= others


def incoming(message: Any) -> Incoming:
    """Return a message as the steps see it; a header that says nothing useful counts as absent."""
    headers, value = _headers(message.headers), message.value or b""
    return Incoming(
        offset=message.offset,
        appended_at=round(message.timestamp * 1000),
        tenant=headers.get("tenant", b"default").decode(errors="replace"),
        signal=headers.get("signal", b"traces").decode(errors="replace"),
        records=_records(headers.get("records", b""), len(value)),
        value=value,
    )


def _headers(headers: Any) -> Mapping[str, bytes]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return {name: value for name, value in pairs if value is not None}


def _records(told: bytes, size: int) -> int:
    """Return how many records a message says that it has: no more than there is room for, two bytes each."""
    return min(int(told), max(1, size // 2)) if told.isdigit() and len(told) < MOST_DIGITS else 1
