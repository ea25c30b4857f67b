"""Repair at start, before the first batch: what committed batches lost comes back from the log.

What `batches` itself lost is cut anew and counted again. Rows are refilled only where a batch has none in a table,
`seen` first; another number than expected is reported and left alone. Days whose rows were refilled or whose rollups
were set aside are rebuilt and swapped in; where rows are gone for good that would make good sums wrong, and is left.
What a killed repair put back and did not rebuild is rebuilt by the next one. Not guaranteed: what the log no longer
has; it is named in the report.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from spanpulse_sinks.clickhouse._batch import TABLES, OffsetRange, Position
from spanpulse_sinks.clickhouse._check import landed, newest_batch
from spanpulse_sinks.clickhouse._days import replace_tables
from spanpulse_sinks.clickhouse._embedded import EmbeddedDatabase
from spanpulse_sinks.clickhouse._missing import (
    COUNTED,
    Committed,
    DetachedPart,
    Missing,
    committed_batches,
    detached_parts,
    missing_rows,
    uncovered,
    versions_near,
)
from spanpulse_sinks.clickhouse._removed import corrects_lost
from spanpulse_sinks.clickhouse._unfinished import Unfinished

__all__ = ["LogReader", "Rebuild", "RepairReport", "repair"]

LOG = logging.getLogger(__name__)


class LogReader(Protocol):
    """What a repair asks of the log."""

    def log_starts(self) -> Mapping[int, int]:
        """Return the oldest offset that each log source still has."""

    def log_ends(self) -> Mapping[int, int]:
        """Return the offset behind the last one of each log source that was processed."""

    def ranges(self, log_source: int, first: int, end: int) -> Iterator[OffsetRange]:
        """Cut the offsets [first, end) into ranges that can be batches. Raises LookupError."""

    def versions(self) -> str:
        """Return the versions that a claim would name now."""

    def rows_of(self, batch: Committed) -> Mapping[str, pa.RecordBatch | None]:
        """Return all rows of a committed batch, computed again from the log under the versions of its claim.

        Raises LookupError where the log does not have them all.
        """


class Rebuild(Protocol):
    """What computes the rollups of a received day again."""

    def __call__(self, day: date, committed: Mapping[int, int]) -> Iterable[tuple[str, pa.RecordBatch]]:
        """Yield rollup tables with rows from the spans, updates and scores of ``day`` up to the committed offsets.

        ``committed`` is source -> last committed offset. Rows carry {source: last committed offset + 1} in `applied`.
        A table without rows stays as it is.
        """


@dataclass(slots=True)
class RepairReport:
    """What was broken, what came back, and what could not: ``lost`` is no longer in the log or has other rows."""

    detached: list[DetachedPart] = field(default_factory=list)
    refilled: list[Missing] = field(default_factory=list)
    lost: list[Missing] = field(default_factory=list)
    rebuilt_days: list[date] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.detached or self.refilled or self.lost or self.rebuilt_days)


def repair(database: EmbeddedDatabase, log: LogReader, rebuild: Rebuild, *, today: date, note: Path) -> RepairReport:
    """Bring the tables back to what `batches` says; ``today`` is the UTC day, ``note`` a file of the repair's own.

    Must run before the first batch is written. It may be killed and run again. Raises DamagedNote,
    ClickHouseError or OSError.
    """
    client = database.writer
    report = RepairReport(detached=detached_parts(client))
    unfinished = Unfinished.read(note)
    starts = dict(log.log_starts())
    _cover(database, log, today, unfinished, report)
    batches = committed_batches(client, starts)
    missing = missing_rows(client, batches, report.detached, database.config.retention, today)
    _refill(database, log, missing, unfinished, report)
    _rebuild(database, rebuild, starts, today, unfinished, report)
    unfinished.end()
    for part in report.detached:
        LOG.warning("the broken part %s of %s (%s) is made good", part.name, part.table, part.reason)
        client.command(
            f"ALTER TABLE {part.table} DROP DETACHED PART '{part.name}'", settings={"allow_drop_detached": 1}
        )
    return report


def _cover(
    database: EmbeddedDatabase, log: LogReader, today: date, unfinished: Unfinished, report: RepairReport
) -> None:
    """Give processed offsets that no batch has their rows in `batches`."""
    client, ends = database.writer, log.log_ends()
    oldest = today - timedelta(days=database.config.retention.days("batches"))
    for source, start in log.log_starts().items():
        for first, end in uncovered(client, source, start, ends[source]):
            versions = versions_near(client, source, first) or log.versions()
            try:
                for found in log.ranges(source, first, end):
                    if found.received_day > oldest:
                        _count_again(database, log, found, versions, unfinished, report)
            except LookupError:
                LOG.exception("offsets %d to %d of source %d are in no batch", first, end - 1, source)


def _count_again(
    database: EmbeddedDatabase,
    log: LogReader,
    found: OffsetRange,
    versions: str,
    unfinished: Unfinished,
    report: RepairReport,
) -> None:
    """Compute a range as a batch; `seen` too if it has nothing of it, for the ranges behind are held against it."""
    batch = Committed(found.log_source, found.first_offset, found.last_offset, found.received_day, versions, {})
    tables = log.rows_of(batch)
    for table in ("seen", "batches"):
        rows = tables.get(table)
        if rows is not None and rows.num_rows:
            _put_back(database, Missing(table, batch, rows.num_rows, 0), rows, unfinished, report)


def _refill(
    database: EmbeddedDatabase, log: LogReader, missing: list[Missing], unfinished: Unfinished, report: RepairReport
) -> None:
    computed: dict[tuple[int, int], Mapping[str, pa.RecordBatch | None]] = {}
    for gap in missing:
        key = (gap.batch.log_source, gap.batch.first_offset)
        if key not in computed and not gap.found:
            computed = {key: log.rows_of(gap.batch)}  # one batch at a time in memory
        rows = None if gap.found else computed[key].get(gap.table)
        if rows is None or not rows.num_rows:
            if gap.expected is not None:
                report.lost.append(gap)
                LOG.error("%s has %d rows of %s, not %s", gap.table, gap.found, gap.batch, gap.expected)
        else:
            _put_back(database, gap, rows, unfinished, report)


def _put_back(
    database: EmbeddedDatabase, gap: Missing, rows: pa.RecordBatch, unfinished: Unfinished, report: RepairReport
) -> None:
    """Insert the rows of a batch into a table that has none of it."""
    if landed(database.writer, gap.table, gap.batch).rows:
        return
    unfinished.note(gap.table, gap.batch.received_day)
    database.insert(gap.table, rows)
    report.refilled.append(gap)
    LOG.warning("refilled %d rows of %s in %s from the log", rows.num_rows, gap.batch, gap.table)


def _rebuild(
    database: EmbeddedDatabase,
    rebuild: Rebuild,
    sources: Mapping[int, int],
    today: date,
    unfinished: Unfinished,
    report: RepairReport,
) -> None:
    broken = {part.day for part in report.detached if TABLES[part.table] is Position.APPLIED}
    found = {source: newest_batch(database.writer, source) for source in sources}
    committed = {source: offset for source, offset in found.items() if offset is not None}
    for day in sorted(unfinished.rows | broken):
        whole = day in broken or day in unfinished.batches  # its batches came back, and its sums did not
        if not whole and (why := _lacking(database, day, today, report)):
            LOG.error("the rollups of %s are left as they are: %s", day, why)
            continue
        replace_tables(database, day, rebuild(day, committed))
        report.rebuilt_days.append(day)


def _lacking(database: EmbeddedDatabase, day: date, today: date, report: RepairReport) -> str | None:
    """Return why the sums of a day know more than its rows; None where they do not."""
    lost = {gap.table for gap in report.lost if gap.batch.received_day == day and gap.table in COUNTED} - {"seen"}
    if lost:
        return f"not all rows of {', '.join(sorted(lost))} came back"
    target = corrects_lost(database.writer, database.config.retention, day, today)
    return f"it corrects spans of {target}, which may be gone" if target else None
