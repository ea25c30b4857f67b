"""Rollups held against the spans, corrections and scores they are sums of.

First one number a table and minute: where the checksums of both sides agree, all measures of all dimensions do. Where
they differ the rows of those minutes are compared measure by measure. Reads are bounded: a day's spans are read twice
at most, and no query keeps more than the rows of the minutes that differ.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from spanpulse_stream.maintenance._audit_rows import DayRows
from spanpulse_stream.maintenance._audit_sketch import WITH_BOUNDS
from spanpulse_stream.maintenance._audit_sums import CALLS, SCORES, SERVICES, Measure, checksum, hashed
from spanpulse_stream.pipeline import offset_ranges

__all__ = ["RollupAudit"]

Read = Callable[[str], pa.Table]

CALL = ("service_name", "environment", "operation", "provider", "model", "prompt_name", "prompt_version")
MOST_MINUTES = 60  # compared measure by measure at a time
MOST_ROWS = 2_000  # that differ, of one comparison
TARGETS = 200_000
WRAP = 1 << 64


@dataclass(frozen=True, slots=True)
class Rollup:
    """How a rollup table is made of rows: its key beside time and tenant, which rows it counts, its measures."""

    name: str
    key: tuple[str, ...]
    measures: Sequence[Measure]
    counts: str = "true"
    time: str = "minute"
    seconds: int = 60
    each_experiment: bool = False

    def keys_of_rows(self) -> list[str]:
        """Return the expressions of its dimensions over a row, the tenant's first."""
        own = {"experiment": "x.1", "variant": "x.2"} if self.each_experiment else {}
        return ["tenant_", *(own.get(name, f"{name}_") for name in self.key)]


OF_SPANS = (
    Rollup("rollup_minute", CALL, CALLS, "counted"),
    Rollup("rollup_quarter", CALL, CALLS, "counted", "quarter", 900),
    Rollup("rollup_experiment", ("experiment", "variant", *CALL), CALLS, "counted", each_experiment=True),
    Rollup("rollup_user", ("user_id",), CALLS, "counted AND user_id_ != ''", "quarter", 900),
    Rollup("rollup_service", ("service_name", "environment", "kind", "name"), SERVICES),
)
SCORE = ("name", "evaluator", "service_name", "environment", "model", "prompt_name", "prompt_version")
OF_SCORES = (
    Rollup("rollup_score", SCORE, SCORES),
    Rollup("rollup_score_experiment", ("experiment", "variant", *SCORE), SCORES, each_experiment=True),
)


