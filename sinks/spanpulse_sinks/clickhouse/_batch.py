"""A batch as the writer takes it, and what became of it.

A batch is a contiguous range of offsets of one log source, received on one UTC day. It carries everything that
the range adds to every table; `batches` comes last and says that the rest is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["TABLES", "Batch", "Mismatch", "OffsetRange", "Position", "WriteReport", "position_of"]

MAX_BYTES = 256 * 1024 * 1024


class Position(StrEnum):
    """How the rows of a table say which offsets they come from."""

    OFFSET = "log_offset"
    APPLIED = "applied"
    FIRST_OFFSET = "first_offset"


# Every table that a batch writes, in the order of writing.
TABLES: Mapping[str, Position] = {
    "seen": Position.OFFSET,
    "span_rows": Position.OFFSET,
    "span_updates": Position.OFFSET,
    "span_texts": Position.OFFSET,
    "scores": Position.OFFSET,
    "dimension_values": Position.OFFSET,
    "dead_letters": Position.OFFSET,
    "rollup_minute": Position.APPLIED,
    "rollup_quarter": Position.APPLIED,
    "rollup_experiment": Position.APPLIED,
    "rollup_user": Position.APPLIED,
    "rollup_service": Position.APPLIED,
    "rollup_score": Position.APPLIED,
    "rollup_score_experiment": Position.APPLIED,
    "batches": Position.FIRST_OFFSET,
}


def position_of(table: str) -> Position:
    """Return how ``table`` is tied to the log; raises ValueError for a table that no batch writes."""
    try:
        return TABLES[table]
    except KeyError:
        raise ValueError(f"no batch writes the table {table!r}") from None


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """Offsets [first_offset, last_offset] of a source, received on one UTC day."""

    log_source: int
    first_offset: int
    last_offset: int
    received_day: date

    def __str__(self) -> str:
        return f"source {self.log_source}, offsets {self.first_offset} to {self.last_offset}"


@dataclass(frozen=True, slots=True)
class Batch(OffsetRange):
    """Offsets [first_offset, last_offset] of a source and their rows, by table; None and no rows are the same.

    The columns of each record batch are columns of its table. Raises ValueError where a batch breaks what a
    write relies on: a known table, one day, less than 256 MiB, a row in `batches`.
    """

    tables: Mapping[str, pa.RecordBatch | None]

    def __post_init__(self) -> None:
        if not 0 <= self.first_offset <= self.last_offset:
            raise ValueError(f"offsets {self.first_offset} to {self.last_offset} are no range")
        if not self.rows_of("batches"):
            raise ValueError("a batch has a row in `batches`")
        for table in self.tables:
            position_of(table)
        for table, rows in self.filled():
            _check(self, table, rows)

    def filled(self) -> list[tuple[str, pa.RecordBatch]]:
        """Return the tables that get rows, in the order of writing."""
        return [(table, rows) for table in TABLES if (rows := self.tables.get(table)) is not None and rows.num_rows]

    def rows_of(self, table: str) -> int:
        """Return how many rows the batch has for a table."""
        rows = self.tables.get(table)
        return 0 if rows is None else int(rows.num_rows)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A batch whose rows are there in another number than it has now: reported, never inserted again."""

    table: str
    expected: int
    found: int


@dataclass(slots=True)
class WriteReport:
    """What one write did: rows inserted and rows found by table, and what was looked at again on a low disk.

    ``seconds`` is how long it took, its retries included.
    """

    inserted: dict[str, int] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    read_back: list[str] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)
    dropped_parts: list[str] = field(default_factory=list)
    attempts: int = 1
    seconds: float = 0.0


def _check(batch: Batch, table: str, rows: pa.RecordBatch) -> None:
    if rows.nbytes >= MAX_BYTES:
        raise ValueError(f"{rows.nbytes} bytes for {table}: one insert takes less than {MAX_BYTES}")
    column = rows["received_day" if position_of(table) is Position.APPLIED else "received_at"]
    limits = pc.min_max(column).as_py()
    days = {_day(limits["min"]), _day(limits["max"])}
    if days != {batch.received_day}:
        raise ValueError(f"{table} has rows received on {sorted(map(str, days))}, not all on {batch.received_day}")


def _day(value: datetime | date) -> date:
    return value.astimezone(UTC).date() if isinstance(value, datetime) else value
