"""Whole days of a table: swapping a rebuilt one in, dropping what no state needs any more.

A swap is one rename: readers see the old day or the new one. Not guaranteed: anything while a batch of that day is
being written; the caller swaps between two batches.
"""

from collections.abc import Iterable, Mapping
from datetime import date

import pyarrow as pa

from spanpulse_sinks.clickhouse._embedded import EmbeddedDatabase

__all__ = ["replace_day", "trim_seen"]


def replace_day(database: EmbeddedDatabase, table: str, day: date, rows: Iterable[pa.RecordBatch]) -> int:
    """Put ``rows`` in the place of all that ``table`` has for a received day (UTC); returns how many.

    Raises ClickHouseError or OSError; the day is then as it was.
    """
    aside = f"{table}_aside"
    writer = database.writer
    writer.command(f"DROP TABLE IF EXISTS {aside} SYNC")
    writer.command(f"CREATE TABLE {aside} AS {table}")
    try:
        count = 0
        for batch in rows:
            database.insert(aside, batch)
            count += batch.num_rows
        swap = f"REPLACE PARTITION '{day.isoformat()}' FROM {aside}" if count else f"DROP PARTITION '{day.isoformat()}'"
        writer.command(f"ALTER TABLE {table} {swap}")
    finally:
        writer.command(f"DROP TABLE IF EXISTS {aside} SYNC")
    return count


def trim_seen(database: EmbeddedDatabase, keep_from: Mapping[int, int]) -> list[date]:
    """Drop the days of `seen` that lie wholly below ``keep_from`` (source -> offset) for every source in them.

    A day with a source that is not named stays. Returns the days dropped; raises ClickHouseError.
    """
    days: dict[date, bool] = {}
    newest = "SELECT toDate(received_at) AS day, log_source, max(log_offset) FROM seen GROUP BY day, log_source"
    for day, source, offset in database.writer.query(newest).result_rows:
        days[day] = days.get(day, True) and int(offset) < keep_from.get(int(source), 0)
    dropped = sorted(day for day, old in days.items() if old)
    for day in dropped:
        database.writer.command(f"ALTER TABLE seen DROP PARTITION '{day.isoformat()}'")
    return dropped
