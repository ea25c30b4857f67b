"""Received days under other prices: made aside while batches go on, swapped in at once with every rollup they are in.

Spans are copied as hard links, and only the columns of their cost are written again. To rollups rows are added that
take the old costs back and add the new ones, on the day a span was received and on each day that corrected it. So
spans and rollups agree before the swap and after it, and a day is repriced everywhere or nowhere. Not guaranteed: that
it is quick for days whose parts are small: the engine writes those whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._rebuild_days import committed_ends
from spanpulse_stream.maintenance._rebuild_swap import PREFIX, Asides, aside_of
from spanpulse_stream.maintenance._reprice_costs import PRICED_BY, Changes, Repriced, Scope
from spanpulse_stream.pipeline import CALL_ROLLUPS, DayRange, Read, caps_below
from spanpulse_stream.price import PriceBook
from spanpulse_stream.rollup import RollupRows, concat, roll_up

__all__ = ["TABLES", "RepricedDays", "changes_of"]

TABLES = ("span_rows", *CALL_ROLLUPS)
COSTS = f"{PREFIX}costs"
MOST_COSTS = 300_000  # looked up at a time: 190 bytes of memory each
SHORT = 2_000  # spans of a round that may be the one before the last
MOST_ROUNDS = 8
SMALL = "SETTINGS min_insert_block_size_bytes = 67108864, min_insert_block_size_rows = 100000"


@dataclass(slots=True)
class RepricedDays:
    """Some received days; ``changes`` is what became of the calls of each.

    Spans from ``limits`` (source -> offset) on are left alone, where it is given.
    """

    context: Context
    beside: Asides
    book: PriceBook
    scope: Scope
    days: Sequence[date]
    limits: Mapping[int, int] | None = None
    changes: dict[date, Changes] = field(default_factory=dict)
    reached: dict[int, int] = field(default_factory=dict)
    rolled_up: set[tuple[str, date]] = field(default_factory=set)
    written: set[date] = field(default_factory=set)
    swapping: bool = False
    """Whether some of the tables may have the new days."""

    def reprice(self) -> None:
        """Make the days aside and swap them in. Raises ClickHouseError, QueryFailed, Stopped, TimeoutError, OSError."""
        bench = self.beside.bench
        bench.command(f"DROP TABLE IF EXISTS {COSTS} SYNC")
        bench.command(
            f"CREATE TABLE {COSTS} (log_source UInt32, log_offset Int64, ordinal Int32, cost Nullable(Decimal(38, 12)),"
            " cost_confidence String) ENGINE = Join(ANY, LEFT, log_source, log_offset, ordinal) SETTINGS persistent = 0"
        )
        self.beside.clear()
        with self.context.between_batches() as ends:
            for day in self.days:
                self.beside.copy("span_rows", day)
        self._advance(ends, copied=True)
        for _ in range(MOST_ROUNDS):
            if self._advance(committed_ends(bench)) < SHORT:
                break
        if not self.written and not self.rolled_up:
            return
        self.context.check()
        with self.context.paused() as ends:
            self._advance(ends, held=True)
            for table, day in self.rolled_up:
                self.beside.copy(table, day)
            places = [("span_rows", day) for day in sorted(self.written)] + sorted(self.rolled_up)
            self.swapping = True
            self.beside.swap(places, ends)

    def _advance(self, ends: Mapping[int, int], *, copied: bool = False, held: bool = False) -> int:
        """Bring the days from ``reached`` to ``ends``; returns how many spans were read."""
        spans = 0
        for source, end in ends.items():
            first = self.reached.get(source, 0)
            for day in self.days if first < end else ():
                spans += self._day(DayRange(source, day, first, end), copied=copied, held=held)
            for day in self.days if first < end else ():
                self._corrections(source, day, first, end)
            self.reached[source] = end
        return spans

    def _day(self, wanted: DayRange, *, copied: bool, held: bool) -> int:
        """Reprice what a range brought on its own day."""
        bench, spans, waiting = self.beside.bench, 0, 0
        if not copied:
            bench.command(
                f"INSERT INTO {aside_of('span_rows')} SELECT * FROM span_rows WHERE {wanted.received} {SMALL}"
            )
        for table in wanted.spans(bench.read, PRICED_BY, self._scope(wanted.log_source)):
            if not held:
                self.context.say(f"repricing {wanted.day}", spans, None, "spans")
            repriced = Repriced.of(bench.read, table, self.book, wanted.day)
            spans += repriced.rows.size
            self._changes(wanted.day).add(repriced)
            if repriced.stale:
                bench.insert(COSTS, repriced.costs())
                waiting += repriced.rows.size
                self._add(wanted, repriced.signed())
            if waiting >= MOST_COSTS:
                waiting = self._write(wanted)
        if waiting:
            self._write(wanted)
        return spans

    def _write(self, wanted: DayRange) -> int:
        """Write the costs that wait into the rows aside."""
        bench = self.beside.bench
        (named,) = bench.rows("SELECT currentDatabase() AS name")
        place = "log_source, log_offset, ordinal"
        costs = ", ".join(
            f"{name} = joinGet('{named['name']}.{COSTS}', '{name}', {place})" for name in ("cost", "cost_confidence")
        )
        bench.command(
            f"ALTER TABLE {aside_of('span_rows')} UPDATE {costs}, price_version = '{self.book.version}'"
            f" IN PARTITION '{wanted.day}' WHERE {wanted.received}"
            f" AND ({place}) IN (SELECT {place} FROM {named['name']}.{COSTS})"
            " SETTINGS mutations_sync = 1, allow_nondeterministic_mutations = 1"
        )
        bench.command(f"TRUNCATE TABLE {COSTS}")
        self.written.add(wanted.day)
        return 0

    def _corrections(self, source: int, target: date, first: int, end: int) -> None:
        """Reprice what corrections of a day's spans added to the rollups of the days on which they came."""
        bench = self.beside.bench
        days = bench.rows(
            f"SELECT DISTINCT toDate(received_at) AS day FROM span_updates WHERE log_source = {source}"
            f" AND toDate(target_received_at) = '{target}' AND log_offset >= {first} AND log_offset < {end}"
        )
        for day in (row["day"] for row in days):
            wanted = DayRange(source, day, first, end)
            for before, after in wanted.corrected(bench.read, target, PRICED_BY, self._scope(source)):
                was, now = (Repriced.of(bench.read, table, self.book, day) for table in (before, after))
                self._changes(target).add(was, -1)
                self._changes(target).add(now)
                self._add(wanted, [*was.signed(-1), *now.signed()])

    def _add(self, wanted: DayRange, rows: list[RollupRows]) -> None:
        """Put rows beside the rollups of a day."""
        if not rows:
            return
        caps = caps_below(self.beside.bench.read, wanted.end)
        tables = roll_up(concat(rows), log_source=wanted.log_source, end_offset=wanted.end, dimensions=caps)
        for table in TABLES[1:]:
            if tables[table].num_rows:
                self.beside.insert(table, tables[table])
                self.rolled_up.add((table, wanted.day))

    def _changes(self, day: date) -> Changes:
        return self.changes.setdefault(day, Changes())

    def _scope(self, source: int) -> str:
        if self.limits is None:
            return self.scope.condition
        return f"{self.scope.condition} AND log_offset < {self.limits.get(source, 0)}"


def changes_of(read: Read, book: PriceBook, scope: Scope, day: date, ends: Mapping[int, int]) -> Changes:
    """Return what a repricing would change about the calls of a day; nothing is written. Raises QueryFailed."""
    found = Changes()
    for source, end in ends.items():
        for table in DayRange(source, day, 0, end).spans(read, PRICED_BY, scope.condition):
            found.add(Repriced.of(read, table, book, day))
        days = read(
            f"SELECT DISTINCT toDate(received_at) AS day FROM span_updates WHERE log_source = {source}"
            f" AND toDate(target_received_at) = '{day}' AND log_offset < {end}"
        )
        for corrected in days["day"].to_pylist():
            for before, after in DayRange(source, corrected, 0, end).corrected(read, day, PRICED_BY, scope.condition):
                found.add(Repriced.of(read, before, book, day), -1)
                found.add(Repriced.of(read, after, book, day))
    return found
