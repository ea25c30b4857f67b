"""Which received days an operation is about, and whether what they need to be counted again is still there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from spanpulse_sinks.clickhouse import Workbench
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.operations import MaintenanceError

__all__ = ["Days", "Received", "below", "committed_ends", "days_asked", "received", "spans_gone", "today"]


@dataclass(frozen=True, slots=True)
class Days:
    """Received days (UTC) from ``first`` to ``last``, both included."""

    first: date
    last: date

    def condition(self, column: str) -> str:
        """Return the condition that a day lies among them."""
        return f"{column} BETWEEN '{self.first}' AND '{self.last}'"


@dataclass(frozen=True, slots=True)
class Received:
    """A received day: spans that its batches stored, and how many of them are there."""

    day: date
    stored: int
    found: int


def today() -> date:
    """Return the UTC day."""
    return datetime.now(UTC).date()


def days_asked(arguments: Mapping[str, Any]) -> Days:
    """Return the days between ``from`` and ``to`` of the arguments; without them from the oldest to today.

    Raises MaintenanceError.
    """
    last = _date(arguments.get("to")) or today()
    first = _date(arguments.get("from")) or date(1970, 1, 1)
    if first > last:
        raise MaintenanceError(f"there is no day from {first} to {last}")
    return Days(first, last)


def received(bench: Workbench, days: Days, ends: Mapping[int, int]) -> list[Received]:
    """Return the received days of which a batch is known, the oldest first; rows from ``ends`` on are left out.

    Raises QueryFailed.
    """
    rows = bench.rows(
        "SELECT day, toInt64(sum(stored)) AS stored, toInt64(sum(found)) AS found FROM ("
        "SELECT toDate(received_at) AS day, sumIf(stored, signal = 'traces') AS stored, 0 AS found FROM batches"
        f" WHERE {days.condition('day')} AND {below(ends, 'last_offset')} GROUP BY day UNION ALL "
        "SELECT toDate(received_at) AS day, 0 AS stored, count() AS found FROM span_rows"
        f" WHERE {days.condition('day')} AND {below(ends)} GROUP BY day"
        ") GROUP BY day ORDER BY day"
    )
    return [Received(row["day"], row["stored"], row["found"]) for row in rows]


def below(ends: Mapping[int, int], offset: str = "log_offset") -> str:
    """Return the condition on rows whose offset lies below the end of their source."""
    each = (f"(log_source = {source} AND {offset} < {end})" for source, end in sorted(ends.items()))
    return f"({' OR '.join(each)})" if ends else "false"


def committed_ends(bench: Workbench) -> dict[int, int]:
    """Return log source -> the offset behind the last one of a whole batch. Raises QueryFailed."""
    rows = bench.rows("SELECT toInt64(log_source) AS s, max(last_offset) + 1 AS e FROM batches GROUP BY s")
    return {row["s"]: row["e"] for row in rows}


def spans_gone(context: Context, bench: Workbench, day: date, table: str = "span_rows") -> str | None:
    """Return why the spans of a received day may be gone, None where they must be there. Raises QueryFailed."""
    kept = context.database.config.retention.days(table)
    if day + timedelta(days=kept) <= today():
        return f"retention keeps spans for {kept} days"
    reasons = bench.rows(
        f"SELECT DISTINCT reason FROM removed_days WHERE table_name = '{table}' AND received_day = '{day}'"
    )
    return f"removed: {', '.join(row['reason'] for row in reasons)}" if reasons else None


def _date(text: object) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise MaintenanceError(f"{text!r} is no date; write it as 2026-01-31") from None
