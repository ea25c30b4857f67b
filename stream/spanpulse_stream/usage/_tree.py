"""Parents and children: who wraps whom, and which context comes down.

Spans link up in whatever order they arrive. Facts travel along the links: the context goes down from the nearest
ancestor that has it, and so does a summary of the calls above; one of the calls below goes up. A span with usage
never gives way to one without, whichever is closer to the wire: its tokens would be lost. What a tool calls are other
calls, so no summary passes a tool's span. A span takes each context column once and its summaries only grow, so the
whole work is linear in the number of spans, however deep or wide a trace is and in whatever order it comes. A parent
link that closes a ring is not followed (looked for up to MOST_STEPS up, which bounds the work; a longer ring ends all
the same, but its spans may see themselves as their own ancestors).
"""

import numpy as np

from spanpulse_stream.jit import helper
from spanpulse_stream.usage._memory import (
    CALL_EMBEDDING,
    CALL_FAILED,
    CALL_IDENTIFIED,
    CALL_LLM,
    CALL_RANK,
    CALL_TOOL,
    CALL_USAGE,
    STATE_WAITING,
    WAITING,
    Batch,
    Memory,
    Number,
)
from spanpulse_stream.usage._outcome import discount, fill
from spanpulse_stream.usage._table import find, parent_key, put, remove, slot_at, span_key

__all__ = ["adopt_children", "detach", "inherit_down", "join_parent", "pass_summary_up"]

MOST_STEPS = 1024

# A summary of the calls below has two bytes for each kind. Bit r: a call of rank r or more. USAGE: one with usage;
# LOOSE: without a response id too; CLOSE: an instrumentor's or native. UNIDENTIFIED: an instrumentor's or native one
# without a response id. INSTRUMENTOR and NATIVE: one of at least that rank with usage and without an id.
BELOW_USAGE, BELOW_LOOSE, BELOW_CLOSE, BELOW_UNIDENTIFIED, BELOW_INSTRUMENTOR, BELOW_NATIVE = 16, 32, 64, 128, 256, 512
# One of the calls above has a byte for each kind. Bit r: a call with an id of rank r or more. USAGE: one with usage,
# REPEATS such a one of a framework or without an id.
ABOVE_USAGE, ABOVE_REPEATS = 16, 32
DESCENDANT, ANCESTOR = np.int64(2), np.int64(5)  # in REASONS


@helper
def _own_summary(call: Number) -> Number:
    if call & (CALL_LLM | CALL_EMBEDDING) == 0:
        return 0
    rank = (call >> CALL_RANK) & 3
    summary = (2 << rank) - 1
    if call & CALL_USAGE:
        summary |= BELOW_USAGE | (BELOW_CLOSE if rank >= 2 else 0)
        if not call & CALL_IDENTIFIED:
            summary |= BELOW_LOOSE | (BELOW_INSTRUMENTOR if rank >= 2 else 0) | (BELOW_NATIVE if rank == 3 else 0)
    if not call & CALL_IDENTIFIED and rank >= 2:
        summary |= BELOW_UNIDENTIFIED
    return summary if call & CALL_LLM else summary << 16


@helper
def _is_wrapper(call: Number, below: Number) -> bool:
    """Tell whether the calls below are the ones that a span of kind ``call`` only repeats."""
    if call & (CALL_LLM | CALL_EMBEDDING) == 0:
        return False
    if not call & CALL_LLM:
        below >>= 16
    rank = (call >> CALL_RANK) & 3
    if not call & CALL_IDENTIFIED:
        return bool(below & BELOW_USAGE or (not call & CALL_USAGE and below & (1 << rank)))
    if rank >= 2:
        return bool(below & (BELOW_INSTRUMENTOR if rank == 2 else BELOW_NATIVE))
    # The id may be the framework's own.
    return bool(below & (BELOW_LOOSE | BELOW_CLOSE) or (not call & CALL_USAGE and below & BELOW_UNIDENTIFIED))


@helper
def _news_up(call: Number, below: Number) -> Number:
    """Return what a span's parent hears of it and of the calls below."""
    return 0 if call & CALL_TOOL else below | _own_summary(call)


@helper
def _news_down(call: Number, above: Number) -> Number:
    """Return what a span's children hear of it and of the calls above."""
    if call & CALL_TOOL:
        return 0
    if call & (CALL_LLM | CALL_EMBEDDING) == 0:
        return above
    rank = (call >> CALL_RANK) & 3
    own = (2 << rank) - 1 if call & CALL_IDENTIFIED else 0
    if call & CALL_USAGE:
        own |= ABOVE_USAGE | (ABOVE_REPEATS if rank <= 1 or not call & CALL_IDENTIFIED else 0)
    return above | (own if call & CALL_LLM else own << 8)


