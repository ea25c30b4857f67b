"""Which received days an operation is about, and whether what they need to be counted again is still there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from spanpulse_sinks.clickhouse import ReadBench, Retention, days_of
from spanpulse_stream.operations import MaintenanceError
from spanpulse_stream.pipeline import ROLLUPS

__all__ = [
    "Days",
    "Received",
    "below",
    "committed_ends",
    "corrects_gone",
    "days_asked",
    "received",
    "spans_gone",
    "today",
]

LAST = date(2149, 6, 6)  # as Date holds it: where a clock was wrong, days lie in the future


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
    """A received day: rows that it has in `batches`, and spans that are there."""

    day: date
    batches: int
    spans: int


def today() -> date:
    """Return the UTC day."""
    return datetime.now(UTC).date()


def days_asked(arguments: Mapping[str, Any]) -> Days:
    """Return the days between ``from`` and ``to`` of the arguments; without them all that there are.

    Raises MaintenanceError.
    """
    last = _date(arguments.get("to")) or LAST
    first = _date(arguments.get("from")) or date(1970, 1, 1)
    if first > last:
        raise MaintenanceError(f"there is no day from {first} to {last}")
    return Days(first, last)


def received(bench: ReadBench, days: Days, ends: Mapping[int, int]) -> list[Received]:
    """Return the days that have batches, spans or rollups, the oldest first; rows from ``ends`` on are left out.

    Raises QueryFailed.
    """
    rows = bench.rows(
        "SELECT day, toInt64(sum(batches)) AS batches, toInt64(sum(spans)) AS spans FROM ("
        "SELECT toDate(received_at) AS day, count() AS batches, 0 AS spans FROM batches"
        f" WHERE {days.condition('day')} AND {below(ends, 'last_offset')} GROUP BY day UNION ALL "
        "SELECT toDate(received_at) AS day, 0 AS batches, count() AS spans FROM span_rows"
        f" WHERE {days.condition('day')} AND {below(ends)} GROUP BY day"
        ") GROUP BY day"
    )
    found = {row["day"]: Received(row["day"], row["batches"], row["spans"]) for row in rows}
    summed = {each.day for each in days_of(bench, ROLLUPS) if days.first <= each.day <= days.last}
    return [found.get(day, Received(day, 0, 0)) for day in sorted(summed | set(found))]


def below(ends: Mapping[int, int], offset: str = "log_offset") -> str:
    """Return the condition on rows whose offset lies below the end of their source."""
    each = (f"(log_source = {source} AND {offset} < {end})" for source, end in sorted(ends.items()))
    return f"({' OR '.join(each)})" if ends else "false"


def committed_ends(bench: ReadBench) -> dict[int, int]:
    """Return log source -> the offset behind the last one of a whole batch. Raises QueryFailed."""
    rows = bench.rows("SELECT toInt64(log_source) AS s, max(last_offset) + 1 AS e FROM batches GROUP BY s")
    return {row["s"]: row["e"] for row in rows}


def spans_gone(retention: Retention, bench: ReadBench, day: date, table: str = "span_rows") -> str | None:
    """Return why the spans of a received day may be gone, None where they must be there. Raises QueryFailed."""
    kept = retention.days(table)
    if day + timedelta(days=kept) <= today():
        return f"retention keeps spans for {kept} days"
    reasons = bench.rows(
        f"SELECT DISTINCT reason FROM removed_days WHERE table_name = '{table}' AND received_day = '{day}'"
    )
    return f"removed: {', '.join(row['reason'] for row in reasons)}" if reasons else None


def corrects_gone(retention: Retention, bench: ReadBench, day: date, which: str = "true") -> str | None:
    """Return why the calls of a day cannot be counted again: it corrects spans of an earlier one that may be gone.

    What a correction changed is the difference of two states of its span, and nothing else says what that was.
    ``which`` is a condition on the corrections that matter. Raises QueryFailed.
    """
    targets = bench.rows(
        "SELECT DISTINCT toDate(target_received_at) AS day FROM span_updates"
        f" WHERE toDate(received_at) = '{day}' AND toDate(target_received_at) != '{day}' AND {which} ORDER BY day"
    )
    for target in (row["day"] for row in targets):
        if why := spans_gone(retention, bench, target):
            return f"it corrects spans received on {target}, which may be gone: {why}"
    return None


def _date(text: object) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise MaintenanceError(f"{text!r} is no date; write it as 2026-01-31") from None
