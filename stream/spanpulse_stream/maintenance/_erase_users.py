"""The sums of users without the spans of an erased trace: signed rows that take them back, once.

The rows of a day are one insert, and carry the number of the erasure where others carry log offsets; so a repetition
finds that they are there. Must run before the spans lose what they are summed by, and while nothing is written.
"""

from collections.abc import Iterator
from datetime import date

import pyarrow as pa

from spanpulse_sinks.clickhouse import Workbench
from spanpulse_stream.day import number_of
from spanpulse_stream.maintenance._erase_targets import PLACE, TARGETS, places
from spanpulse_stream.pipeline import DayRange, caps_below
from spanpulse_stream.rollup import RollupRows, roll_up

__all__ = ["take_back_users"]

NO_SOURCE = 0  # of no log: under it stands the number of an erasure
EVERYTHING = 1 << 62  # behind every offset


def take_back_users(bench: Workbench) -> int:
    """Take the listed spans out of `rollup_user`; returns the rows inserted. Raises QueryFailed, ClickHouseError."""
    number = bench.rows(f"SELECT max(log_offset) AS n FROM {TARGETS} WHERE what = 'secret'")[0]["n"]
    inserted = 0
    for day, sources in _days(bench).items():
        done = f"received_day = '{day}' AND applied[toUInt32({NO_SOURCE})] = {number}"
        if bench.rows(f"SELECT 1 AS one FROM rollup_user WHERE {done} LIMIT 1"):
            continue
        batches = [rows for source in sources for rows in _taken_back(bench, source, day, number) if rows.num_rows]
        if batches:
            (rows,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
            bench.insert("rollup_user", rows)
            inserted += rows.num_rows
    return inserted


def _taken_back(bench: Workbench, source: int, day: date, number: int) -> Iterator[pa.RecordBatch]:
    caps = caps_below(bench.read, EVERYTHING)
    wanted = DayRange(source, day, 0, EVERYTHING)
    for rows in _signed(bench, wanted):
        yield roll_up(rows.negate(), log_source=NO_SOURCE, end_offset=number, dimensions=caps)["rollup_user"]


def _signed(bench: Workbench, wanted: DayRange) -> Iterator[RollupRows]:
    """Yield what the listed spans added to a day."""
    listed = f"({PLACE}) IN {places('span_rows')}"
    for stored in wanted.spans(bench.read, where=listed):
        yield RollupRows.of_table(stored)
    day = number_of(wanted.day)
    for target in wanted.corrected_days(bench.read):
        for before, after in wanted.corrected(bench.read, target, where=listed):
            yield RollupRows.of_table(before, received_day=day).negate()
            yield RollupRows.of_table(after, received_day=day)


def _days(bench: Workbench) -> dict[date, list[int]]:
    """Return received day -> sources, of the listed spans and of what corrected them."""
    rows = bench.rows(
        f"SELECT DISTINCT received_day AS day, log_source AS source FROM {TARGETS} WHERE what = 'span_rows'"
        " UNION DISTINCT SELECT DISTINCT toDate(received_at) AS day, log_source AS source FROM span_updates"
        f" WHERE (log_source, target_log_offset, target_ordinal) IN {places('span_rows')} ORDER BY day, source"
    )
    found: dict[date, list[int]] = {}
    for row in rows:
        found.setdefault(row["day"], []).append(row["source"])
    return found