@helper
def _is_shadow(call: Number, above: Number) -> bool:
    """Tell whether a call has nothing to tell that a call above does not tell better. A failed attempt has."""
    if call & (CALL_LLM | CALL_EMBEDDING) == 0 or call & (CALL_USAGE | CALL_FAILED):
        return False
    if not call & CALL_LLM:
        above >>= 8
    if call & CALL_IDENTIFIED:
        return bool(above & ABOVE_REPEATS)
    return bool(above & (ABOVE_USAGE | (1 << ((call >> CALL_RANK) & 3))))


@helper
def _closes_ring(memory: Memory, slot: Number, parent: Number) -> bool:
    steps = 0
    while parent >= 0 and steps < MOST_STEPS:
        if parent == slot:
            return True
        parent = memory.rows[parent].parent
        steps += 1
    return False


@helper
def _push_sibling(memory: Memory, slot: Number, head: Number) -> None:
    row = memory.rows[slot]
    row.next = head
    row.previous = -1
    if head >= 0:
        memory.rows[head].previous = slot


@helper
def adopt_children(memory: Memory, slot: Number) -> None:
    """Make the spans that waited for the one in ``slot`` its children, and sum up the calls among them."""
    row = memory.rows[slot]
    position = find(memory, WAITING, span_key(row))
    if position < 0:
        return
    child = slot_at(memory, WAITING, position)
    remove(memory, WAITING, position)
    row.child = child
    while child >= 0:
        below = memory.rows[child]
        below.parent = slot
        below.state &= 255 - STATE_WAITING
        row.below |= _news_up(below.call, below.below)
        child = below.next


@helper
def join_parent(memory: Memory, slot: Number, parent: Number) -> None:
    """Link ``slot`` to its parent's slot, or (-1) let it wait for the parent. A root stays alone."""
    row = memory.rows[slot]
    if row.parent_id in (np.uint64(0), row.span_id):
        return
    if parent >= 0:
        if row.child >= 0 and _closes_ring(memory, slot, parent):
            return
        row.parent = parent
        _push_sibling(memory, slot, np.int64(memory.rows[parent].child))
        memory.rows[parent].child = slot
        return
    _push_sibling(memory, slot, slot_at(memory, WAITING, find(memory, WAITING, parent_key(row))))
    put(memory, WAITING, parent_key(row), slot)
    row.state |= STATE_WAITING


@helper
def _inherit(memory: Memory, batch: Batch, slot: Number) -> bool:
    row, parent = memory.rows[slot], memory.rows[slot].parent
    above = row.above | _news_down(memory.rows[parent].call, memory.rows[parent].above)
    changed = bool(above != row.above)
    if changed:
        row.above = above
        if _is_shadow(row.call, above):
            discount(memory, batch, slot, ANCESTOR)
    for field in range(memory.context.shape[1]):
        value = memory.context[parent, field]
        if value != 0 and memory.context[slot, field] == 0:
            fill(memory, batch, slot, field, value)
            changed = True
    return changed


@helper
def inherit_down(memory: Memory, batch: Batch, slot: Number) -> None:
    """Let the new span in ``slot`` inherit from its parent, and all below it from it."""
    if memory.rows[slot].parent >= 0:
        _inherit(memory, batch, slot)
    node = np.int64(memory.rows[slot].child)
    while node >= 0:
        if _inherit(memory, batch, node) and memory.rows[node].child >= 0:
            node = np.int64(memory.rows[node].child)
            continue
        while memory.rows[node].next < 0:
            node = np.int64(memory.rows[node].parent)
            if node in (slot, -1):
                return
        node = np.int64(memory.rows[node].next)


@helper
def pass_summary_up(memory: Memory, batch: Batch, slot: Number) -> None:
    """Tell the ancestors of the new span in ``slot`` of the calls that came below them."""
    row = memory.rows[slot]
    if _is_wrapper(row.call, row.below):
        discount(memory, batch, slot, DESCENDANT)
    news = _news_up(row.call, row.below)
    node = np.int64(row.parent)
    while node >= 0 and (memory.rows[node].below | news) != memory.rows[node].below:
        above = memory.rows[node]
        above.below |= news
        if _is_wrapper(above.call, above.below):
            discount(memory, batch, node, DESCENDANT)
        if above.call & CALL_TOOL:
            return
        node = np.int64(above.parent)


@helper
def detach(memory: Memory, slot: Number) -> None:
    """Unlink the span in ``slot`` from its siblings, and its children from it: they stay, without a parent."""
    row = memory.rows[slot]
    if row.next >= 0:
        memory.rows[row.next].previous = row.previous
    if row.previous >= 0:
        memory.rows[row.previous].next = row.next
    elif row.parent >= 0:
        memory.rows[row.parent].child = row.next
    elif row.state & STATE_WAITING:
        if row.next >= 0:
            put(memory, WAITING, parent_key(row), np.int64(row.next))
        else:
            remove(memory, WAITING, find(memory, WAITING, parent_key(row)))
    child = row.child
    while child >= 0:
        below = memory.rows[child]
        child = below.next
        below.parent = below.next = below.previous = -1
