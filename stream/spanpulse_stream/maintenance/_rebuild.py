"""`rebuild`: the rollups of received days again, from the spans, corrections and scores that are stored.

A day is computed beside the tables while batches go on; what arrives meanwhile is added in ever shorter rounds, the
last one in a hold of the writer, in which the day is swapped in. Equal to what the batches added. Rollups whose spans,
corrections or scores are not all there are left as they are, for their sums know more than those. Not guaranteed:
anything about readers that read several tables during the swap: one table has the new day a few ms before the next.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._rebuild_days import Received, committed_ends, days_asked, received
from spanpulse_stream.maintenance._rebuild_guard import kept_back
from spanpulse_stream.maintenance._rebuild_swap import Asides, asides
from spanpulse_stream.operations import MaintenanceError
from spanpulse_stream.pipeline import ROLLUPS, DayRange, rollups_of

__all__ = ["rebuild"]

SHORT_S = 0.5  # a round that takes no longer may be the one before the last
MOST_ROUNDS = 8


def rebuild(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Rebuild the days between ``from`` and ``to``; ``tables`` are some of the rollups, ``dry_run`` changes nothing.

    Returns ``days`` (day, spans, rows by table, seconds, held_seconds) and ``skipped`` (day, tables, why); a day may be
    in both, with different tables. Raises MaintenanceError, Stopped, QueryFailed, TimeoutError and OSError: some days
    are rebuilt then, the rest as before.
    """
    tables = _tables(arguments.get("tables"))
    report: dict[str, Any] = {"dry_run": bool(arguments.get("dry_run")), "tables": tables, "days": [], "skipped": []}
    with asides(context, tables) as beside:
        ends = committed_ends(beside.bench)
        for found in received(beside.bench, days_asked(arguments), ends):
            context.check()
            left = kept_back(context, beside.bench, found, ends, tables)
            for why in dict.fromkeys(left.values()):
                skipped = [table for table in left if left[table] == why]
                report["skipped"].append({"day": str(found.day), "tables": skipped, "why": why})
            wanted = tuple(table for table in tables if table not in left)
            if wanted and report["dry_run"]:
                report["days"].append({"day": str(found.day), "spans": found.spans, "tables": list(wanted)})
            elif wanted:
                report["days"].append(_Day(context, beside, found, wanted).rebuild())
    return report


@dataclass(slots=True)
class _Day:
    """One received day; ``reached`` is source -> the offset below which its rows are in the ``tables`` aside."""

    context: Context
    beside: Asides
    found: Received
    tables: tuple[str, ...]
    reached: dict[int, int] = field(default_factory=dict)
    spans: int = 0
    rows: dict[str, int] = field(default_factory=dict)

    def rebuild(self) -> dict[str, Any]:
        begun = time.monotonic()
        self.beside.clear()
        for _ in range(MOST_ROUNDS):
            if self._fill(committed_ends(self.beside.bench)) < SHORT_S:
                break
        with self.context.between_batches() as ends:
            held = time.monotonic()
            self._fill(ends, held=True)
            self.beside.swap([(table, self.found.day) for table in self.tables], ends)
            held = time.monotonic() - held
        return {
            "day": str(self.found.day),
            "spans": self.spans,
            "rows": self.rows,
            "seconds": round(time.monotonic() - begun, 3),
            "held_seconds": round(held, 3),
        }

    def _fill(self, ends: Mapping[int, int], *, held: bool = False) -> float:
        """Add what lies between ``reached`` and ``ends``; returns the seconds it took."""
        begun = time.monotonic()
        for source, end in ends.items():
            wanted = DayRange(source, self.found.day, self.reached.get(source, 0), end)
            if wanted.first < wanted.end:
                for table, rows in self._rows(wanted, held=held):
                    self.beside.insert(table, rows)
                    self.rows[table] = self.rows.get(table, 0) + rows.num_rows
            self.reached[source] = end
        return time.monotonic() - begun

    def _rows(self, wanted: DayRange, *, held: bool) -> Iterator[tuple[str, pa.RecordBatch]]:
        def read(sql: str) -> pa.Table:
            if not held:  # it ends soon then, and is not left half way
                self.context.say(f"rebuilding {self.found.day}", self.spans, max(self.found.spans, self.spans), "spans")
            table = self.beside.bench.read(sql)
            self.spans += table.num_rows if "duration_ns" in table.column_names else 0
            return table

        return (each for each in rollups_of(read, wanted) if each[0] in self.tables)


def _tables(asked: Any) -> list[str]:
    if not asked:
        return list(ROLLUPS)
    unknown = sorted({str(table) for table in asked} - set(ROLLUPS))
    if unknown:
        raise MaintenanceError(f"{', '.join(unknown)} cannot be rebuilt; these can: {', '.join(ROLLUPS)}")
    return [table for table in ROLLUPS if table in asked]
