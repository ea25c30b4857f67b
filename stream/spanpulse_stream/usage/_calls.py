"""Which spans of one call exclude each other without being nested: the same response id, or the same moment.

Response id: the best span of a group counts, by usage, then rank, then the later start, the earlier end and the
smaller ids; an order that does not depend on arrival. The later start is that of the inner span: an agent's loop may
carry the sum of its calls and the id of the last one.

Moment: two spans may be one call if they are of the same process, kind, model and provider, start within START_NS of
each other, and one interval holds the other (give or take TOLERANCE_NS): an instrumentor's beside the native one, a
framework's around an instrumentor's or native one. Streams and calls that failed before they had an id are found so.
A stream may begin after its framework's span has ended, in which only its first token is told of: of such a span the
other one must hold that moment, and gives way to it in nothing.
Of two that report the same tokens the one closer to the wire counts, of two of which one reports tokens that one. Two
that report different tokens are two calls, and spans of the same closeness are never held against each other; nor is
a framework's that has a response id. What succeeded is not what failed, but a framework may fail after its call.
Each lookup visits at most MOST_VISITED spans a second of traffic, so that thousands of calls in one instant take no
quadratic time. Not guaranteed: a call without usage beside a framework's with usage, of the same process and model,
that begins and ends around it is taken for the same, also where the framework's is another call; what only the span
that does not count knows (user, experiments, weight) is not passed on.
"""

from typing import Any

import numpy as np

from spanpulse_stream.jit import helper
from spanpulse_stream.usage._memory import (
    BUCKETS,
    CALL_FAILED,
    CALL_IDENTIFIED,
    CALL_RANK,
    CALL_USAGE,
    GROUPS,
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
    if a.call & CALL_USAGE != b.call & CALL_USAGE:
        return bool(a.call & CALL_USAGE)
    rank_a, rank_b = (a.call >> CALL_RANK) & 3, (b.call >> CALL_RANK) & 3
    if rank_a != rank_b:
        return bool(rank_a > rank_b)
    if a.start != b.start:
        return bool(a.start > b.start)
    if abs(a.end) != abs(b.end):
        return bool(abs(a.end) < abs(b.end))
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
def _outlives_its_span(row: Any) -> bool:
    """Tell whether a call is a stream whose first token came after its span had ended."""
    return bool(row.end < 0)


@helper
def _is_same_moment(memory: Memory, one: Number, other: Number) -> bool:
    """Tell whether ``one`` and ``other``, which is closer to the wire, can be one call by their intervals."""
    a, b = memory.rows[one], memory.rows[other]
    if a.provider not in (b.provider, np.uint32(0)) and b.provider != 0:
        return False
    if abs(a.start - b.start) > START_NS:
        return False
    end, other_end = abs(a.end), abs(b.end)
    starts_first = a.start <= b.start + TOLERANCE_NS
    if _outlives_its_span(a):
        return bool(starts_first and b.start <= end + TOLERANCE_NS and end <= other_end + TOLERANCE_NS)
    holds = starts_first and end >= other_end - TOLERANCE_NS
    is_held = b.start <= a.start + TOLERANCE_NS and other_end >= end - TOLERANCE_NS
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
def _settle(memory: Memory, batch: Batch, outer: Number, closer: Number, reason: Number) -> None:
    """Let one of two spans at the same moment stop to count, if they are one call; ``closer`` is closer to the wire."""
    a, b = memory.rows[outer], memory.rows[closer]
    if not a.call & CALL_USAGE:
        if a.call & CALL_FAILED or not b.call & CALL_FAILED:
            discount(memory, batch, outer, reason)
    elif b.call & CALL_USAGE:
        if a.usage == b.usage:
            discount(memory, batch, outer, reason)
    elif not b.call & CALL_FAILED and not _outlives_its_span(a):
        discount(memory, batch, closer, reason)


@helper
def _compare_with_level(memory: Memory, batch: Batch, slot: Number, other_level: Number) -> None:
    level = level_of(memory.rows[slot])
    reason = NATIVE_SPAN if max(level, other_level) == 3 else SAME_MOMENT
    for seconds in range(-1, 2):
        key = bucket_key(memory.rows[slot], other_level, seconds)
        other = slot_at(memory, BUCKETS, find(memory, BUCKETS, key))
        visited = 0
        while other >= 0 and visited < MOST_VISITED:
            outer, closer = (other, np.int64(slot)) if level > other_level else (np.int64(slot), other)
            if _is_same_moment(memory, outer, closer):
                _settle(memory, batch, outer, closer, reason)
            other = np.int64(memory.rows[other].bucket_next)
            visited += 1


@helper
def compare_by_moment(memory: Memory, batch: Batch, slot: Number) -> None:
    """Hold the new call in ``slot`` against those of its moment that are closer to the wire or less close."""
    row = memory.rows[slot]
    level = level_of(row)
    if row.call_key == 0 or (level == 0 and row.call & CALL_IDENTIFIED):
        return
    for other in range(4):
        # A framework's against all others, and an instrumentor's without an id against native ones.
        if other != level and (min(level, other) == 0 or (level, other) in ((1, 3), (3, 1))):
            _compare_with_level(memory, batch, slot, np.int64(other))
    _list(memory, slot)
