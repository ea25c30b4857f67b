"""The evaluation results of a batch to rows, those in log records and those in span events together."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import LogColumns, SpanColumns, TextColumns
from spanpulse_stream.pipeline._task import Task
from spanpulse_stream.rollup import ScoreRows, roll_up_scores
from spanpulse_stream.rows import score_batch, select_logs

__all__ = ["score_tables", "scored_spans"]


def score_tables(scored: Sequence[LogColumns], task: Task) -> dict[str, pa.RecordBatch]:
    """Return what scores add to each table. One call a batch: each would admit dimensions up to their cap."""
    if not scored:
        return {}
    with task.stages("roll_up"):
        place = {"log_source": task.log_source, "end_offset": task.end}
        rows = ScoreRows.concat([ScoreRows.of_columns(columns) for columns in scored])
        tables = roll_up_scores(rows, **place, dimensions=task.memory.dimensions)
    with task.stages("rows"):
        scores = pa.concat_batches([score_batch(columns) for columns in scored])
        task.tally.add("scores", scores["log_offset"].to_numpy())
        return tables | {"scores": scores}


def scored_spans(columns: SpanColumns, new: NDArray[np.bool_], task: Task) -> list[LogColumns]:
    """Return the scores in events of the spans that are new, whether or not those are kept, as if of log records."""
    if columns.scores is None:
        return []
    records = LogColumns(
        size=columns.size,
        log_source=columns.log_source,
        log_offset=columns.log_offset,
        ordinal=columns.ordinal,
        received_at=columns.received_at,
        tenant=columns.tenant,
        key=columns.trace_id,
        texts=TextColumns.empty(),
        scores=columns.scores,
    )
    return [task.policy.logs(select_logs(records, new))]
