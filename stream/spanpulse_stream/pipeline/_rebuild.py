"""The rollups of a received day again, from the stored spans, their updates and the stored scores.

Equal to what the batches of the day added: each span as it was stored, and for each span that the day corrected
its state before the day taken back and its state after the day added. Not guaranteed: anything about spans that
retention dropped.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import pyarrow as pa

from spanpulse_sinks.clickhouse import EmbeddedDatabase
from spanpulse_stream.day import number_of
from spanpulse_stream.pipeline._history import History
from spanpulse_stream.rollup import DimensionCaps, RollupRows, ScoreRows, roll_up, roll_up_scores

__all__ = ["rebuilt_day"]

ROLLUPS = ("rollup_minute", "rollup_experiment", "rollup_user", "rollup_service", "rollup_score")


def rebuilt_day(
    database: EmbeddedDatabase, day: date, committed: Mapping[int, int]
) -> Mapping[str, list[pa.RecordBatch]]:
    """Return rollup table -> record batches. ``committed`` is source -> last committed offset; later rows stay out.

    The batches are additive; there are as many as keep memory bounded. Raises QueryFailed.
    """
    found: dict[str, list[pa.RecordBatch]] = {table: [] for table in ROLLUPS}
    for source, last in sorted(committed.items()):
        for tables in _of_source(History(database, source), source, day, last + 1):
            for table, rows in tables.items():
                if table in found and rows.num_rows:
                    found[table].append(rows)
    return found


def _of_source(history: History, source: int, day: date, end: int) -> Iterator[Mapping[str, pa.RecordBatch]]:
    number = number_of(day)
    caps = DimensionCaps(lambda _source, asked: history.dimension_values(asked, end))
    for rows in _signed(history, day, end, number):
        yield roll_up(rows, log_source=source, end_offset=end, dimensions=caps)
    for table in history.scores_received(day, end):
        scores = ScoreRows.of_table(table)
        yield roll_up_scores(scores, log_source=source, end_offset=end, dimensions=caps)


def _signed(history: History, day: date, end: int, number: int) -> Iterator[RollupRows]:
    for stored in history.spans_received(day, end):
        yield RollupRows.of_table(stored)
    for before, after in history.corrected_on(day, end):
        yield RollupRows.of_table(before, received_day=number).negate()
        yield RollupRows.of_table(after, received_day=number)
