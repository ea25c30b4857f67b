"""Which spans of one call exclude each other without being nested: the same response id, or the same moment.

Response id: the best span of a group counts, by rank, then usage, then the smaller ids; an order that does not
depend on arrival. Moment: a span without response id does not count where the native span of the same process,
kind, model and provider starts within START_NS of it and one interval holds the other (give or take
TOLERANCE_NS); that is how a call that failed before it had an id is told apart from two. Where an SDK writes spans
of its own it does so for every call, so each of many concurrent calls has its native span, which counts. Each
lookup visits at most MOST_VISITED spans a second of traffic, so that thousands of calls in one instant take no
quadratic time.
"""

import numpy as np

from spanpulse_stream.jit import helper
from spanpulse_stream.usage._memory import (
    BUCKETS,
    CALL_IDENTIFIED,
    CALL_RANK,
    CALL_USAGE,
    GROUPS,
    STATE_COUNTED,
    STATE_LISTED,
    Batch,
    Memory,
    Number,
)
from spanpulse_stream.usage._outcome import discount
from spanpulse_stream.usage._table import bucket_key, find, group_key, is_native, put, remove, slot_at

__all__ = ["compare_by_moment", "compare_by_response", "leave_group"]

TOLERANCE_NS = 5_000_000
START_NS = 1_000_000_000  # must not exceed the width of a time bucket
MOST_VISITED = 512
RESPONSE_ID, NATIVE_SPAN = np.int64(1), np.int64(3)  # in REASONS


@helper
def _is_better(memory: Memory, one: Number, other: Number) -> bool:
    a, b = memory.rows[one], memory.rows[other]
    rank_a, rank_b = (a.call >> CALL_RANK) & 3, (b.call >> CALL_RANK) & 3
    if rank_a != rank_b:
        return bool(rank_a > rank_b)
    if a.call & CALL_USAGE != b.call & CALL_USAGE:
        return bool(a.call & CALL_USAGE)
    if a.span_id != b.span_id:
        return bool(a.span_id < b.span_id)
    if a.trace_high != b.trace_high:
        return bool(a.trace_high < b.trace_high)
    return bool(a.trace_low < b.trace_low)


@helper
def compare_by_response(memory: Memory, batch: Batch, slot: Number) -> None:
    """Hold the new call in ``slot`` against the best so far with its response id; the lesser stops to count."""
    row = memory.rows[slot]
    if not row.call & CALL_IDENTIFIED:
        return
    best = slot_at(memory, GROUPS, find(memory, GROUPS, group_key(row)))
    if best >= 0 and _is_better(memory, best, slot):
        discount(memory, batch, slot, RESPONSE_ID)
        return
    put(memory, GROUPS, group_key(row), slot)
    if best >= 0:
        discount(memory, batch, best, RESPONSE_ID)


@helper
def leave_group(memory: Memory, slot: Number) -> None:
    """Forget the response id of the span in ``slot`` if it is the best of its group."""
    row = memory.rows[slot]
    if not row.call & CALL_IDENTIFIED:
        return
    position = find(memory, GROUPS, group_key(row))
    if slot_at(memory, GROUPS, position) == slot:
        remove(memory, GROUPS, position)


@helper
def _is_same_moment(memory: Memory, one: Number, other: Number) -> bool:
    a, b = memory.rows[one], memory.rows[other]
    if a.provider not in (b.provider, np.uint32(0)) and b.provider != 0:
        return False
    if abs(a.start - b.start) > START_NS:
        return False
    holds = a.start <= b.start + TOLERANCE_NS and a.end >= b.end - TOLERANCE_NS
    is_held = b.start <= a.start + TOLERANCE_NS and b.end >= a.end - TOLERANCE_NS
    return bool(holds or is_held)


@helper
def _list(memory: Memory, slot: Number) -> None:
    row = memory.rows[slot]
    key = bucket_key(row, is_native(row), 0)
    head = slot_at(memory, BUCKETS, find(memory, BUCKETS, key))
    row.bucket_next = head
    row.bucket_previous = -1
    if head >= 0:
        memory.rows[head].bucket_previous = slot
    put(memory, BUCKETS, key, slot)
    row.state |= STATE_LISTED


@helper
def compare_by_moment(memory: Memory, batch: Batch, slot: Number) -> None:
    """Hold the new call in ``slot`` against the native spans of its moment, or the others if it is native."""
    row = memory.rows[slot]
    native = is_native(row)
    if row.call_key == 0 or not (native or row.state & STATE_COUNTED):
        return
    for seconds in range(-1, 2):
        other = slot_at(memory, BUCKETS, find(memory, BUCKETS, bucket_key(row, not native, seconds)))
        visited = 0
        while other >= 0 and visited < MOST_VISITED:
            following = np.int64(memory.rows[other].bucket_next)
            if _is_same_moment(memory, slot, other):
                discount(memory, batch, other if native else slot, NATIVE_SPAN)
                if not native:
                    return
            other = following
            visited += 1
    _list(memory, slot)
