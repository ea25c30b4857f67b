"""What committed batches lack: their rows in the tables, held against `batches` and the parts that were set aside.

`batches` says how many rows of `seen`, `span_rows`, `span_updates` and `scores` a batch has. For other tables a batch
is looked at only where the engine set a broken part of its day aside. Only batches that the log still has are asked.
What was processed and is in no batch is missing from `batches` itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from spanpulse_sinks.clickhouse._batch import TABLES, OffsetRange, Position
from spanpulse_sinks.clickhouse._config import Retention
from spanpulse_sinks.clickhouse._removed import removed_days

__all__ = [
    "COUNTED",
    "Committed",
    "DetachedPart",
    "Missing",
    "committed_batches",
    "detached_parts",
    "missing_rows",
    "uncovered",
    "versions_near",
]

# How many rows `batches` says there are, by table; NULL where it does not say. Tables are refilled in this order,
# `seen` first.
COUNTED = {
    "seen": "sum(stored + filtered + decided)",
    "span_rows": "sumIf(stored, signal = 'traces')",
    "span_updates": "sum(updates)",
    "scores": "if(countIf(isNull(scores)) > 0, NULL, sum(scores))",
}


@dataclass(frozen=True, slots=True)
class Committed(OffsetRange):
    """A batch with a row in `batches`; ``versions`` are those of its claim."""

    versions: str
    expected: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Missing:
    """Rows that a committed batch should have in a table; ``expected`` is None where nothing says how many."""

    table: str
    batch: Committed
    expected: int | None
    found: int


@dataclass(frozen=True, slots=True)
class DetachedPart:
    """A part that the engine set aside because it could not be read."""

    table: str
    day: date
    name: str
    reason: str


def detached_parts(client: Any) -> list[DetachedPart]:
    """Return the parts of our tables that were set aside as broken."""
    rows = client.query(
        "SELECT table, partition_id, name, reason FROM system.detached_parts"
        " WHERE database = currentDatabase() AND startsWith(reason, 'broken') ORDER BY table, name"
    ).result_rows
    return [
        DetachedPart(str(table), date.fromisoformat(str(day)), str(name), str(reason))
        for table, day, name, reason in rows
        if str(table) in TABLES and len(str(day)) == len("20261121")
    ]


def committed_batches(client: Any, log_starts: Mapping[int, int]) -> list[Committed]:
    """Return the committed batches that lie in the log, which starts at ``log_starts`` (source -> offset)."""
    found = []
    counts = ", ".join(COUNTED.values())
    for source, start in sorted(log_starts.items()):
        rows = client.query(
            f"SELECT first_offset, any(last_offset), toDate(any(received_at)), any(versions), {counts} FROM batches"
            f" WHERE log_source = {source} AND first_offset >= {start} GROUP BY first_offset ORDER BY first_offset"
        ).result_rows
        for first, last, day, versions, *expected in rows:
            numbers = {table: int(n) for table, n in zip(COUNTED, expected, strict=True) if n is not None}
            found.append(Committed(source, int(first), int(last), day, str(versions), numbers))
    return found


def missing_rows(
    client: Any, batches: list[Committed], detached: list[DetachedPart], retention: Retention, today: date
) -> list[Missing]:
    """Return the tables of committed batches whose rows are not all there, `seen` first, then by offset."""
    suspect = {(part.table, part.day) for part in detached}
    missing = []
    for table in (*COUNTED, *sorted({part.table for part in detached} - set(COUNTED))):
        if TABLES[table] is Position.APPLIED:
            continue
        found = _rows_by_batch(client, table, batches)
        oldest = today - timedelta(days=retention.days(table))
        removed = removed_days(client, table)
        for batch in batches:
            expected = batch.expected.get(table)
            rows = found.get((batch.log_source, batch.first_offset), 0)
            lost = rows != expected if expected is not None else rows == 0 and (table, batch.received_day) in suspect
            if lost and batch.received_day > oldest and batch.received_day not in removed:
                missing.append(Missing(table, batch, expected, rows))
    return missing


def uncovered(client: Any, log_source: int, start: int, end: int) -> list[tuple[int, int]]:
    """Return the ranges [first, behind the last) of processed offsets, ``start`` to ``end``, that no batch has."""
    rows = client.query(
        "SELECT DISTINCT first_offset, last_offset + 1 FROM batches"
        f" WHERE log_source = {log_source} AND last_offset >= {start} ORDER BY first_offset"
    ).result_rows
    found, reached = [], start
    for first, behind in [*rows, (end, end)]:
        if reached < min(first, end):
            found.append((reached, min(int(first), end)))
        reached = max(reached, int(behind))
    return found


def versions_near(client: Any, log_source: int, offset: int) -> str | None:
    """Return the versions of the last batch before ``offset``, else of the first behind it; None without any."""
    rows = client.query(
        f"SELECT argMaxIf(versions, first_offset, first_offset < {offset}), argMin(versions, first_offset)"
        f" FROM batches WHERE log_source = {log_source}"
    ).result_rows
    return str(rows[0][0]) or str(rows[0][1]) or None


def _rows_by_batch(client: Any, table: str, batches: list[Committed]) -> dict[tuple[int, int], int]:
    """Return (source, first offset) -> rows of a table. Rows of a batch that is not committed belong to none."""
    if not batches:
        return {}
    offset = TABLES[table].value
    start = min(batch.first_offset for batch in batches)
    rows = client.query(
        f"SELECT b.log_source, b.first_offset, sum(r.n) FROM (SELECT log_source, {offset} AS place, count() AS n"
        f" FROM {table} WHERE {offset} >= {start} GROUP BY log_source, place) AS r"
        f" ASOF JOIN (SELECT DISTINCT log_source, first_offset, last_offset FROM batches) AS b"
        f" ON r.log_source = b.log_source AND r.place >= b.first_offset"
        f" WHERE r.place <= b.last_offset GROUP BY b.log_source, b.first_offset"
    ).result_rows
    return {(int(source), int(first)): int(count) for source, first, count in rows}
