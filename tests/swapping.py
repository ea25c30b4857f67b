"""Swaps that a kill cut short, in the process of the database: what the next start makes of them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pipeline_running import Processed, cuts, messages
from sinks_process import CONFIG
from spanpulse_sinks.clickhouse import EmbeddedDatabase, Workbench, workbench
from spanpulse_stream.maintenance._rebuild_days import committed_ends
from spanpulse_stream.maintenance._rebuild_swap import aside_of, finish_swap

DAY = date(2026, 11, 20)
TABLES = ("rollup_minute", "rollup_user", "rollup_experiment")


def cut_short(folder: Path, swapped: int, newer: int) -> dict[str, Any]:
    """Kill a swap of three tables after ``swapped`` of them; ``newer`` batches were written after its plan.

    The day made aside has each row twice, but for that of the last table, which is empty.
    """
    with EmbeddedDatabase.open(folder / "database", CONFIG) as database, workbench(database) as bench:
        log = cuts(messages(1), [20, 40])
        processed = Processed(folder, database)
        processed.write(log[: len(log) - newer], set())
        ends = committed_ends(bench)
        for table in TABLES:
            bench.command(f"CREATE TABLE {aside_of(table)} AS {table}")
        for table in (*TABLES[:2], *TABLES[:2]):
            bench.command(f"INSERT INTO {aside_of(table)} SELECT * FROM {table}")
        before = requests(bench)
        for table in TABLES[:swapped]:
            emptied = f"DROP PARTITION '{DAY}'"
            filled = f"REPLACE PARTITION '{DAY}' FROM {aside_of(table)}"
            bench.command(f"ALTER TABLE {table} {filled if table in TABLES[:2] else emptied}")
        journal = folder / "maintenance" / "swap.json"
        journal.parent.mkdir()
        plan = {"ends": {str(source): end for source, end in ends.items()}, "swap": [[t, str(DAY)] for t in TABLES]}
        journal.write_text(json.dumps(plan))
        processed.write(log[len(log) - newer :], set())
        written = requests(bench)

    with EmbeddedDatabase.open(folder / "database", CONFIG) as database, workbench(database) as bench:
        context: Any = SimpleNamespace(folder=folder, database=database, between_batches=lambda: _ends(bench))
        finish_swap(context)
        finish_swap(context)  # nothing is left to do
        left = bench.rows("SELECT name FROM system.tables WHERE startsWith(name, 'aside')")
        return {
            "before": before,
            "written": written,
            "after": requests(bench),
            "left": [row["name"] for row in left],
            "journal": journal.exists(),
        }


@contextmanager
def _ends(bench: Workbench) -> Iterator[Mapping[int, int]]:
    yield committed_ends(bench)


def requests(bench: Workbench) -> list[int]:
    return [int(bench.rows(f"SELECT toInt64(sum(requests)) AS n FROM {table}")[0]["n"]) for table in TABLES]
