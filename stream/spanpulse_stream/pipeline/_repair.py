"""The rows of a committed batch again, for a repair: from the log, through the same steps, under its claim's versions.

Not guaranteed: what neither the log nor `seen` hold any more.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol

import pyarrow as pa

from spanpulse_sinks.clickhouse import Committed, Database, OffsetRange
from spanpulse_stream.day import date_of
from spanpulse_stream.pipeline._books import PriceBooks
from spanpulse_stream.pipeline._compute import compute
from spanpulse_stream.pipeline._cut import BatchCutter, Incoming
from spanpulse_stream.pipeline._history import History
from spanpulse_stream.pipeline._memory import PartitionMemory
from spanpulse_stream.pipeline._tally import Tally
from spanpulse_stream.pipeline._task import Task
from spanpulse_stream.pipeline._versions import Versions
from spanpulse_stream.usage import Corrections

__all__ = ["Messages", "RowsFromLog"]


MOST_RECORDS = 12_000
MESSAGES_AT_ONCE = 64


class Messages(Protocol):
    """The log, by source."""

    def starts(self) -> Mapping[int, int]:
        """Return the oldest offset that each source still has."""

    def committed(self) -> Mapping[int, int]:
        """Return the next offset to process of each source."""

    def between(self, log_source: int, first: int, end: int) -> list[Incoming]:
        """Return the messages of offsets [first, end). Raises LookupError where they are not all there."""


class RowsFromLog:
    """A LogReader of the repair; ``versions`` are those that a claim would name now."""

    def __init__(self, messages: Messages, database: Database, books: PriceBooks, versions: Versions) -> None:
        self._messages = messages
        self._versions = versions
        self._database = database
        self._books = books

    def log_starts(self) -> Mapping[int, int]:
        """Return the oldest offset that each log source still has."""
        return self._messages.starts()

    def log_ends(self) -> Mapping[int, int]:
        """Return the offset behind the last one of each log source that was processed."""
        return self._messages.committed()

    def versions(self) -> str:
        """Return the versions that a claim would name now."""
        return self._versions.dump()

    def ranges(self, log_source: int, first: int, end: int) -> Iterator[OffsetRange]:
        """Cut the offsets [first, end) into ranges that can be batches. Raises LookupError."""
        cutter = BatchCutter(MOST_RECORDS)
        for start in range(first, end, MESSAGES_AT_ONCE):
            for message in self._messages.between(log_source, start, min(start + MESSAGES_AT_ONCE, end)):
                cutter.add(message)
            while cutter.full:
                yield _range(log_source, cutter.take())
        while cutter.waiting:
            yield _range(log_source, cutter.take())

    def rows_of(self, batch: Committed) -> Mapping[str, pa.RecordBatch | None]:
        """Return all rows of a committed batch, computed again from the log under the versions of its claim."""
        source, first = batch.log_source, batch.first_offset
        history = History(self._database, source)
        messages = self._messages.between(source, first, batch.last_offset + 1)
        versions = Versions.load(batch.versions)
        memory = PartitionMemory(history, first, versions.window, seed=0)
        prices = self._books.of(versions.prices)

        def stored(corrections: Corrections, *, named: bool = False) -> pa.Table:
            return history.stored(corrections, first, named=named)

        return compute(Task(messages, source, versions, prices, memory, stored, Tally(messages))).batch.tables


def _range(log_source: int, batch: list[Incoming]) -> OffsetRange:
    return OffsetRange(log_source, batch[0].offset, batch[-1].offset, date_of(batch[0].day))
