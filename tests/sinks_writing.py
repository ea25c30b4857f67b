"""What the writer's tests do in the process of the database; each returns what the test compares."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from sinks_batches import DAY, MESSAGES, SOURCE, batch
from sinks_process import CONFIG, counts
from spanpulse_sinks.clickhouse import BatchWriter, DiskState, EmbeddedDatabase, NeedsRestart, Retry, WriteFailed
from spanpulse_sinks.clickhouse._embedded_inserts import EmbeddedInserts

QUICK = Retry(attempts=3, first=0.001, most=0.001)
Found = dict[str, Any]


def writer_of(database: EmbeddedDatabase, disk: DiskState = DiskState.OK) -> BatchWriter:
    return BatchWriter(database, retry=QUICK, inserts=EmbeddedInserts(database, lambda: disk))


def interrupt(database: EmbeddedDatabase, table: str, *, landed: bool, error: Exception | None, times: int = 1) -> None:
    """Make the next inserts into a table fail or vanish, before or after their rows are there."""
    insert, left = database.insert, [times]

    def interrupted(name: str, rows: pa.RecordBatch) -> None:
        hit = name == table and left[0] > 0
        left[0] -= hit
        if not hit or landed:
            insert(name, rows)
        if hit and error is not None:
            raise error

    database.insert = interrupted  # type: ignore[method-assign]


def repeated(folder: Path) -> Found:
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        for number in (0, 1, 2):
            writer_of(database).write(batch(number))
        again = writer_of(database)
        reports = [again.write(batch(number)) for number in (0, 1, 2, 3)]
        return {"counts": counts(database), "inserted": [sorted(report.inserted) for report in reports]}


def failed(folder: Path, table: str, landed: bool) -> Found:
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        writer = writer_of(database)
        for number in (0, 1):
            writer.write(batch(number))
        interrupt(database, table, landed=landed, error=OSError("no answer"))
        report = writer.write(batch(2))
        return {"counts": counts(database), "attempts": report.attempts}


def given_up(folder: Path, table: str) -> Found:
    """The writer gives up after the rows of a table landed; the batch comes again to the same writer."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        writer = writer_of(database)
        writer.write(batch(0))
        interrupt(database, table, landed=True, error=OSError("no answer"), times=1)
        interrupt(database, "batches", landed=False, error=OSError("no answer"), times=9)
        try:
            writer.write(batch(1))
            gave_up = False
        except WriteFailed:
            gave_up = True
        del database.insert  # type: ignore[attr-defined]
        writer.write(batch(1))
        writer.write(batch(2))
        return {"counts": counts(database), "gave_up": gave_up}


def half_written(folder: Path, tables: int) -> Found:
    """A process died after ``tables`` tables of batch 2, and batch 1 was not acknowledged either."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        writer = writer_of(database)
        writer.write(batch(0))
        writer.write(batch(1))
        for table, rows in batch(2).filled()[:tables]:
            database.insert(table, rows)
        after = writer_of(database)
        for number in (1, 2, 3):
            after.write(batch(number))
        return counts(database)


def two_sources(folder: Path) -> list[Found]:
    """A second source with low offsets, whose rollups must not pass for those of the first."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        writer = writer_of(database)
        for number in range(5):
            writer.write(batch(number))
        for number in range(2):
            writer.write(batch(number, source=SOURCE + 1))
        total = database.control.query("SELECT sum(requests) FROM rollup_minute").result_rows[0][0]
        return [counts(database), counts(database, SOURCE + 1), {"requests": int(total)}]


def another_number(folder: Path) -> Found:
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        writer_of(database).write(batch(0, spans=30))
        report = writer_of(database).write(batch(0))
        mismatches = [(found.table, found.expected, found.found) for found in report.mismatches]
        return {"counts": counts(database)["span_rows"], "mismatches": mismatches}


