"""The rows of a committed batch again, for a repair: from the log, through the same steps, under its claim's versions.

Not guaranteed: what neither the log nor `seen` hold any more.
"""

from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa

from spanpulse_sinks.clickhouse import Committed, EmbeddedDatabase
from spanpulse_stream.pipeline._books import PriceBooks
from spanpulse_stream.pipeline._compute import compute
from spanpulse_stream.pipeline._cut import Incoming
from spanpulse_stream.pipeline._history import History
from spanpulse_stream.pipeline._memory import PartitionMemory
from spanpulse_stream.pipeline._tally import Tally
from spanpulse_stream.pipeline._task import Task
from spanpulse_stream.pipeline._versions import Versions
from spanpulse_stream.usage import Corrections

__all__ = ["Messages", "RowsFromLog"]


class Messages(Protocol):
    """The log, by source."""

    def starts(self) -> Mapping[int, int]:
        """Return the oldest offset that each source still has."""

    def between(self, log_source: int, first: int, end: int) -> list[Incoming]:
        """Return the messages of offsets [first, end)."""


class RowsFromLog:
    """A LogReader of the repair."""

    def __init__(self, messages: Messages, database: EmbeddedDatabase, books: PriceBooks) -> None:
        self._messages = messages
        self._database = database
        self._books = books

    def log_starts(self) -> Mapping[int, int]:
        """Return the oldest offset that each log source still has."""
        return self._messages.starts()

    def rows_of(self, batch: Committed) -> Mapping[str, pa.RecordBatch | None]:
        """Return all rows of a committed batch, computed again from the log under the versions of its claim."""
        source, first = batch.log_source, batch.first_offset
        history = History(self._database, source)
        messages = self._messages.between(source, first, batch.last_offset + 1)
        versions = Versions.load(batch.versions)
        memory = PartitionMemory(history, first, versions.window, seed=0)
        prices = self._books.of(versions.prices)

        def stored(corrections: Corrections) -> pa.Table:
            return history.stored(corrections, first)

        return compute(Task(messages, source, versions, prices, memory, stored, Tally(messages))).batch.tables
