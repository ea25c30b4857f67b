"""The log records of a batch to rows: texts that came apart from their span, and evaluation results."""

import pyarrow as pa

from spanpulse_stream.columns import LogColumns
from spanpulse_stream.pipeline._task import Task
from spanpulse_stream.rows import select_logs, text_batch
from spanpulse_stream.usage import drop_duplicate_logs

__all__ = ["log_tables"]


def log_tables(columns: LogColumns, task: Task) -> tuple[dict[str, pa.RecordBatch], LogColumns]:
    """Return what the log records add to each table but those of scores, and which are stored.

    The memory's part in logs advances, the counts are made.
    """
    with task.stages("attribute"):
        new, seen = drop_duplicate_logs(columns, task.memory.usage)
        stored = select_logs(columns, new)
    task.tally.add("accepted", columns.log_offset)
    task.tally.add("stored", stored.log_offset)
    task.tally.add("duplicate", columns.log_offset[~new])
    with task.stages("rows"):
        return {"seen": seen, "span_texts": text_batch(stored)}, stored
