"""Which spans of one call exclude each other without being nested: the same response id, or the same moment.

Response id: the best span of a group counts, by rank, then usage, then the later start, the earlier end and the
smaller ids; an order that does not depend on arrival. The later start is that of the inner span: an agent's loop may
carry the sum of its calls and the id of the last one.

Moment: a span without response id does not count where one closer to the wire, of the same process, kind, model and
provider, starts within START_NS of it, and one interval holds the other (give or take TOLERANCE_NS): an
instrumentor's beside the native one, a framework's around an instrumentor's or native one. That is how streams and
calls that failed before they had an id are told apart from two. Who watches an SDK sees all of its calls, so each
of many concurrent calls has its span closer to the wire, which counts; spans of the same closeness are never held
against each other. Each lookup visits at most MOST_VISITED spans a second of traffic, so that thousands of calls in
one instant take no quadratic time.
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
from spanpulse_stream.usage._table import bucket_key, find, group_key, level_of, put, remove, slot_at

__all__ = ["compare_by_moment", "compare_by_response", "leave_group"]

TOLERANCE_NS = 5_000_000
START_NS = 1_000_000_000  # must not exceed the width of a time bucket
MOST_VISITED = 512
RESPONSE_ID, NATIVE_SPAN, SAME_MOMENT = np.int64(1), np.int64(3), np.int64(4)  # in REASONS


@helper
def _is_better(memory: Memory, one: Number, other: Number) -> bool:
    a, b = memory.rows[one], memory.rows[other]
    rank_a, rank_b = (a.call >> CALL_RANK) & 3, (b.call >> CALL_RANK) & 3
    if rank_a != rank_b:
        return bool(rank_a > rank_b)
    if a.call & CALL_USAGE != b.call & CALL_USAGE:
        return bool(a.call & CALL_USAGE)
    if a.start != b.start:
        return bool(a.start > b.start)
    if a.end != b.end:
        return bool(a.end < b.end)
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
    """Tell whether ``one`` and ``other``, which is closer to the wire, are at the same moment."""
    a, b = memory.rows[one], memory.rows[other]
    if a.provider not in (b.provider, np.uint32(0)) and b.provider != 0:
        return False
    if abs(a.start - b.start) > START_NS:
        return False
    holds = a.start <= b.start + TOLERANCE_NS and a.end >= b.end - TOLERANCE_NS
    is_held = b.start <= a.start + TOLERANCE_NS and b.end >= a.end - TOLERANCE_NS
    return bool(holds or (is_held and level_of(b) == 3))


@helper
def _list(memory: Memory, slot: Number) -> None:
    row = memory.rows[slot]
    key = bucket_key(row, level_of(row), 0)
    head = slot_at(memory, BUCKETS, find(memory, BUCKETS, key))
    row.bucket_next = head
    row.bucket_previous = -1
    if head >= 0:
        memory.rows[head].bucket_previous = slot
    put(memory, BUCKETS, key, slot)
    row.state |= STATE_LISTED


@helper
def _compare_with_level(memory: Memory, batch: Batch, slot: Number, other_level: Number) -> None:
    level = level_of(memory.rows[slot])
    reason = NATIVE_SPAN if max(level, other_level) == 3 else SAME_MOMENT
    for seconds in range(-1, 2):
        key = bucket_key(memory.rows[slot], other_level, seconds)
        other = slot_at(memory, BUCKETS, find(memory, BUCKETS, key))
        visited = 0
        while other >= 0 and visited < MOST_VISITED:
            following = np.int64(memory.rows[other].bucket_next)
            if level > other_level:
                if _is_same_moment(memory, other, slot):
                    discount(memory, batch, other, reason)
            elif _is_same_moment(memory, slot, other):
                discount(memory, batch, slot, reason)
                return
            other = following
            visited += 1


@helper
def compare_by_moment(memory: Memory, batch: Batch, slot: Number) -> None:
    """Hold the new call in ``slot`` against those of its moment that are closer to the wire or less close."""
    row = memory.rows[slot]
    level = level_of(row)
    is_framework = level == 0
    if row.call_key == 0:
        return
    if is_framework and (row.call & CALL_IDENTIFIED or not row.state & STATE_COUNTED):
        return
    for other in range(4):
        # A framework's against all others, and an instrumentor's without an id against native ones.
        if other != level and (min(level, other) == 0 or (level, other) in ((1, 3), (3, 1))):
            _compare_with_level(memory, batch, slot, np.int64(other))
    if not is_framework or row.state & STATE_COUNTED:
        _list(memory, slot)