def parts(folder: Path) -> Found:
    """Batches over two days, one with many rows: how many parts each table got, and of which level."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        writer = writer_of(database)
        database.control.command("SYSTEM STOP MERGES")
        writer.write(batch(0, spans=20_000))
        writer.write(batch(1))
        writer.write(batch(2, day=DAY + timedelta(days=1)))
        rows = database.control.query(
            "SELECT table, count(), max(level), uniqExact(partition) FROM system.parts"
            " WHERE active AND database = 'spanpulse' AND table != 'migrations' GROUP BY table"
        ).result_rows
        return {str(table): [int(value) for value in rest] for table, *rest in rows}


def low_disk(folder: Path) -> Found:
    """An insert says that it worked and no rows are there, on a disk below the floor."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        writer = writer_of(database, DiskState.LOW)
        first = writer.write(batch(0))
        interrupt(database, "span_rows", landed=False, error=None)
        second = writer.write(batch(1))
        return {"counts": counts(database), "read_back": first.read_back, "attempts": second.attempts}


def broken(folder: Path, table: str, merged: bool) -> Found:
    """A part of the batch that comes again cannot be read."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        writer = writer_of(database)
        writer.write(batch(0))
        if not merged:
            database.control.command("SYSTEM STOP MERGES")
        writer.write(batch(1))
        if merged:
            database.control.command(f"OPTIMIZE TABLE {table} FINAL")
        name = _damage(database, table)
        try:
            report = writer_of(database).write(batch(1), suspect=True)
        except NeedsRestart as error:
            return {"restart": str(error), "name": name}
        return {"counts": counts(database), "dropped": report.dropped_parts, "name": name}


def broken_of_another(folder: Path) -> str:
    """The broken part holds batch 0, and batch 1 is intact: only repair can bring batch 0 back."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        database.control.command("SYSTEM STOP MERGES")
        writer = writer_of(database)
        writer.write(batch(0))
        writer.write(batch(1))
        _damage(database, "rollup_minute", 0)
        try:
            writer_of(database).write(batch(1), suspect=True)
        except NeedsRestart as error:
            return str(error)
        return "written"


def full(folder: Path, ballast: Path, size: int) -> Found:
    """The disk fills up, the write is given up, space comes back, the batch comes again."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        writer = BatchWriter(database, retry=QUICK)
        writer.write(batch(0))
        ballast.write_bytes(bytes(size))
        try:
            writer.write(batch(1))
            refused = ""
        except WriteFailed as error:
            refused = str(error)
        ballast.unlink()
        writer.write(batch(1))
        return {"refused": refused, "counts": counts(database)}


def at_once(folder: Path) -> Found:
    """Two partitions' batches from two threads."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        writer = writer_of(database)

        def work(source: int) -> None:
            for number in range(4):
                writer.write(batch(number, source=source))

        threads = [threading.Thread(target=work, args=(source,)) for source in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return {str(source): counts(database, source)["span_rows"] for source in (1, 2)}


def newest(folder: Path) -> list[int | None]:
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        writer = writer_of(database)
        before = writer.newest_batch(SOURCE)
        writer.write(batch(3))
        return [before, writer.newest_batch(SOURCE), 4 * MESSAGES - 1, writer.newest_batch(SOURCE + 1)]


def _damage(database: EmbeddedDatabase, table: str, place: int = -1) -> str:
    """Overwrite the data of one active part, in the order of their names; returns its name."""
    rows = database.control.query(
        f"SELECT name, path FROM system.parts WHERE active AND table = '{table}' ORDER BY min_block_number"
    ).result_rows
    name, path = rows[place]
    data = Path(str(path)) / "data.bin"
    data.write_bytes(bytes(byte ^ 0x5A for byte in data.read_bytes()))
    for cache in ("MARK CACHE", "UNCOMPRESSED CACHE", "MMAP CACHE", "QUERY CONDITION CACHE"):
        database.control.command(f"SYSTEM DROP {cache}")
    return str(name)
