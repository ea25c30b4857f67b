"""The steps of one partition as the agent calls them: compute a batch, write a batch.

While one batch is written the next may be computed; where it needs to read what the one before it wrote, it
waits. Guarantee: nothing waits any longer once the partition is abandoned. After that, or a failure, the object must
not be used again: its memory is ahead of the database.
"""

import logging
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass

import pyarrow as pa

from spanpulse_sinks.clickhouse import BatchWriter, Database, WriteFailed, WriteReport
from spanpulse_stream.partitions import PartitionLost
from spanpulse_stream.pipeline._books import PriceBooks
from spanpulse_stream.pipeline._compute import Computed, compute
from spanpulse_stream.pipeline._cut import Incoming
from spanpulse_stream.pipeline._encoding import as_protobuf
from spanpulse_stream.pipeline._history import History
from spanpulse_stream.pipeline._memory import PartitionMemory
from spanpulse_stream.pipeline._tally import Tally
from spanpulse_stream.pipeline._task import Task
from spanpulse_stream.pipeline._versions import Versions
from spanpulse_stream.usage import Corrections

__all__ = ["PartitionSteps", "Pending", "Tools"]

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What all partitions of a process share. ``written`` hears of each batch, in the thread that wrote it.

    ``shared``: other processes write to the same tables, so the database may know more than what was committed.
    """

    database: Database
    writer: BatchWriter
    books: PriceBooks
    written: Callable[[Computed, WriteReport], None]
    seed: int
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """A computed batch, and what tells the next one that it is whole."""

    computed: Computed
    whole: Future[None]


class PartitionSteps:
    """Computes and writes the batches of one log source, in order."""

    def __init__(self, log_source: int, tools: Tools) -> None:
        self._source = log_source
        self._tools = tools
        self._history = History(tools.database, log_source)
        self._memory: PartitionMemory | None = None
        self._before: Future[None] = Future()  # becomes done when what was computed last is whole
        self._before.set_result(None)
        self._abandoned: Future[None] = Future()

    def landed(self, first: int) -> int:
        """Return the offset behind the newest whole batch, where that is above ``first``. Raises ClickHouseError.

        Batches of a source are written in order, so all below it is there. Where nobody else writes, what is committed
        is what the database has, and nobody is asked.
        """
        newest = self._tools.writer.newest_batch(self._source) if self._tools.shared else None
        return first if newest is None else max(first, newest + 1)

    def unfinished(self, first: int, end: int | None) -> int | None:
        """Return where the batch at ``first`` ends of which the database has a part; None where it has none.

        ``end`` is what a claim says. Without one the sums tell where the batch ends, or else its rows: each table is
        written whole, so none of it lies behind the last row but messages that left nothing yet. Raises WriteFailed
        where what is there is no part of one such batch, and ClickHouseError.
        """
        found = self._tools.writer.half_written(self._source, first) if self._tools.shared else None
        if found is None:
            return None
        there = f"source {self._source} has rows at offsets {found.first_offset} to {found.end - 1} that no batch has"
        if found.end <= first:
            LOG.error("%s, and messages below %d are not read any more: run `spanpulse audit`", there, first)
            return None
        if end is not None and (found.end > end or found.applied not in (None, end)):
            raise WriteFailed(
                f"{there}, and the group's claim ends at {end}: another group wrote them. Stop all workers, set the "
                f"group's offset of this partition to {first} (which ends the claim), and start them again"
            )
        if not found.one_day or (found.applied or found.end) < found.end:
            raise WriteFailed(
                f"{there}, and not of one batch either: several wrote them. Stop all workers; those messages are "
                f"passed over if you set the group's offset of this partition to {found.end}; their rows stay"
            )
        return found.applied or found.end

    def compute(self, batch: list[Incoming], versions: str) -> Pending:
        """Return what a batch adds to the tables.

        Raises QueryFailed, UnknownPriceVersion, NewerVersions, what the write of the batch before it raised, or
        PartitionLost where that will never be written.
        """
        batch = [as_protobuf(message) for message in batch]
        named = Versions.load(versions)
        before, first = self._before, batch[0].offset

        def stored(corrections: Corrections, *, named: bool = False) -> pa.Table:
            self._wait(before)
            return self._history.stored(corrections, first, named=named)

        if self._memory is None or self._memory.window != named.window:
            self._wait(before)
            self._memory = PartitionMemory(self._history, first, named.window, seed=self._tools.seed)
        prices = self._tools.books.of(named.prices)
        computed = compute(Task(batch, self._source, named, prices, self._memory, stored, Tally(batch)))
        self._before = Future()
        return Pending(computed, self._before)

    def abandon(self) -> None:
        """Have `compute` wait no longer for a write that may never come. Only from one thread."""
        if not self._abandoned.done():
            self._abandoned.set_result(None)

    def _wait(self, before: Future[None]) -> None:
        """Wait until a batch is whole. Raises what its write raised, or PartitionLost."""
        wait({before, self._abandoned}, return_when=FIRST_COMPLETED)
        if not before.done():
            raise PartitionLost(f"source {self._source} was abandoned before the batch in hand was written")
        before.result()

    def write(self, pending: Pending) -> None:
        """Write a batch once. Raises WriteFailed or NeedsRestart."""
        try:
            report = self._tools.writer.write(pending.computed.batch)
        except BaseException as error:
            pending.whole.set_exception(error)
            raise
        pending.whole.set_result(None)
        self._tools.written(pending.computed, report)
