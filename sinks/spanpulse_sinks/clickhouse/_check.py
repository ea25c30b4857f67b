"""Is a batch in a table already? Asked of the content, over the whole partition of its day.

The rows themselves are read (a count alone is answered from metadata, also for a part that cannot be read). Rows
are tied to the log, not to a key: keys change under erasure and new dimensions. Batches of one source are written
in order, so a rollup that carries a later offset has this batch too.
"""

from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.exceptions import OperationalError

from spanpulse_sinks.clickhouse._batch import TABLES, OffsetRange, Position, position_of

__all__ = ["WRITTEN_FIRST", "HalfWritten", "Landed", "half_written", "highest_source", "landed", "newest_batch"]

# Of every batch, however early its writing was interrupted, one of these has a row if any table has. A decision about a
# span that no partition remembers leaves a correction alone.
WRITTEN_FIRST = {
    "seen": "log_offset",
    "span_rows": "log_offset",
    "span_updates": "log_offset",
    "dead_letters": "log_offset",
    "batches": "last_offset",
}


@dataclass(frozen=True, slots=True)
class Landed:
    """The rows of a batch that a table holds, and a hash of them all. Of rollups merging changes both."""

    rows: int
    content: int


@dataclass(frozen=True, slots=True)
class HalfWritten:
    """Rows of a source behind its newest batch in `batches`.

    ``first_offset`` is that of the first row, ``end`` the offset behind the last. ``applied`` is the end of the batch
    as rollups tell it, None where none was reached. ``one_day``: all were received on one UTC day, as a batch is.
    """

    first_offset: int
    end: int
    applied: int | None
    one_day: bool


def landed(client: Any, table: str, batch: OffsetRange) -> Landed:
    """Return what ``table`` has of ``batch``; raises ClickHouseError, code 246 and the like for a broken part."""
    day = f"toDate('{batch.received_day.isoformat()}')"
    source, first, last = batch.log_source, batch.first_offset, batch.last_offset
    match position_of(table):
        case Position.APPLIED:
            where = f"received_day = {day} AND applied[toUInt32({source})] > {last}"
        case Position.FIRST_OFFSET:
            where = f"toDate(received_at) = {day} AND log_source = {source} AND first_offset = {first}"
        case Position.OFFSET:
            where = f"toDate(received_at) = {day} AND log_source = {source} AND log_offset BETWEEN {first} AND {last}"
    rows, content = _row(client, f"SELECT count(), sum(cityHash64(tuple(*))) FROM {table} WHERE {where}")
    return Landed(int(rows), int(content))


def newest_batch(client: Any, log_source: int) -> int | None:
    """Return the last offset of the newest committed batch of a source, None where there is none."""
    newest, rows = _row(client, f"SELECT max(last_offset), count() FROM batches WHERE log_source = {log_source}")
    return int(newest) if rows else None


def highest_source(client: Any) -> int:
    """Return the highest log source that the tables know, 0 for none. Raises ClickHouseError."""
    each = " UNION ALL ".join(f"SELECT max(log_source) AS source FROM {table}" for table in WRITTEN_FIRST)
    (highest,) = _row(client, f"SELECT max(source) FROM ({each})")
    return int(highest)


def half_written(client: Any, log_source: int, first: int) -> HalfWritten | None:
    """Return what tables have of a source from an offset on that no batch reaches; None for nothing.

    Raises ClickHouseError. Not guaranteed: that all of it is of one batch.
    """
    every = f"log_source = {log_source} AND log_offset >= {first}"
    written_first = [table for table in WRITTEN_FIRST if position_of(table) is Position.OFFSET]
    rows = " UNION ALL ".join(
        f"SELECT log_offset, toDate(received_at) AS day FROM {table} WHERE {every}" for table in written_first
    )
    found = _row(client, f"SELECT count(), min(log_offset), max(log_offset), min(day), max(day) FROM ({rows})")
    count, lowest, highest, oldest, newest = found
    if not count:
        return None
    ranged = f"BETWEEN toDate('{oldest}') AND toDate('{newest}')"
    ends = " UNION ALL ".join(
        f"SELECT max(log_offset) AS highest FROM {table} WHERE toDate(received_at) {ranged} AND {every}"
        for table, position in TABLES.items()
        if position is Position.OFFSET and table not in written_first
    )
    sums = " UNION ALL ".join(
        f"SELECT max(applied[toUInt32({log_source})]) AS end FROM {table} WHERE received_day {ranged}"
        for table, position in TABLES.items()
        if position is Position.APPLIED
    )
    (further,) = _row(client, f"SELECT max(highest) FROM ({ends})")
    (applied,) = _row(client, f"SELECT max(end) FROM ({sums})")
    end = max(int(highest), int(further)) + 1
    return HalfWritten(int(lowest), end, int(applied) if applied > first else None, oldest == newest)


def _row(client: Any, sql: str) -> Any:
    """Return the one row of an aggregate. Raises ClickHouseError, also for the empty "ok" of a proxy gone wrong."""
    rows = client.query(sql).result_rows
    if not rows:
        raise OperationalError("the database answered ok, and without the one row that it was asked for")
    return rows[0]
