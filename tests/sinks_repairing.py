"""Repairs of days whose sums know of rows that do not come back, in the process of the database."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sinks_batches import DAY, batch
from sinks_process import CONFIG
from sinks_reading import QUICK, Log, rollups_of
from spanpulse_sinks.clickhouse import BatchWriter, DayOfTable, EmbeddedDatabase, note_removal, repair, workbench

BEFORE = DAY - timedelta(days=1)


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
        report = repair(database, Log(0), rollups_of, today=DAY)
        return {
            "refilled": [gap.table for gap in report.refilled],
            "days": [str(day) for day in report.rebuilt_days],
            "kept": _sums(client) == before,
        }


def _sums(client: Any) -> list[Any]:
    return list(client.query("SELECT sum(requests), sum(weighted_requests) FROM rollup_minute").result_rows)
