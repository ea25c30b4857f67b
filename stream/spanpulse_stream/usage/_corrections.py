"""Corrections: what a batch changes about spans that earlier batches stored.

One row a span and batch, with the columns that changed; NULL leaves a column as it is. `counted` only ever turns
false, `dropped` true, a context column is only ever filled in.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.usage._memory import CONTEXT_FIELDS, CORRECTIONS, REASONS, Batch
from spanpulse_stream.usage._state import PartitionState

__all__ = ["Corrections", "read_corrections"]


@dataclass(frozen=True, slots=True)
class Corrections:
    """Rows for `span_updates`: the batch's log source holds both the targets and what corrects them.

    ``log_offset`` and ``received_at`` (ms) are those of the last span of the batch that had a part in it,
    ``target_*`` those of the corrected span. ``discounted`` rows turn ``counted`` to false, ``dropped`` ones are of
    spans that another partition stored first.
    """

    size: int
    log_source: int
    log_offset: NDArray[np.int64]
    received_at: NDArray[np.int64]
    tenant: Words
    trace_id: NDArray[np.uint64]  # (n, 2)
    span_id: NDArray[np.uint64]
    target_log_offset: NDArray[np.int64]
    target_ordinal: NDArray[np.int32]
    target_received_at: NDArray[np.int64]
    discounted: NDArray[np.bool_]
    dropped: NDArray[np.bool_]
    user_id: Words
    session_id: Words
    prompt_name: Words
    prompt_version: Words
    reason: Words

    def record_batch(self) -> pa.RecordBatch:
        """Return the rows as the table `span_updates` takes them."""
        milliseconds = pa.timestamp("ms", tz="UTC")
        columns = {
            "log_source": pa.array(np.full(self.size, self.log_source, np.uint32)),
            "log_offset": pa.array(self.log_offset),
            "received_at": pa.array(self.received_at).cast(milliseconds),
            "tenant": _texts(self.tenant),
            "trace_id": _hexadecimal(self.trace_id),
            "span_id": _hexadecimal(self.span_id),
            "target_log_offset": pa.array(self.target_log_offset),
            "target_ordinal": pa.array(self.target_ordinal),
            "target_received_at": pa.array(self.target_received_at).cast(milliseconds),
            "counted": pa.array(np.zeros(self.size, np.bool_), pa.bool_(), mask=~self.discounted),
            **{field: _texts(getattr(self, field)) for field in CONTEXT_FIELDS},
            "reason": _texts(self.reason),
            "dropped": pa.array(self.dropped, pa.bool_(), mask=~self.dropped),
        }
        return pa.RecordBatch.from_pydict(columns)


def read_corrections(state: PartitionState, batch: Batch, log_source: int) -> Corrections:
    """Return the corrections that the last fold left in the memory."""
    size = int(state.memory.counters[CORRECTIONS])
    rows = state.memory.corrections[:size]
    causes = batch.incoming[rows["cause"]]
    context = [state.contexts.words(state.memory.corrected[:size, field]) for field in range(len(CONTEXT_FIELDS))]
    return Corrections(
        size=size,
        log_source=log_source,
        log_offset=causes["log_offset"].copy(),
        received_at=causes["received_at"].copy(),
        tenant=state.tenants.words(rows["tenant"]),
        trace_id=np.stack([rows["trace_high"], rows["trace_low"]], axis=1),
        span_id=rows["span_id"].copy(),
        target_log_offset=rows["log_offset"].copy(),
        target_ordinal=rows["ordinal"].copy(),
        target_received_at=rows["received_at"].copy(),
        discounted=rows["discounted"].astype(np.bool_),
        dropped=rows["dropped"].astype(np.bool_),
        user_id=context[0],
        session_id=context[1],
        prompt_name=context[2],
        prompt_version=context[3],
        reason=Words(rows["reason"].astype(np.int32), list(REASONS)),
    )


def _texts(words: Words) -> pa.Array:
    return pa.array(words.tolist(), pa.string())


def _hexadecimal(ids: NDArray[np.uint64]) -> pa.Array:
    """Return ids of 1 or 2 words as lowercase hex of fixed width."""
    text = ids.astype(">u8").tobytes().hex()
    width = 16 * (ids.size // len(ids)) if len(ids) else 1
    return pa.array([text[start : start + width] for start in range(0, len(text), width)], pa.string())
