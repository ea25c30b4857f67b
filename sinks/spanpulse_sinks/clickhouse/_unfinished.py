"""What a repair still owes when it is killed: the days whose rows came back and whose rollups were not rebuilt yet.

A small file, written before the first row of a day is put back; the next start finds all rows there and nothing
missing, and would leave the sums as they are. Not guaranteed: anything where the file is removed in between.
"""

import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from spanpulse_sinks.clickhouse._durable import write_durably

__all__ = ["DamagedNote", "Unfinished"]


class DamagedNote(ValueError):
    """The file is none of a repair; the message says what to do."""


@dataclass(slots=True)
class Unfinished:
    """Days (UTC) by what came back for them: rows that the rollups count, or the batch itself."""

    path: Path
    rows: set[date] = field(default_factory=set)
    batches: set[date] = field(default_factory=set)

    @classmethod
    def read(cls, path: Path) -> "Unfinished":
        """Return what the last repair left, nothing where it ended. Raises OSError, DamagedNote."""
        if not path.exists():
            return cls(path)
        try:
            found = json.loads(path.read_text("utf-8"))
            return cls(path, *({date.fromisoformat(day) for day in found[name]} for name in ("rows", "batches")))
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedNote(f"{path} is damaged: remove it, start again and run `spanpulse audit`") from error

    def note(self, table: str, day: date) -> None:
        """Say that rows of a table are about to come back. Raises OSError."""
        days = {"seen": None, "batches": self.batches}.get(table, self.rows)
        if days is None or day in days:
            return
        days.add(day)
        kept = {"rows": sorted(map(str, self.rows)), "batches": sorted(map(str, self.batches))}
        write_durably(self.path, json.dumps(kept))

    def end(self) -> None:
        """Say that nothing is owed any more. Raises OSError."""
        self.path.unlink(missing_ok=True)
