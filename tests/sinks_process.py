"""A process that owns the embedded database: writes batches as a worker would, or says what is stored.

`python sinks_process.py write FOLDER COUNT` replays from the last batch acknowledged in FOLDER/acknowledged up to
COUNT, printing each number; `... count FOLDER` prints what every table holds as JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any

from sinks_batches import DAY, SOURCE, batch
from spanpulse_sinks.clickhouse import BatchWriter, EmbeddedConfig, EmbeddedDatabase, Retention

CONFIG = EmbeddedConfig(readers=1, free_bytes_to_insert=8 * 2**20, retention=Retention(3650, 3650, 3650))
ROW_TABLES = ("seen", "span_rows", "span_updates", "batches")


def counts(database: EmbeddedDatabase, source: int = SOURCE) -> dict[str, Any]:
    """Return table -> [rows, distinct places], and the sums of the rollups."""
    client, found = database.control, {}
    for table in ROW_TABLES:
        place = {"batches": "first_offset", "span_updates": "log_offset"}.get(table, "(log_offset, ordinal)")
        found[table] = _row(client, f"count(), uniqExact({place}) FROM {table} WHERE log_source = {source}")
    found["rollup_minute"] = _row(client, f"sum(requests) FROM rollup_minute WHERE applied[toUInt32({source})] > 0")
    found["rollup_service"] = _row(client, f"sum(spans) FROM rollup_service WHERE applied[toUInt32({source})] > 0")
    return found


def expected(batches: int, spans: int) -> dict[str, Any]:
    """Return what `counts` says of the batches 0 to ``batches`` - 1, each once."""
    rows = batches * spans
    found: dict[str, Any] = {table: [rows, rows] for table in ("seen", "span_rows")}
    found |= {table: [batches, batches] for table in ("span_updates", "batches")}
    return found | {"rollup_minute": [rows], "rollup_service": [rows]}


def _row(client: Any, select: str) -> list[int]:
    return [int(value) for value in client.query(f"SELECT {select}").result_rows[0]]


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def write(folder: Path, count: int) -> None:
    log = folder / "acknowledged"
    with EmbeddedDatabase.open(folder / "db", CONFIG) as database:
        writer = BatchWriter(database)
        first = int(log.read_text()) if log.exists() else 0
        say("open")
        for number in range(first, count):
            report = writer.write(batch(number, day=DAY))
            aside = folder / "acknowledged.new"
            aside.write_text(str(number + 1))
            aside.replace(log)
            say(number, report.attempts, len(report.mismatches))


def main() -> None:
    command, folder = sys.argv[1], Path(sys.argv[2])
    if command == "write":
        write(folder, int(sys.argv[3]))
    else:
        with EmbeddedDatabase.open(folder / "db", CONFIG) as database:
            say(json.dumps(counts(database)))


if __name__ == "__main__":
    main()
