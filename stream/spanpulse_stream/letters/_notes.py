"""The table `dead_letter_replays`: which letters a run has taken up, and what became of each.

A letter has a row with `planned` when a run takes it up, all of a run in one insert, and another with `sent` or `gone`
when that is done with it.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import pyarrow as pa

from spanpulse_stream.letters._letter import Filters, quoted
from spanpulse_stream.letters._position import Position

__all__ = ["REPLAYS", "LetterStore", "Taken", "chosen_sql", "note_rows", "planned_sql", "unfinished_sql"]

REPLAYS: Final = "dead_letter_replays"
MOMENT: Final = pa.timestamp("ms", "UTC")
KEY: Final = "log_source, log_offset, ordinal"
PLACE: Final = "toInt64(log_source) AS source, log_offset AS offset, toInt64(ordinal) AS ordinal"
ORDER: Final = "ORDER BY received_ms, source, offset, ordinal"


class LetterStore(Protocol):
    """The database, as a replay uses it."""

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""

    def note(self, rows: pa.RecordBatch, token: str) -> None:
        """Insert rows of `dead_letter_replays`, all or none; ``token`` names the insert, should it come again."""


class Taken(NamedTuple):
    """A letter that a run has taken up; ``ended``: nothing is left to do with it."""

    position: Position
    received_ms: int
    ended: bool = False

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Taken":
        """Return that of a row of `chosen_sql` or `planned_sql`."""
        position = Position(int(row["source"]), int(row["offset"]), int(row["ordinal"]))
        return cls(position, int(row["received_ms"]), bool(row.get("ended", False)))


def chosen_sql(filters: Filters, most: int, *, again: bool) -> str:
    """Return a query for letters to take up; the oldest first."""
    new = "" if again else f" AND ({KEY}) NOT IN (SELECT {KEY} FROM {REPLAYS})"
    return (
        f"SELECT {PLACE}, toUnixTimestamp64Milli(received_at) AS received_ms FROM dead_letters"
        f" WHERE {filters.condition()}{new} {ORDER} LIMIT {most}"
    )


def planned_sql(run: str) -> str:
    """Return a query for the letters that a run took up, in its order."""
    return (
        f"SELECT {PLACE}, toUnixTimestamp64Milli(any(r.received_at)) AS received_ms,"
        f" toInt64(max(state != 'planned')) AS ended FROM {REPLAYS} AS r WHERE run = {quoted(run)}"
        f" GROUP BY source, offset, ordinal {ORDER}"
    )


def unfinished_sql(but: str) -> str:
    """Return a query for other runs that did not come to their end: ``run`` and how many ``letters`` are left."""
    each = f"SELECT run, max(state != 'planned') AS ended FROM {REPLAYS} GROUP BY run, {KEY}"
    return (
        f"SELECT run, toInt64(count()) AS letters FROM ({each}) WHERE NOT ended AND run != {quoted(but)}"
        " GROUP BY run ORDER BY run LIMIT 20"
    )


def note_rows(run: str, taken: Sequence[tuple[Taken, str]], now_ms: int) -> pa.RecordBatch:
    """Return the rows that say in which state each letter of a run is now."""
    return pa.RecordBatch.from_pydict(
        {
            "run": pa.array([run] * len(taken), pa.string()),
            "log_source": pa.array([each.position.source for each, _ in taken], pa.uint32()),
            "log_offset": pa.array([each.position.offset for each, _ in taken], pa.int64()),
            "ordinal": pa.array([each.position.ordinal for each, _ in taken], pa.int32()),
            "received_at": pa.array([each.received_ms for each, _ in taken], MOMENT),
            "state": pa.array([state for _, state in taken], pa.string()),
            "at": pa.array([now_ms] * len(taken), MOMENT),
        }
    )
