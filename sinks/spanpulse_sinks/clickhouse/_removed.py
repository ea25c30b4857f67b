"""Received days that were removed whole before retention would have: dropping them, and remembering why.

What is dropped is written down first, so that a day that lacks rows is never without its reason. Not guaranteed:
anything while a batch of that day is being written; the caller drops between two batches.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from spanpulse_sinks.clickhouse._config import Retention
from spanpulse_sinks.clickhouse._workbench import ReadBench, Workbench

__all__ = ["DayOfTable", "corrects_lost", "days_of", "note_removal", "remove_day", "removed_days"]

COLUMNS = pa.schema(
    [
        ("received_day", pa.date32()),
        ("table_name", pa.string()),
        ("tenant", pa.string()),
        ("reason", pa.string()),
        ("removed_at", pa.timestamp("ms", tz="UTC")),
        ("row_count", pa.int64()),
        ("byte_count", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True)
class DayOfTable:
    """What a table holds of a received day (UTC): rows, and bytes on disk."""

    table: str
    day: date
    rows: int
    bytes: int


def days_of(bench: ReadBench, tables: Collection[str]) -> list[DayOfTable]:
    """Return what ``tables`` hold by received day, the oldest first. Raises QueryFailed."""
    names = ", ".join(f"'{table}'" for table in tables)
    found = bench.rows(
        "SELECT table, partition, toInt64(sum(rows)) AS rows, toInt64(sum(bytes_on_disk)) AS bytes FROM system.parts"
        f" WHERE active AND database = currentDatabase() AND table IN ({names})"
        " GROUP BY table, partition ORDER BY partition, table"
    )
    return [DayOfTable(row["table"], date.fromisoformat(row["partition"]), row["rows"], row["bytes"]) for row in found]


def remove_day(bench: Workbench, what: DayOfTable, reason: str) -> None:
    """Drop a day of a table and remember it. Raises ClickHouseError or OSError; it may be repeated."""
    note_removal(bench, what, reason)
    bench.command(f"ALTER TABLE {what.table} DROP PARTITION '{what.day.isoformat()}'")


def note_removal(bench: Workbench, what: DayOfTable, reason: str, tenant: str = "") -> None:
    """Remember that a day of a table is removed, of one tenant or ('') of all. Raises ClickHouseError or OSError."""
    row: dict[str, Any] = {
        "received_day": what.day,
        "table_name": what.table,
        "tenant": tenant,
        "reason": reason,
        "removed_at": datetime.now(UTC),
        "row_count": what.rows,
        "byte_count": what.bytes,
    }
    bench.insert("removed_days", pa.RecordBatch.from_pylist([row], schema=COLUMNS))


def removed_days(client: Any, table: str) -> set[date]:
    """Return the received days of which ``table`` has lost rows for good, of any tenant. Raises ClickHouseError."""
    rows = client.query(f"SELECT DISTINCT received_day FROM removed_days WHERE table_name = '{table}'").result_rows
    return {row[0] for row in rows}


def corrects_lost(client: Any, retention: Retention, day: date, today: date) -> date | None:
    """Return an earlier day whose spans a received day corrects and that may be gone. Raises ClickHouseError."""
    rows = client.query(
        "SELECT DISTINCT toDate(target_received_at) AS target FROM span_updates"
        f" WHERE toDate(received_at) = '{day}' AND target != '{day}' ORDER BY target"
    ).result_rows
    removed = removed_days(client, "span_rows")
    oldest = today - timedelta(days=retention.days("span_rows"))
    return next((target for (target,) in rows if target <= oldest or target in removed), None)
