"""The spans of a batch to rows: whose tokens count, what they cost, what they correct, what they add up to."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from spanpulse_stream.columns import LogColumns, SpanColumns
from spanpulse_stream.pipeline._decisions import settled
from spanpulse_stream.pipeline._scores import scored_spans
from spanpulse_stream.pipeline._task import Task
from spanpulse_stream.rollup import RollupRows, concat, correction_rows, roll_up
from spanpulse_stream.rows import keep_mask, select, span_batch
from spanpulse_stream.usage import Attribution, Corrections, Decided, attribute_usage

__all__ = ["span_tables"]

COST_OVERFLOW = "cost_overflow"
ANOMALIES = pa.list_(pa.string())


def span_tables(
    columns: SpanColumns, task: Task, decided: Decided | None = None
) -> tuple[dict[str, pa.RecordBatch], list[LogColumns]]:
    """Return what spans, and decisions about earlier ones, add to each table, and the scores in the spans' events.

    The memory's part in usage advances, the counts are made.
    """
    with task.stages("attribute"):
        attribution = attribute_usage(columns, task.memory.usage, decided)
        new = attribution.keep
        wanted = new & keep_mask(columns, task.versions.keep, task.memory.traces.digests())
        stored = select(_attributed(columns, attribution), wanted)
    offsets = columns.log_offset
    for count, which in (("stored", wanted), ("duplicate", ~new), ("filtered", new & ~wanted)):
        task.tally.add(count, offsets[which])
    task.tally.add("accepted", offsets)
    task.tally.add("unjoined", np.repeat(offsets, attribution.lost))
    with task.stages("price"):
        stored = _priced(stored, task)
    with task.stages("correct"):
        updates = settled(attribution, task, decided)
        corrections = _correction_rows(updates, task)
    task.tally.add_of("updates", updates.log_offset, map(str, updates.tenant.tolist()))
    with task.stages("roll_up"):
        rows = concat([RollupRows.of_columns(stored), corrections])
        place = {"log_source": task.log_source, "end_offset": task.end}
        tables = roll_up(rows, **place, dimensions=task.memory.dimensions)
    with task.stages("rows"):
        tables |= {"seen": attribution.seen, "span_rows": span_batch(stored)}
        if updates.size:
            tables["span_updates"] = updates.record_batch()
    return tables, scored_spans(columns, new, task)


def _attributed(columns: SpanColumns, attribution: Attribution) -> SpanColumns:
    return replace(
        columns,
        counted=attribution.counted,
        dropped=attribution.dropped,
        user_id=attribution.user_id,
        session_id=attribution.session_id,
        prompt_name=attribution.prompt_name,
        prompt_version=attribution.prompt_version,
    )


def _priced(columns: SpanColumns, task: Task) -> SpanColumns:
    priced = task.prices.price(columns)
    task.unpriced.extend(priced.unpriced)
    if priced.overflow.size:
        columns = replace(columns, anomalies=_noted(columns.anomalies, set(priced.overflow.tolist())))
    return replace(columns, cost=priced.cost, cost_confidence=priced.confidence, price_version=priced.price_version)


def _noted(anomalies: pa.Array, rows: set[int]) -> pa.Array:
    """Return the anomalies with one more in some rows."""
    found = [[*(own or []), COST_OVERFLOW] if row in rows else own for row, own in enumerate(anomalies.to_pylist())]
    return pa.array(found, ANOMALIES)


def _correction_rows(corrections: Corrections, task: Task) -> RollupRows:
    if not corrections.size:
        return RollupRows.empty()
    return correction_rows(task.stored(corrections), corrections, task.day)
