"""What a range of a log source adds to the rollups of a received day, as signed rows read back from the database.

A span counts as it was stored; a span that the range corrected is taken back as it was before the range and added
as it is after it. Corrections count on the day they arrived, whatever day their span was received on. Not guaranteed:
any order of the rows; spans that retention dropped.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from spanpulse_stream.day import number_of
from spanpulse_stream.pipeline._history import CORRECTED, ROLLED_UP
from spanpulse_stream.rollup import RollupRows

__all__ = ["CHUNK", "DayRange", "Read", "offset_ranges"]

Read = Callable[[str], pa.Table]
"""Returns the result of a query. Raises QueryFailed."""

CHUNK = 100_000  # rows read at a time, about
TARGETS = 20_000
SAME = tuple(name for name in ROLLED_UP if name not in CORRECTED)
DICTIONARIES = "SETTINGS output_format_arrow_low_cardinality_as_dictionary = 1"


@dataclass(frozen=True, slots=True)
class DayRange:
    """Offsets [``first``, ``end``) of a log source, as far as they were received on ``day``.

    All methods raise QueryFailed.
    """

    log_source: int
    day: date
    first: int
    end: int

    def spans(self, read: Read, more: tuple[str, ...] = (), where: str = "true") -> Iterator[pa.Table]:
        """Yield the spans as they were stored: what the rollups need of them and the columns ``more``."""
        picked = f"{self.received} AND {where}"
        for low, high in offset_ranges(read, "span_rows", "log_offset", picked):
            yield read(
                f"SELECT {', '.join((*ROLLED_UP, *more))} FROM span_rows"
                f" WHERE {picked} AND log_offset >= {low} AND log_offset < {high} {DICTIONARIES}"
            )

    def scores(self, read: Read, columns: tuple[str, ...]) -> Iterator[pa.Table]:
        """Yield columns of the scores."""
        for low, high in offset_ranges(read, "scores", "log_offset", self.received):
            ranged = f"{self.received} AND log_offset >= {low} AND log_offset < {high}"
            yield read(f"SELECT {', '.join(columns)} FROM scores WHERE {ranged} {DICTIONARIES}")

    def corrected_days(self, read: Read) -> list[date]:
        """Return the days on which the spans were received that the range corrected."""
        days = read(f"SELECT DISTINCT toDate(target_received_at) AS day FROM span_updates WHERE {self.received}")
        return sorted(days["day"].to_pylist())

    def corrected(
        self, read: Read, target: date, more: tuple[str, ...] = (), where: str = "true"
    ) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Yield the spans received on ``target`` that the range corrected: as they were before it, and after."""
        aimed = f"toDate(target_received_at) = '{target}'"
        for low, high in offset_ranges(
            read, "span_updates", "target_log_offset", f"{self.received} AND {aimed}", TARGETS
        ):
            found = read(self._states(target, low, high, more, where))
            yield found.select([*ROLLED_UP, *more]), _renamed(found, more)

    @property
    def received(self) -> str:
        """The condition on rows that came in the range."""
        return (
            f"log_source = {self.log_source} AND toDate(received_at) = '{self.day}'"
            f" AND log_offset >= {self.first} AND log_offset < {self.end}"
        )

    def _states(self, target: date, low: int, high: int, more: tuple[str, ...], where: str) -> str:
        """Return the query for spans at offsets [low, high) in both states, those after it named ``<name>_after``."""
        mine = f"(toDate(received_at) = '{self.day}' AND log_offset >= {self.first})"
        before = ", ".join(f"argMaxIf({name}, log_offset, NOT {mine}) AS {name}_before" for name in CORRECTED)
        after = ", ".join(f"argMax({name}, log_offset) AS {name}_after" for name in CORRECTED)
        updates = (
            f"SELECT target_log_offset, target_ordinal, {before}, {after} FROM span_updates"
            f" WHERE log_source = {self.log_source} AND log_offset < {self.end}"
            f" AND toDate(received_at) BETWEEN '{target}' AND '{self.day}' AND toDate(target_received_at) = '{target}'"
            f" AND target_log_offset >= {low} AND target_log_offset < {high}"
            f" GROUP BY target_log_offset, target_ordinal HAVING countIf{mine} > 0"
        )
        spans = (
            f"SELECT {', '.join((*ROLLED_UP, *more))} FROM span_rows"
            f" WHERE log_source = {self.log_source} AND toDate(received_at) = '{target}'"
            f" AND log_offset >= {low} AND log_offset < {high} AND {where}"
            f" AND (log_offset, ordinal) IN (SELECT target_log_offset, target_ordinal FROM ({updates}))"
        )
        states = ", ".join(
            f"coalesce(u.{name}_{state}, s.{name}) AS {name}{suffix}"
            for state, suffix in (("before", ""), ("after", "_after"))
            for name in CORRECTED
        )
        kept = ", ".join(f"s.{name} AS {name}" for name in (*SAME, *more))
        return (
            f"SELECT {kept}, {states} FROM ({spans}) AS s INNER JOIN ({updates}) AS u"
            " ON u.target_log_offset = s.log_offset AND u.target_ordinal = s.ordinal"
        )

    def signed(self, read: Read) -> Iterator[RollupRows]:
        """Yield all signed rows of spans."""
        number = number_of(self.day)
        for stored in self.spans(read):
            yield RollupRows.of_table(stored)
        for target in self.corrected_days(read):
            for before, after in self.corrected(read, target):
                yield RollupRows.of_table(before, received_day=number).negate()
                yield RollupRows.of_table(after, received_day=number)


def offset_ranges(read: Read, table: str, column: str, where: str, most: int = CHUNK) -> Iterator[tuple[int, int]]:
    """Yield ranges [low, high) of an offset column, in order, each with at most ``most`` rows or a single offset."""
    found = read(
        f"SELECT toInt64(count()) AS n, min({column}) AS low, max({column}) + 1 AS high FROM {table} WHERE {where}"
    )
    count, low, high = (found[name][0].as_py() for name in ("n", "low", "high"))
    if count:
        yield from _halved(
            read, f"SELECT toInt64(count()) AS n FROM {table} WHERE {where}", column, (low, high, count), most
        )


def _halved(
    read: Read, counting: str, column: str, found: tuple[int, int, int], most: int
) -> Iterator[tuple[int, int]]:
    low, high, count = found
    if count <= most or high - low == 1:
        if count:
            yield low, high
        return
    middle = (low + high) // 2
    lower = read(f"{counting} AND {column} >= {low} AND {column} < {middle}")["n"][0].as_py()
    yield from _halved(read, counting, column, (low, middle, lower), most)
    yield from _halved(read, counting, column, (middle, high, count - lower), most)


def _renamed(found: pa.Table, more: tuple[str, ...]) -> pa.Table:
    """Return the spans in the state after the range, under the names of the columns of `span_rows`."""
    picked = [f"{name}_after" if name in CORRECTED else name for name in (*ROLLED_UP, *more)]
    return found.select(picked).rename_columns([*ROLLED_UP, *more])
