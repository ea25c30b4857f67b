"""`BatchWriter`: each table of a batch once, whatever was interrupted before.

Guarantee: when `write` returns, every table holds the rows of the batch exactly once. When it raises, any of them
may, and the next `write` of the batch finds out which. How rows get in is the database's affair (`Inserts`): on a
server another process may write the same batch at the same time. Not guaranteed: anything for batches of a source that
are written out of order.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import random

from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.backoff import pause
from spanpulse_sinks.clickhouse._batch import Batch, Mismatch, Position, WriteReport, position_of
from spanpulse_sinks.clickhouse._check import HalfWritten, half_written, landed, newest_batch
from spanpulse_sinks.clickhouse._database import Database, Inserts
from spanpulse_sinks.clickhouse._errors import Failure, WriteFailed, unanswered

__all__ = ["BatchWriter", "Retry"]

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retry:
    """Attempts and waits between them: ``first`` seconds, doubled up to ``most``, each times 0.5 to 1.5.

    Where ``patience`` is given (seconds), attempts go on until it has run out as well.
    """

    attempts: int = 6
    first: float = 0.1
    most: float = 3.0
    patience: float = 0.0
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random

    def wait(self, failures: int) -> None:
        """Wait after the given number of failures."""
        self.sleep(pause(failures, self.first, self.most, self.random))

    def over(self, failures: int, seconds: float) -> bool:
        """Tell whether so many failures in so many seconds are enough."""
        return failures >= self.attempts and seconds >= self.patience


class BatchWriter:
    """Writes batches in order of their offsets, one at a time; may be called from several threads."""

    def __init__(
        self,
        database: Database,
        *,
        retry: Retry | None = None,
        inserts: Inserts | None = None,
    ) -> None:
        self._database = database
        self._retry = retry or Retry()
        self._inserts = inserts or database.inserts
        self._turn = threading.Condition(threading.Lock())
        self._half: Batch | None = None  # may be in some tables only
        self._newest: dict[int, int | None] = {}  # at the first batch of a source
        self._trusted: set[int] = set()  # sources whose next batch cannot be in the database

    def write(self, batch: Batch, *, suspect: bool = False) -> WriteReport:
        """Write a batch once. With ``suspect`` each table is looked at first.

        The writer suspects of its own accord all batches of a source up to and including the first one behind the
        newest in `batches`, and every batch after a failure. Raises WriteFailed or NeedsRestart.
        """
        begun = time.perf_counter()
        with self._turn:
            self._half = batch
            report = self._write(batch, suspect=suspect)
            self._half = None
            self._turn.notify_all()
        report.seconds = time.perf_counter() - begun
        return report

    @contextmanager
    def between_batches(self, within: float) -> Iterator[None]:
        """Hold the writer: while the block runs every batch is whole, and none is written.

        Waits at most ``within`` seconds for a batch that is being written, or that failed and is tried again. Raises
        TimeoutError. Not guaranteed: anything about a batch that an earlier process left half written.
        """
        deadline = time.monotonic() + within
        if not self._turn.acquire(timeout=within):
            raise TimeoutError(f"a batch has been written for {within:g} s and is not whole yet")
        try:
            if not self._turn.wait_for(lambda: self._half is None, max(0.0, deadline - time.monotonic())):
                raise TimeoutError(f"{self._half} could not be written within {within:g} s")
            yield
        finally:
            self._turn.release()

    @property
    def whole(self) -> bool:
        """Whether no batch is half written, as far as this writer knows; changes while it writes."""
        return self._half is None

    def distrust(self, log_source: int) -> None:
        """Suspect a source again: it has just been assigned to this process."""
        with self._turn:
            self._forget(log_source)

    def newest_batch(self, log_source: int) -> int | None:
        """Return the last offset of the newest committed batch of a source, None where there is none."""
        with self._turn:
            return newest_batch(self._database.writer, log_source)

    def half_written(self, log_source: int, first: int) -> HalfWritten | None:
        """Return what a source has behind its newest batch, or from ``first`` on where it has no batch."""
        with self._turn:
            newest = newest_batch(self._database.writer, log_source)
            return half_written(self._database.writer, log_source, first if newest is None else newest + 1)

    def _write(self, batch: Batch, *, suspect: bool) -> WriteReport:
        report, begun = WriteReport(), time.monotonic()
        source = batch.log_source
        while True:
            try:
                look = suspect or report.attempts > 1 or source not in self._trusted
                self._write_tables(batch, report, look=look)
            except (ClickHouseError, OSError) as error:
                self._forget(source)
                self._recover(error, batch, report, time.monotonic() - begun)
            except BaseException:
                self._forget(source)
                raise
            else:
                self._trust_after(batch)
                return report

    def _write_tables(self, batch: Batch, report: WriteReport, *, look: bool) -> None:
        if look and batch.log_source not in self._newest:
            self._newest[batch.log_source] = newest_batch(self._database.writer, batch.log_source)
        for table, rows in batch.filled():
            if not (look and self._is_there(batch, table, report)):
                self._inserts.insert(batch, table, rows, report, suspect=look)

    def _is_there(self, batch: Batch, table: str, report: WriteReport) -> bool:
        found = landed(self._database.writer, table, batch).rows
        expected = batch.rows_of(table)
        if not found:
            report.inserted.pop(table, None)
            return False
        if table not in report.inserted:
            report.found[table] = found
        if found != expected and position_of(table) is not Position.APPLIED:
            _note(report, Mismatch(table, expected, found), batch)
        return True

    def _recover(self, error: Exception, batch: Batch, report: WriteReport, seconds: float) -> None:
        """Make the next attempt possible, or raise what ends the write."""
        failure = Failure.of(error)
        if failure is Failure.PERMANENT or self._retry.over(report.attempts, seconds):
            raise WriteFailed(f"{batch}: {failure.value} after {report.attempts} attempts: {error}") from error
        level = logging.DEBUG if unanswered(error) else logging.WARNING  # the breaker says that nobody answers
        LOG.log(level, "write of %s failed (%s), looking again: %s", batch, failure.value, error)
        self._inserts.recover(failure, batch, report)
        self._retry.wait(report.attempts)
        report.attempts += 1

    def _trust_after(self, batch: Batch) -> None:
        newest = self._newest.get(batch.log_source)
        if newest is None or batch.first_offset > newest:
            self._trusted.add(batch.log_source)

    def _forget(self, log_source: int) -> None:
        self._trusted.discard(log_source)
        self._newest.pop(log_source, None)


def _note(report: WriteReport, mismatch: Mismatch, batch: Batch) -> None:
    if mismatch not in report.mismatches:
        report.mismatches.append(mismatch)
        shown = (mismatch.table, mismatch.found, batch, mismatch.expected)
        LOG.error("%s has %d rows of %s, not %d; nothing was inserted again", *shown)
