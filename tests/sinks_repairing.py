"""Repairs at a start, in the process of the database: what the log has comes back, what cannot leaves sums alone."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from sinks_batches import DAY, SOURCE, batch
from sinks_process import CONFIG, counts
from sinks_reading import one
from sinks_writing import QUICK
from spanpulse_sinks.clickhouse import (
    BatchWriter,
    Committed,
    DayOfTable,
    EmbeddedDatabase,
    OffsetRange,
    note_removal,
    repair,
    replace_tables,
    trim_seen,
    workbench,
)
from spanpulse_sinks.clickhouse._config import DATABASE

BEFORE = DAY - timedelta(days=1)


class Log:
    """A log that can compute each batch again."""

    def __init__(self, start: int = 0) -> None:
        self.start = start
        self.asked: list[int] = []

    def log_starts(self) -> Mapping[int, int]:
        return {SOURCE: self.start}

    def log_ends(self) -> Mapping[int, int]:
        return {SOURCE: self.start}

    def ranges(self, _source: int, _first: int, _end: int) -> Iterator[OffsetRange]:
        return iter(())

    def versions(self) -> str:
        return ""

    def rows_of(self, committed: Committed) -> Mapping[str, pa.RecordBatch | None]:
        number = committed.first_offset // 4
        self.asked.append(number)
        return batch(number).tables


def rollups_of(day: date, committed: Mapping[int, int]) -> Iterator[tuple[str, pa.RecordBatch]]:
    numbers = range((committed[SOURCE] + 1) // 4)
    tables = ("rollup_minute", "rollup_service")
    return (
        (table, rows) for table in tables for number in numbers if (rows := batch(number).tables[table]) is not None
    )


def repaired(folder: Path, table: str, start: int) -> dict[str, Any]:
    """All rows of batch 1 are gone from a table; batch 3 was not committed."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        database.control.command("SYSTEM STOP MERGES")
        writer = BatchWriter(database, retry=QUICK)
        for number in range(3):
            writer.write(batch(number))
        for name, part in batch(3).filled()[:2]:
            database.insert(name, part)
        database.control.command(f"ALTER TABLE {table} DROP PART '20261120_2_2_0'")
        log = Log(start)
        report = repair(database, log, rollups_of, today=DAY, note=folder / "note")
        again = repair(database, log, rollups_of, today=DAY, note=folder / "note")
        writer = BatchWriter(database, retry=QUICK)
        writer.write(batch(2))
        writer.write(batch(3))
        return {
            "counts": counts(database),
            "refilled": [(gap.table, gap.batch.first_offset) for gap in report.refilled],
            "lost": [(gap.table, gap.batch.first_offset) for gap in report.lost],
            "days": [str(day) for day in report.rebuilt_days],
            "asked": log.asked,
            "clean": again.clean,
        }


def detached(folder: Path, table: str) -> dict[str, Any]:
    """The file of a part is cut short while the database is closed."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        database.control.command("SYSTEM STOP MERGES")
        for number in range(3):
            BatchWriter(database).write(batch(number))
        sql = f"SELECT path FROM system.parts WHERE active AND table = '{table}' AND min_block_number = 2"
        data = Path(str(database.control.query(sql).result_rows[0][0])) / "data.bin"
    data.write_bytes(data.read_bytes()[:10])
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        report = repair(database, Log(), rollups_of, today=DAY, note=folder / "note")
        return {
            "counts": counts(database),
            "detached": [(part.table, str(part.day)) for part in report.detached],
            "left": int(database.control.query("SELECT count() FROM system.detached_parts").result_rows[0][0]),
        }


def killed(folder: Path) -> dict[str, Any]:
    """A batch's spans are gone, and its rollups with them; the repair ends where it would rebuild, and runs again."""

    def ended(*_: object) -> Iterator[Any]:
        raise KeyboardInterrupt

    with EmbeddedDatabase.open(folder, CONFIG) as database:
        database.control.command("SYSTEM STOP MERGES")
        for number in range(3):
            BatchWriter(database, retry=QUICK).write(batch(number))
        for table in ("span_rows", "rollup_minute"):
            database.control.command(f"ALTER TABLE {table} DROP PART '20261120_2_2_0'")
        try:
            repair(database, Log(), ended, today=DAY, note=folder / "note")
        except KeyboardInterrupt:
            noted = (folder / "note").exists()
        report = repair(database, Log(), rollups_of, today=DAY, note=folder / "note")
        again = repair(database, Log(), rollups_of, today=DAY, note=folder / "note")
        return {
            "counts": counts(database),
            "noted": [noted, (folder / "note").exists()],
            "days": [[str(day) for day in each.rebuilt_days] for each in (report, again)],
        }


def swapped(folder: Path) -> dict[str, Any]:
    """A day swapped for other rows in two tables; the day beside it stays, and so do tables without new rows."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        writer = BatchWriter(database)
        writer.write(batch(0))
        writer.write(batch(1, day=date(2026, 11, 21)))
        new = batch(0, spans=3).tables
        rows = [(table, rows) for table in ("rollup_minute", "rollup_service") if (rows := new[table]) is not None]
        totals = {"rollup_minute": "requests", "rollup_service": "spans", "rollup_user": "requests"}
        before = one(database, "SELECT sum(requests) FROM rollup_user")
        replace_tables(database, DAY, rows)
        found = {table: int(one(database, f"SELECT sum({name}) FROM {table}")) for table, name in totals.items()}
        tables = one(
            database, f"SELECT count() FROM system.tables WHERE database = '{DATABASE}' AND name LIKE '%aside%'"
        )
        return {"found": found, "untouched": int(before), "aside": int(tables)}


def trimmed(folder: Path) -> list[list[str]]:
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        writer = BatchWriter(database)
        for number in range(3):
            writer.write(batch(number, day=date(2026, 11, 18 + number)))
        writer.write(batch(1, source=SOURCE + 1, day=date(2026, 11, 19)))
        steps = ({SOURCE: 8}, {SOURCE: 8, SOURCE + 1: 4}, {SOURCE: 8, SOURCE + 1: 8})
        return [[str(day) for day in trim_seen(database, keep_from)] for keep_from in steps]


def lacking(folder: Path, how: str) -> dict[str, Any]:
    """A batch's spans are gone; its day corrects spans that were removed, or other spans of it are gone as well."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        client = database.control
        client.command("SYSTEM STOP MERGES")
        for number in range(3):
            BatchWriter(database, retry=QUICK).write(batch(number))
        if how == "corrects":
            with workbench(database) as bench:
                note_removal(bench, DayOfTable("span_rows", BEFORE, 1, 1), "disk_cap")
            changed = f"span_updates UPDATE target_received_at = toDateTime64('{BEFORE}', 3, 'UTC') WHERE true"
        else:
            changed = "span_rows DELETE WHERE log_offset >= 8 AND ordinal = 0"
        client.command("SYSTEM START MERGES")
        client.command(f"ALTER TABLE {changed} SETTINGS mutations_sync = 1")
        client.command("ALTER TABLE span_rows DELETE WHERE log_offset < 4 SETTINGS mutations_sync = 1")
        before = _sums(client)
        report = repair(database, Log(0), rollups_of, today=DAY, note=folder / "note")
        return {
            "refilled": [gap.table for gap in report.refilled],
            "days": [str(day) for day in report.rebuilt_days],
            "kept": _sums(client) == before,
        }


def _sums(client: Any) -> list[Any]:
    return list(client.query("SELECT sum(requests), sum(weighted_requests) FROM rollup_minute").result_rows)
