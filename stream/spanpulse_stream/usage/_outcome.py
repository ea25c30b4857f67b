"""Where a decision about a span goes: into the batch while the span is part of it, else into a correction.

Every decision is final and is made at most once for a span and column (a span stops to count once and is dropped once;
a context column is filled once), so a correction is never repeated and always changes something.
"""

import numpy as np

from spanpulse_stream.jit import helper
from spanpulse_stream.usage._memory import (
    BUCKETS,
    CORRECTIONS,
    CURRENT,
    FIRST_OF_BATCH,
    STATE_COUNTED,
    STATE_DROPPED,
    STATE_LISTED,
    TAKEN,
    Batch,
    Memory,
    Number,
)
from spanpulse_stream.usage._table import bucket_key, find, is_call, level_of, put, remove

__all__ = ["discount", "drop", "fill", "unlist"]

CONTEXT = np.int64(0)  # in REASONS


@helper
def _row_of_batch(memory: Memory, batch: Batch, slot: Number) -> Number:
    """Return the row of the batch that ``slot`` holds, or -1 when it came earlier."""
    newest = memory.counters[TAKEN] - 1
    age = (newest - slot) % memory.rows.size
    place = newest - age - memory.counters[FIRST_OF_BATCH]
    return np.int64(batch.origin[place]) if place >= 0 else np.int64(-1)


@helper
def _correction(memory: Memory, slot: Number, reason: Number) -> Number:
    """Return the batch's correction of the span in ``slot``, begun if there is none yet."""
    row = memory.rows[slot]
    number = np.int64(row.correction)
    if 0 <= number < memory.counters[CORRECTIONS]:
        begun = memory.corrections[number]
        if begun.slot == slot and begun.log_offset == row.log_offset and begun.ordinal == row.ordinal:
            begun.cause = memory.counters[CURRENT]
            begun.reason = max(begun.reason, reason)
            return number
    number = np.int64(memory.counters[CORRECTIONS])
    memory.counters[CORRECTIONS] += 1
    row.correction = number
    for field in range(memory.corrected.shape[1]):
        memory.corrected[number, field] = 0
    new = memory.corrections[number]
    new.slot, new.ordinal, new.log_offset, new.received_at = slot, row.ordinal, row.log_offset, row.received_at
    new.trace_high, new.trace_low, new.span_id, new.tenant = row.trace_high, row.trace_low, row.span_id, row.tenant
    new.cause, new.reason, new.discounted, new.dropped = memory.counters[CURRENT], reason, 0, 0
    return number


@helper
def unlist(memory: Memory, slot: Number) -> None:
    """Take the span in ``slot`` off the list of calls of its second, if it stands on one."""
    row = memory.rows[slot]
    if not row.state & STATE_LISTED:
        return
    row.state &= 255 - STATE_LISTED
    if row.bucket_next >= 0:
        memory.rows[row.bucket_next].bucket_previous = row.bucket_previous
    if row.bucket_previous >= 0:
        memory.rows[row.bucket_previous].bucket_next = row.bucket_next
        return
    key = bucket_key(row, level_of(row), 0)
    if row.bucket_next >= 0:
        put(memory, BUCKETS, key, np.int64(row.bucket_next))
    else:
        remove(memory, BUCKETS, find(memory, BUCKETS, key))


@helper
def discount(memory: Memory, batch: Batch, slot: Number, reason: Number) -> None:
    """Let the span in ``slot`` no longer count."""
    row = memory.rows[slot]
    if not row.state & STATE_COUNTED:
        return
    row.state &= 255 - STATE_COUNTED
    place = _row_of_batch(memory, batch, slot)
    if place >= 0:
        batch.counted[place] = False
    else:
        memory.corrections[_correction(memory, slot, reason)].discounted = 1


@helper
def drop(memory: Memory, batch: Batch, slot: Number, reason: Number) -> None:
    """Let the span in ``slot`` be one that is stored elsewhere."""
    row = memory.rows[slot]
    if row.state & STATE_DROPPED:
        return
    row.state |= STATE_DROPPED
    place = _row_of_batch(memory, batch, slot)
    if place >= 0:
        batch.dropped[place] = True
    else:
        memory.corrections[_correction(memory, slot, reason)].dropped = 1


@helper
def fill(memory: Memory, batch: Batch, slot: Number, field: Number, value: Number) -> None:
    """Give the span in ``slot`` an inherited context value; only calls tell of it."""
    memory.context[slot, field] = value
    if not is_call(memory.rows[slot]):
        return
    place = _row_of_batch(memory, batch, slot)
    if place >= 0:
        batch.context[place, field] = value
    else:
        memory.corrected[_correction(memory, slot, CONTEXT), field] = value
