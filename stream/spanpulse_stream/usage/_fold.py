"""The fold: one span or decision after the other into the memory, in log order.

The same kernel runs live and when a state is restored, over the same rows, so what a partition knows is a function
of its log alone: not of batches, clocks or restarts. The span that leaves the window leaves nothing behind.
"""

from spanpulse_stream.jit import entry, helper
from spanpulse_stream.usage._calls import compare_by_moment, compare_by_response, leave_group
from spanpulse_stream.usage._decide import decide
from spanpulse_stream.usage._memory import (
    CORRECTIONS,
    CURRENT,
    FIRST_OF_BATCH,
    SPANS,
    STATE_COUNTED,
    STATE_DECISION,
    STATE_WAITING,
    TAKEN,
    Batch,
    Memory,
    Number,
)
from spanpulse_stream.usage._outcome import unlist
from spanpulse_stream.usage._table import find, is_call, parent_key, put, remove, slot_at, span_key
from spanpulse_stream.usage._tree import adopt_children, detach, inherit_down, join_parent, pass_summary_up

__all__ = ["fold"]


@helper
def _forget(memory: Memory, slot: Number) -> Number:
    """Take the oldest span out; return 1 if it is a call whose parent never came."""
    row = memory.rows[slot]
    position = find(memory, SPANS, span_key(row))
    remove(memory, SPANS, position)
    lost = 1 if is_call(row) and row.state & STATE_WAITING else 0
    detach(memory, slot)
    leave_group(memory, slot)
    unlist(memory, slot)
    return lost


@helper
def _take(memory: Memory, batch: Batch, slot: Number) -> None:
    index = memory.counters[CURRENT]
    memory.rows[slot] = batch.incoming[index]
    for field in range(batch.context.shape[1]):
        memory.context[slot, field] = batch.context[index, field]
    row = memory.rows[slot]
    row.parent = row.child = row.next = row.previous = -1
    row.bucket_next = row.bucket_previous = row.correction = -1
    row.below = row.above = 0
    row.state = STATE_COUNTED if is_call(row) else 0
    batch.keep[index] = True
    batch.counted[index] = is_call(row)
    batch.origin[memory.counters[TAKEN] - memory.counters[FIRST_OF_BATCH]] = index
    memory.counters[TAKEN] += 1
    put(memory, SPANS, span_key(row), slot)


@entry
def fold(memory: Memory, batch: Batch) -> None:
    """Fold a batch into the memory; fills ``batch`` and the corrections of ``memory``."""
    memory.counters[FIRST_OF_BATCH] = memory.counters[TAKEN]
    memory.counters[CORRECTIONS] = 0
    window = memory.rows.size
    for index in range(batch.incoming.size):
        memory.counters[CURRENT] = index
        new = batch.incoming[index]
        if new.state & STATE_DECISION:
            batch.decided[index] = decide(memory, batch, index)
            continue
        if find(memory, SPANS, span_key(new)) >= 0:
            continue
        slot = memory.counters[TAKEN] % window
        if memory.counters[TAKEN] >= window:
            batch.lost[index] = _forget(memory, slot)
        parent = slot_at(memory, SPANS, find(memory, SPANS, parent_key(new)))
        _take(memory, batch, slot)
        adopt_children(memory, slot)
        join_parent(memory, slot, parent)
        inherit_down(memory, batch, slot)
        pass_summary_up(memory, batch, slot)
        compare_by_response(memory, batch, slot)
        compare_by_moment(memory, batch, slot)
