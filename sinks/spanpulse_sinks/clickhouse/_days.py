"""Whole days of a table: swapping a rebuilt one in, dropping what no state needs any more.

A swap is one rename: readers see the old day or the new one. Not guaranteed: anything while a batch of that day is
being written; the caller swaps between two batches.
"""

from collections.abc import Iterable, Mapping
from datetime import date

import pyarrow as pa

from spanpulse_sinks.clickhouse._embedded import EmbeddedDatabase

__all__ = ["replace_tables", "trim_seen"]


def replace_tables(database: EmbeddedDatabase, day: date, rows: Iterable[tuple[str, pa.RecordBatch]]) -> None:
    """Put ``rows``, each with its table, in the place of what those tables have for a received day (UTC).

    A table without rows stays as it is. The tables are swapped one after the other, once all rows are there. Raises
    ClickHouseError or OSError; before the first swap every table is as it was.
    """
    writer = database.writer
    asides: dict[str, str] = {}
    try:
        for table, batch in rows:
            if table not in asides:
                asides[table] = f"{table}_aside"
                writer.command(f"DROP TABLE IF EXISTS {asides[table]} SYNC")
                writer.command(f"CREATE TABLE {asides[table]} AS {table}")
            database.insert(asides[table], batch)
        for table, aside in asides.items():
            writer.command(f"ALTER TABLE {table} REPLACE PARTITION '{day.isoformat()}' FROM {aside}")
    finally:
        for aside in asides.values():
            writer.command(f"DROP TABLE IF EXISTS {aside} SYNC")


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
