"""Days that must not be counted again, in the process of the database: what audit and rebuild make of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from correcting import corrected_messages
from operating import ALL, context_of
from pipeline_running import ROLLUPS, Processed, cuts, rolled
from sinks_process import CONFIG
from spanpulse_sinks.clickhouse import EmbeddedDatabase, days_of, remove_day, workbench
from spanpulse_stream.maintenance import OPERATIONS

NOW = "SETTINGS mutations_sync = 1"
Found = dict[str, Any]


@contextmanager
def written(folder: Path) -> Iterator[Processed]:
    """Open a database with traces that come in pieces over several days."""
    with EmbeddedDatabase.open(folder / "database", CONFIG) as database:
        processed = Processed(folder, database)
        processed.write(cuts(corrected_messages(1), [40, 80]), set())
        yield processed


def after_spans_went(folder: Path) -> Found:
    """Remove the first day's spans; audit and rebuild what is left."""
    with written(folder) as processed:
        with workbench(processed.database) as bench:
            first = min((each for each in days_of(bench, ("span_rows",))), key=lambda each: each.day)
            remove_day(bench, first, "disk_cap")
        before = sums(processed)
        return {
            "first": str(first.day),
            "audit": operate(folder, processed, "audit"),
            "rebuild": operate(folder, processed, "rebuild"),
            "kept": sums(processed) == before,
        }


def with_rows_lost(folder: Path, counted: bool) -> Found:
    """Lose corrections and scores and double a span; ``counted``: the batches say how many scores they had."""
    with written(folder) as processed:
        statements = [
            f"ALTER TABLE span_updates DELETE WHERE log_offset % 2 = 0 {NOW}",
            f"ALTER TABLE scores DELETE WHERE log_offset % 3 = 0 {NOW}",
            "INSERT INTO span_rows SELECT * FROM span_rows ORDER BY log_offset LIMIT 1",
        ]
        if not counted:
            statements.append(f"ALTER TABLE batches UPDATE scores = NULL WHERE true {NOW}")
        for statement in statements:
            processed.database.writer.command(statement)
        before = sums(processed)
        return {
            "audit": operate(folder, processed, "audit"),
            "rebuild": operate(folder, processed, "rebuild"),
            "kept": sums(processed) == before,
        }


def with_rollup_rows_lost(folder: Path) -> Found:
    """Lose whole rows of each rollup, all scores that were summed, and have batches twice; then rebuild."""
    with written(folder) as processed:
        before = sums(processed)
        client = processed.database.writer
        for table in ROLLUPS[:-2]:
            time = "quarter" if table in {"rollup_quarter", "rollup_user"} else "minute"
            first = client.query(f"SELECT toUnixTimestamp(min({time})) FROM {table}").result_rows[0][0]
            client.command(f"ALTER TABLE {table} DELETE WHERE {time} = toDateTime({first}, 'UTC') {NOW}")
        for table in ROLLUPS[-2:]:
            client.command(f"TRUNCATE TABLE {table}")
        found = {"audit": operate(folder, processed, "audit"), "rebuild": operate(folder, processed, "rebuild")}
        found["restored"] = sums(processed) == before
        client.command("INSERT INTO batches SELECT * FROM batches ORDER BY first_offset LIMIT 1")
        return {**found, "doubled": operate(folder, processed, "audit")}


def with_a_day_that_never_was(folder: Path) -> Found:
    """Plant a rollup row on a received day of the future; rebuild, and once more where batches are missing."""
    plant = (
        "INSERT INTO rollup_minute SELECT * REPLACE (toDate('2099-01-01') AS received_day)"
        " FROM rollup_minute ORDER BY ALL LIMIT 1"
    )
    with written(folder) as processed:
        before, client = sums(processed), processed.database.writer
        client.command(plant)
        planted = operate(folder, processed, "audit")
        operate(folder, processed, "rebuild")
        restored = sums(processed) == before
        client.command(plant)
        client.command(f"ALTER TABLE batches DELETE WHERE first_offset = 40 {NOW}")
        return {"audit": planted, "restored": restored, "rebuild": operate(folder, processed, "rebuild")}


def operate(folder: Path, processed: Processed, name: str) -> Found:
    return OPERATIONS[name](context_of(folder, processed), ALL)


def sums(processed: Processed) -> Found:
    return {table: rolled(processed, table) for table in ROLLUPS}
