"""The rollups of a received day again, from the stored spans, their updates and the stored scores.

Equal to what the batches of the day added: each span as it was stored, and for each span that the day corrected
its state before the day taken back and its state after the day added. Rollups are additive, so a day may be computed
range by range. Not guaranteed: anything about spans that retention dropped.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import pyarrow as pa

from spanpulse_sinks.clickhouse import Database
from spanpulse_stream.day import date_of
from spanpulse_stream.pipeline._history import History
from spanpulse_stream.pipeline._signed import DayRange, Read
from spanpulse_stream.rollup import DimensionCaps, ScoreRows, roll_up, roll_up_scores

__all__ = ["CALL_ROLLUPS", "ROLLUPS", "SCORE_ROLLUPS", "caps_below", "rebuilt_day", "rollups_of"]

CALL_ROLLUPS = ("rollup_minute", "rollup_quarter", "rollup_experiment", "rollup_user")
"""Those of model calls: what corrections change, and what has costs."""
SCORE_ROLLUPS = ("rollup_score", "rollup_score_experiment")
ROLLUPS = (*CALL_ROLLUPS, "rollup_service", *SCORE_ROLLUPS)
SCORED = (
    *("log_source", "received_at", "time", "tenant", "name", "evaluator", "label", "service_name", "environment"),
    *("request_model", "prompt_name", "prompt_version", "value", "experiments"),
)


def rebuilt_day(database: Database, day: date, committed: Mapping[int, int]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield rollup tables with rows. ``committed`` is source -> last committed offset; later rows stay out.

    The rows are additive. Raises QueryFailed.
    """
    for source, last in sorted(committed.items()):
        yield from rollups_of(History(database, source).read, DayRange(source, day, 0, last + 1))


def rollups_of(read: Read, wanted: DayRange) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield rows of rollup tables, a part of the range at a time; their mark is the range's end. Raises QueryFailed."""
    place = {"log_source": wanted.log_source, "end_offset": wanted.end}
    caps = caps_below(read, wanted.end)
    for rows in wanted.signed(read):
        yield from _filled(roll_up(rows, **place, dimensions=caps))
    for table in wanted.scores(read, SCORED):
        yield from _filled(roll_up_scores(ScoreRows.of_table(table), **place, dimensions=caps))


def caps_below(read: Read, end: int) -> DimensionCaps:
    """Return the values that batches below an offset admitted: the caps of whoever only repeats what they did."""

    def load(source: int, day: int) -> Iterator[tuple[str, str, str]]:
        admitted = read(
            "SELECT tenant, dimension, value FROM dimension_values WHERE log_source = "
            f"{source} AND log_offset < {end} AND toDate(received_at) = '{date_of(day)}'"
        )
        columns = (admitted[name].to_pylist() for name in ("tenant", "dimension", "value"))
        return zip(*columns, strict=True)

    return DimensionCaps(load)


def _filled(tables: Mapping[str, pa.RecordBatch]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield the rollups among the tables that have rows."""
    return ((table, tables[table]) for table in ROLLUPS if table in tables and tables[table].num_rows)
