"""A decision that was made over several partitions, applied to the span of this one that it is about.

It is folded in where it stands in the log, like a span: what is inherited later depends on it. The target is the span
that was stored at that very place; one that was stored anew under the same ids is another. Applied again, or where the
partition decided the same itself, it changes nothing. Not guaranteed: anything about spans that have left the window;
those are looked up where they are stored.
"""

import numpy as np

from spanpulse_stream.jit import helper
from spanpulse_stream.usage._memory import (
    DECIDED_DISCOUNTED,
    DECIDED_DROPPED,
    HAD_NO_TARGET,
    HAS_CHANGED,
    SPANS,
    STATE_COUNTED,
    STATE_DROPPED,
    Batch,
    Memory,
    Number,
)
from spanpulse_stream.usage._outcome import discount, drop, fill
from spanpulse_stream.usage._table import find, slot_at, span_key
from spanpulse_stream.usage._tree import inherit_down

__all__ = ["decide"]


@helper
def _target(memory: Memory, batch: Batch, index: Number) -> Number:
    """Return the slot of the span that a decision is about, or -1."""
    told = batch.incoming[index]
    slot = slot_at(memory, SPANS, find(memory, SPANS, span_key(told)))
    if slot < 0:
        return -1
    row = memory.rows[slot]
    return slot if row.log_offset == told.start and np.int64(row.ordinal) == told.end else np.int64(-1)


@helper
def decide(memory: Memory, batch: Batch, index: Number) -> Number:
    """Apply the decision in row ``index`` of the batch; return what became of it."""
    slot = _target(memory, batch, index)
    if slot < 0:
        return HAD_NO_TARGET
    told, row = batch.incoming[index], memory.rows[slot]
    outcome, reason = 0, np.int64(told.provider)
    if told.usage & DECIDED_DROPPED and not row.state & STATE_DROPPED:
        drop(memory, batch, slot, reason)
        outcome = HAS_CHANGED
    if told.usage & DECIDED_DISCOUNTED and row.state & STATE_COUNTED:
        discount(memory, batch, slot, reason)
        outcome = HAS_CHANGED
    is_filled = False
    for field in range(memory.context.shape[1]):
        value = np.int64(batch.context[index, field])
        if value != 0 and memory.context[slot, field] == 0:
            fill(memory, batch, slot, field, value)
            is_filled = True
    if is_filled:
        inherit_down(memory, batch, slot)
        outcome = HAS_CHANGED
    return outcome
