"""Who watches the sums, and the least of them: totals of the newest minutes by tenant, in bounded memory.

Not guaranteed: what came before a process began to watch, and what others of its group have watched.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import pyarrow as pa

from spanpulse_stream.deltas._message import Delta

__all__ = ["RecentSums", "Sums", "Watcher"]

MOST_PLACES = 20_000  # (minute, tenant): two weeks of one tenant, or an hour of three hundred
COLUMNS = {"rollup_minute": ("requests", "errors", "cost"), "rollup_service": ("spans",)}


class Watcher(Protocol):
    """Takes deltas, each once and those of a source in order."""

    def watch(self, delta: Delta) -> None:
        """Take one part of what a batch added."""


@dataclass(slots=True)
class Sums:
    """What a minute of a tenant adds up to; cost is USD."""

    requests: int = 0
    errors: int = 0
    cost: Decimal = Decimal(0)
    spans: int = 0


class RecentSums:
    """A watcher that keeps ``most`` places; the oldest minutes go first."""

    def __init__(self, most: int = MOST_PLACES) -> None:
        self._most = most
        self.sums: dict[tuple[int, str], Sums] = {}
        """(start of the minute in s since 1970, tenant) -> its sums."""

    def watch(self, delta: Delta) -> None:
        """Add what a batch added."""
        for table, columns in COLUMNS.items():
            if (rows := delta.tables.get(table)) is not None:
                for row in _grouped(rows, columns):
                    self._add(row, columns)
        while len(self.sums) > self._most:
            oldest = min(minute for minute, _ in self.sums)
            self.sums = {place: sums for place, sums in self.sums.items() if place[0] != oldest}

    @property
    def requests(self) -> int:
        """The counted calls of all places."""
        return sum(each.requests for each in self.sums.values())

    @property
    def spans(self) -> int:
        """The spans of all places."""
        return sum(each.spans for each in self.sums.values())

    def _add(self, row: dict[str, Any], columns: tuple[str, ...]) -> None:
        place = int(row["minute"].timestamp()), row["tenant"]
        sums = self.sums.setdefault(place, Sums())
        for name in columns:
            setattr(sums, name, getattr(sums, name) + row[f"{name}_sum"])


def _grouped(rows: pa.Table, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    grouped = rows.group_by(["minute", "tenant"]).aggregate([(name, "sum") for name in columns])
    found: list[dict[str, Any]] = grouped.to_pylist()
    return found
