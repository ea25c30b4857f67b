"""Is a batch in a table already? Asked of the content, over the whole partition of its day.

The rows themselves are read (a count alone is answered from metadata, also for a part that cannot be read). Rows
are tied to the log, not to a key: keys change under erasure and new dimensions. Batches of one source are written
in order, so a rollup that carries a later offset has this batch too.
"""

from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.exceptions import OperationalError

from spanpulse_sinks.clickhouse._batch import OffsetRange, Position, position_of

__all__ = ["WRITTEN_FIRST", "Landed", "highest_source", "landed", "newest_batch"]

# Of every batch, however early its writing was interrupted, one of these has a row if any table has.
WRITTEN_FIRST = {
    "seen": "log_offset",
    "span_rows": "log_offset",
    "dead_letters": "log_offset",
    "batches": "last_offset",
}


@dataclass(frozen=True, slots=True)
class Landed:
    """The rows of a batch that a table holds, and a hash of them all. Of rollups merging changes both."""

    rows: int
    content: int


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


def _row(client: Any, sql: str) -> Any:
    """Return the one row of an aggregate. Raises ClickHouseError, also for the empty "ok" of a proxy gone wrong."""
    rows = client.query(sql).result_rows
    if not rows:
        raise OperationalError("the database answered ok, and without the one row that it was asked for")
    return rows[0]