@dataclass(frozen=True, slots=True)
class RollupAudit:
    """The rollups of one received day; ``stands_in`` is rollup table -> the table that has its rows as of the ends.

    ``read`` raises QueryFailed.
    """

    read: Read
    rows: DayRows
    stands_in: Mapping[str, str]

    def differences(self, tables: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield what differs: table, minute, tenant, dimensions, measure, expected, found."""
        sums = self._expected()
        for rollup in (*OF_SPANS, *OF_SCORES):
            if rollup.name in tables:
                found = self._found(rollup)
                minutes = sorted(m for m in {*sums[rollup.name], *found} if sums[rollup.name][m] != found.get(m, 0))
                for start in range(0, len(minutes), MOST_MINUTES):
                    yield from self._compared(rollup, minutes[start : start + MOST_MINUTES])

    def _expected(self) -> dict[str, dict[int, int]]:
        """Return table -> start of the minute or quarter (s) -> checksum of the rows."""
        sums: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for rows in self._span_rows():
            for minute in self.read(f"{WITH_BOUNDS} {_summed(OF_SPANS, rows)}").to_pylist():
                for rollup in OF_SPANS:
                    time = minute["minute"] // rollup.seconds * rollup.seconds
                    sums[rollup.name][time] = (sums[rollup.name][time] + minute[rollup.name]) % WRAP
        for minute in self.read(_summed(OF_SCORES, self.rows.scores())).to_pylist():
            for rollup in OF_SCORES:
                sums[rollup.name][minute["minute"]] = minute[rollup.name] % WRAP
        return sums

    def _span_rows(self) -> Iterator[str]:
        """Yield queries for all rows of spans, the stored ones first."""
        yield self.rows.stored()
        days = self.read(
            "SELECT DISTINCT toInt64(log_source) AS source, toDate(target_received_at) AS target FROM span_updates"
            f" WHERE {self.rows.received} ORDER BY ALL"
        ).to_pylist()
        for source, target in ((row["source"], row["target"]) for row in days):
            where = f"log_source = {source} AND toDate(target_received_at) = '{target}' AND {self.rows.received}"
            for low, high in offset_ranges(self.read, "span_updates", "target_log_offset", where, TARGETS):
                yield self.rows.corrected(source, target, low, high)

    def _found(self, rollup: Rollup) -> dict[int, int]:
        """Return start of the minute or quarter (s) -> checksum of the rollup's rows."""
        product = f"{hashed(['tenant', *rollup.key])} * {checksum(rollup.measures, of_span=False)}"
        rows = self.read(
            f"SELECT {rollup.time} AS time, sum({product}) AS found FROM {self._table(rollup)}"
            f" WHERE received_day = '{self.rows.day}' GROUP BY time"
        ).to_pylist()
        return {row["time"]: row["found"] % WRAP for row in rows}

    def _compared(self, rollup: Rollup, times: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Yield the measures that differ in some minutes or quarters."""
        listed = ", ".join(f"toDateTime({time}, 'UTC')" for time in times)
        sides = [
            *(_values(rollup, rows, listed) for rows in self._rows_for(rollup)),
            _values_of_rollup(
                rollup, self._table(rollup), f"{rollup.time} IN ({listed}) AND received_day = '{self.rows.day}'"
            ),
        ]
        by = ", ".join(("time", "tenant", *rollup.key))
        sums = ", ".join(
            # of nothing but NULLs the sum is NULL, and NULL differs from nothing
            f"ifNull(sumIf(v{place}, side = 0), 0) AS e{place}, ifNull(sumIf(v{place}, side = 1), 0) AS f{place}"
            for place in range(len(rollup.measures))
        )
        differs = " OR ".join(f"e{place} != f{place}" for place in range(len(rollup.measures)))
        union = " UNION ALL ".join(f"({side})" for side in sides)
        query = (
            f"{WITH_BOUNDS} SELECT {by}, {sums} FROM ({union}) GROUP BY {by} HAVING {differs} ORDER BY {by}"
            f" LIMIT {MOST_ROWS} SETTINGS max_query_size = 16777216, union_default_mode = 'ALL'"
        )
        for row in self.read(query).to_pylist():
            yield from _told(rollup, row)

    def _rows_for(self, rollup: Rollup) -> Iterator[str]:
        return iter([self.rows.scores()]) if rollup in OF_SCORES else self._span_rows()

    def _table(self, rollup: Rollup) -> str:
        return self.stands_in.get(rollup.name, rollup.name)


def _summed(rollups: Sequence[Rollup], rows: str) -> str:
    """Return the query for the checksum of each minute of rows, a column a rollup."""
    sums = []
    for rollup in rollups:
        dimensions = hashed(rollup.keys_of_rows())
        if rollup.each_experiment:
            dimensions = f"arraySum(x -> {dimensions}, experiments_)"
        product = f"sign * {dimensions} * {checksum(rollup.measures, of_span=True)}"
        sums.append(f"sum(if({rollup.counts}, {product}, 0)) AS {rollup.name}")
    return f"SELECT minute, {', '.join(sums)} FROM ({rows}) GROUP BY minute"


def _values(rollup: Rollup, rows: str, times: str) -> str:
    """Return the query for what each row adds to each measure."""
    time = f"toDateTime(intDiv(toUnixTimestamp(minute), {rollup.seconds}) * {rollup.seconds}, 'UTC')"
    keys = ", ".join(
        f"{value} AS {name}" for value, name in zip(rollup.keys_of_rows(), ("tenant", *rollup.key), strict=True)
    )
    joined = "ARRAY JOIN experiments_ AS x" if rollup.each_experiment else ""
    values = ", ".join(
        f"{_shown(measure, f'sign * ({measure.of_span})')} AS v{place}" for place, measure in enumerate(rollup.measures)
    )
    where = f"{rollup.counts} AND time IN ({times})"
    return f"SELECT 0 AS side, {time} AS time, {keys}, {values} FROM ({rows}) {joined} WHERE {where}"


def _values_of_rollup(rollup: Rollup, table: str, where: str) -> str:
    keys = ", ".join(f"toString({name}) AS {name}" for name in ("tenant", *rollup.key))
    values = ", ".join(
        f"{_shown(measure, measure.of_rollup)} AS v{place}" for place, measure in enumerate(rollup.measures)
    )
    return f"SELECT 1 AS side, {rollup.time} AS time, {keys}, {values} FROM {table} WHERE {where}"


def _shown(measure: Measure, expression: str) -> str:
    return f"toDecimal128({expression}, 12)" if measure.money else f"toInt64({expression})"


def _told(rollup: Rollup, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the measures of a row that differ; a map whose size agrees is told to have other keys."""
    told: set[str] = set()
    for place, measure in enumerate(rollup.measures):
        expected, found = row[f"e{place}"], row[f"f{place}"]
        if expected != found and measure.column not in told:
            told.add(measure.column)
            yield {
                "table": rollup.name,
                "minute": datetime.fromtimestamp(row["time"], UTC).isoformat(),
                "tenant": row["tenant"],
                "dimensions": {name: row[name] for name in rollup.key if row[name]},
                "measure": measure.column,
                "expected": "other keys" if measure.opaque else f"{expected:f}" if measure.money else str(expected),
                "found": "other keys" if measure.opaque else f"{found:f}" if measure.money else str(found),
            }
