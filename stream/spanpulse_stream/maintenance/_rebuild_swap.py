"""Days of tables made aside and swapped in together: either all of them are new after the swap, or a start finishes it.

`asides` makes an empty table beside each table; `Asides.swap` puts whole received days of them in the place of the
days of the tables, one rename a table, after the names were written to a journal. A kill between two renames is made
good by `finish_swap` at the next start: nothing was written since, and a swap may be repeated. Not guaranteed:
anything where batches are written while `swap` runs; the caller holds the writer.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse import Workbench, workbench, write_durably
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.operations import MaintenanceError

__all__ = ["PREFIX", "Asides", "aside_of", "asides", "finish_swap"]

LOG = logging.getLogger(__name__)
PREFIX = "aside_"
ATTEMPTS = 3
Places = Sequence[tuple[str, date]]
"""Tables and the days of them that are swapped."""


def aside_of(table: str) -> str:
    """Return the name of the table beside a table."""
    return f"{PREFIX}{table}"


@dataclass(frozen=True, slots=True)
class Asides:
    """Tables beside ``tables``. Made by `asides`; methods raise ClickHouseError, QueryFailed or OSError."""

    bench: Workbench
    tables: tuple[str, ...]
    journal: Path

    def clear(self) -> None:
        """Empty them."""
        for table in self.tables:
            self.bench.command(f"TRUNCATE TABLE {aside_of(table)} SYNC")

    def insert(self, table: str, rows: pa.RecordBatch) -> None:
        """Put rows of one day beside a table."""
        self.bench.insert(aside_of(table), rows)

    def copy(self, table: str, day: date) -> None:
        """Put what a table has of a day beside it, as hard links."""
        self.bench.command(f"ALTER TABLE {aside_of(table)} ATTACH PARTITION '{day}' FROM {table}")

    def swap(self, places: Places, ends: Mapping[int, int]) -> None:
        """Put days in the place of those of their tables; an empty one empties them.

        ``ends`` is what the hold gave: source -> the offset behind the last committed batch. Where it raises, some
        tables may have the new day and others the old one.
        """
        plan = {
            "ends": {str(source): end for source, end in ends.items()},
            "swap": [[t, str(day)] for t, day in places],
        }
        write_durably(self.journal, json.dumps(plan))
        try:
            _swap_all(self.bench, places)
        finally:
            write_durably(self.journal, json.dumps({}))


@contextmanager
def asides(context: Context, tables: Iterable[str]) -> Iterator[Asides]:
    """Make empty tables beside ``tables``, and drop them in the end. Raises MaintenanceError where the engine fails."""
    journal = _journal(context)
    try:
        with workbench(context.database) as bench:
            write_durably(journal, json.dumps({}))
            beside = Asides(bench, tuple(tables), journal)
            try:
                _drop(bench)
                for table in beside.tables:
                    bench.command(f"CREATE TABLE {aside_of(table)} AS {table}")
                yield beside
            finally:
                _drop(bench)
            journal.unlink()
    except ClickHouseError as error:
        raise MaintenanceError(f"the database cannot do it: {' '.join(str(error).split())[:500]}") from error


def finish_swap(context: Context) -> None:
    """At a start, before the first batch: finish a swap that a kill interrupted, and drop what was made aside."""
    journal = _journal(context)
    if not journal.exists():
        return
    plan: dict[str, Any] = json.loads(journal.read_text("utf-8"))
    with workbench(context.database) as bench:
        if "swap" in plan:
            places = [(table, date.fromisoformat(day)) for table, day in plan["swap"]]
            with context.between_batches() as ends:
                # What is newer than the plan would be lost by it: then the swap failed while the process went on.
                if {str(source): end for source, end in ends.items()} == plan["ends"]:
                    _swap_all(bench, places)
                    LOG.warning("finished what a kill interrupted: days of tables that were made anew are swapped in")
        _drop(bench)
    journal.unlink()


def _journal(context: Context) -> Path:
    return context.folder / "maintenance" / "swap.json"


def _swap_all(bench: Workbench, places: Places) -> None:
    """Swap day after day; each is tried again, for what is swapped in part is worse than a moment's wait."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            for table, day in places:
                _swap(bench, table, day)
        except ClickHouseError:
            if attempt == ATTEMPTS:
                raise
            LOG.exception("a swap failed, trying again")
        else:
            return


def _swap(bench: Workbench, table: str, day: date) -> None:
    parts = bench.rows(
        "SELECT toInt64(count()) AS n FROM system.parts WHERE active AND database = currentDatabase()"
        f" AND table = '{aside_of(table)}' AND partition = '{day}'"
    )
    how = f"REPLACE PARTITION '{day}' FROM {aside_of(table)}" if parts[0]["n"] else f"DROP PARTITION '{day}'"
    bench.command(f"ALTER TABLE {table} {how}")


def _drop(bench: Workbench) -> None:
    named = f"database = currentDatabase() AND startsWith(name, '{PREFIX}')"
    for row in bench.rows(f"SELECT name FROM system.tables WHERE {named}"):
        bench.command(f"DROP TABLE IF EXISTS {row['name']} SYNC")
