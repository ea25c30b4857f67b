"""Open addressing over the ring: four tables that map an exact key to a slot.

An entry is 32 bits of the key's hash and the slot; the key itself stays in the row, so a match is always checked
against it and no two keys are ever mixed up. Linear probing at two thirds load at most, removal by shifting back, so
there are no tombstones and a probe's length does not grow with age. The hash is seeded: who chooses ids cannot
choose where they collide.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.jit import helper
from spanpulse_stream.usage._memory import (
    CALL_EMBEDDING,
    CALL_IDENTIFIED,
    CALL_LLM,
    CALL_RANK,
    GROUPS,
    SPANS,
    WAITING,
    Key,
    Memory,
    Number,
)

__all__ = [
    "bucket_key",
    "close_gap",
    "find",
    "group_key",
    "is_call",
    "level_of",
    "parent_key",
    "put",
    "remove",
    "slot_at",
    "span_key",
    "tag_of",
]

BUCKET_NS = 1_000_000_000


@helper
def span_key(row: Any) -> Key:
    """Return the key of a span in SPANS, and of those that wait for it in WAITING."""
    return (np.int64(row.tenant), row.trace_high, row.trace_low, row.span_id)


@helper
def parent_key(row: Any) -> Key:
    """Return the key of a span's parent."""
    return (np.int64(row.tenant), row.trace_high, row.trace_low, row.parent_id)


@helper
def group_key(row: Any) -> Key:
    """Return the key of a span's response id in GROUPS."""
    return (np.int64(row.tenant), row.response_high, row.response_low, np.uint64(0))


@helper
def is_call(row: Any) -> bool:
    """Tell whether a span is a model call."""
    return bool(row.call & (CALL_LLM | CALL_EMBEDDING))


@helper
def level_of(row: Any) -> Number:
    """Return how close to the wire a call is: 0 a framework's, 1 or 2 an instrumentor's (2: with an id), 3 native."""
    rank = np.int64(row.call >> CALL_RANK) & 3
    if rank <= 1:
        return np.int64(0)
    if rank == 3:
        return np.int64(3)
    return np.int64(2 if row.call & CALL_IDENTIFIED else 1)


@helper
def bucket_key(row: Any, level: Number, seconds: int) -> Key:
    """Return the key, in BUCKETS, of the spans of a level like ``row`` that start so many seconds later."""
    second = np.uint64(row.start // BUCKET_NS + seconds)
    return (np.int64(row.tenant), row.call_key, second, np.uint64(level))


@helper
def _mix(value: np.uint64, word: np.uint64) -> np.uint64:
    value = (value ^ word) * np.uint64(0x9E3779B97F4A7C15)
    return value ^ (value >> np.uint64(29))


@helper
def tag_of(seed: np.uint64, key: Key) -> np.uint64:
    """Return 32 bits of the seeded hash of a key; the low ones say where it lives."""
    value = _mix(_mix(_mix(_mix(seed, key[1]), key[2]), key[3]), np.uint64(key[0]))
    return (value * (seed | np.uint64(1))) >> np.uint64(32)


@helper
def _is_key(memory: Memory, kind: Number, slot: Number, key: Key) -> bool:
    row = memory.rows[slot]
    if kind == SPANS:
        return bool(span_key(row) == key)
    if kind == WAITING:
        return bool(parent_key(row) == key)
    if kind == GROUPS:
        return bool(group_key(row) == key)
    return bool(bucket_key(row, level_of(row), 0) == key)


@helper
def find(memory: Memory, kind: Number, key: Key) -> Number:
    """Return the position of a key's entry in table ``kind``, or -1."""
    tables = memory.tables
    mask = tables.shape[1] - 1
    tag = tag_of(memory.seed, key)
    position: Number = int(tag) & mask
    while tables[kind, position] != 0:
        if tables[kind, position] >> np.uint64(32) == tag and _is_key(
            memory, kind, slot_at(memory, kind, position), key
        ):
            return position
        position = (position + 1) & mask
    return -1


@helper
def slot_at(memory: Memory, kind: Number, position: Number) -> Number:
    """Return the slot of the entry at ``position``; -1 for position -1."""
    if position < 0:
        return -1
    slot: np.int64 = np.int64(memory.tables[kind, position] & np.uint64(0xFFFFFFFF)) - np.int64(1)
    return slot


@helper
def put(memory: Memory, kind: Number, key: Key, slot: Number) -> None:
    """Map a key to ``slot``, in the place of what it was mapped to."""
    tables = memory.tables
    tag = tag_of(memory.seed, key)
    position = find(memory, kind, key)
    if position < 0:
        mask = tables.shape[1] - 1
        position = int(tag) & mask
        while tables[kind, position] != 0:
            position = (position + 1) & mask
    tables[kind, position] = (tag << np.uint64(32)) | np.uint64(slot + 1)


@helper
def remove(memory: Memory, kind: Number, position: Number) -> None:
    """Take the entry at ``position`` out of table ``kind``."""
    close_gap(memory.tables[kind], position)


@helper
def close_gap(table: NDArray[np.uint64], gap: Number) -> None:
    """Empty the place ``gap`` and shift back what probed past it."""
    mask = table.size - 1
    table[gap] = 0
    position = (gap + 1) & mask
    while table[position] != 0:
        home = int(table[position] >> np.uint64(32)) & mask
        # An entry may move to the gap unless its home lies after it, cyclically.
        if (position - home) & mask >= (position - gap) & mask:
            table[gap] = table[position]
            table[position] = 0
            gap = position
        position = (position + 1) & mask
