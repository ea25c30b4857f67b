"""Log records that were exported again: the last ``window`` content keys of a partition.

A key is a 128-bit hash of a record's content and is compared exactly, with its tenant. Two records with one
content (same time, span and body) are one.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.jit import entry, helper
from spanpulse_stream.usage._memory import Key, Number
from spanpulse_stream.usage._room import capacity_of, with_room
from spanpulse_stream.usage._table import close_gap, tag_of

__all__ = ["LogMemory", "fold_logs", "new_log_memory", "with_room_for"]

LOG_ROW = np.dtype([("key_high", "u8"), ("key_low", "u8"), ("tenant", "i4")])


class LogMemory(NamedTuple):
    """A ring of keys and the table that finds them; see Memory."""

    rows: NDArray[Any]  # (window,) of LOG_ROW
    table: NDArray[np.uint64]
    taken: NDArray[np.int64]  # (1,)
    seed: np.uint64


def new_log_memory(window: int, seed: int) -> LogMemory:
    """Return an empty memory of ``window`` log records (at least 1)."""
    rows, table = np.zeros(window, LOG_ROW), np.zeros(capacity_of(0), np.uint64)
    return LogMemory(rows, table, np.zeros(1, np.int64), np.uint64(seed | 1))


def with_room_for(memory: LogMemory, records: int) -> LogMemory:
    """Return the memory with a table that has room for so many records more."""
    held = min(int(memory.taken[0]) + records, memory.rows.size)
    return memory._replace(table=with_room(memory.table.reshape(1, -1), held)[0])


@helper
def _key_of(row: Any) -> Key:
    return (np.int64(row.tenant), row.key_high, row.key_low, np.uint64(0))


@helper
def _place(memory: LogMemory, key: Key) -> Number:
    """Return where a key's entry is, or the empty place where it belongs."""
    mask = memory.table.size - 1
    tag = tag_of(memory.seed, key)
    position = int(tag) & mask
    while memory.table[position] != 0:
        if memory.table[position] >> np.uint64(32) == tag:
            row = memory.rows[int(memory.table[position] & np.uint64(0xFFFFFFFF)) - 1]
            if _key_of(row) == key:
                return position
        position = (position + 1) & mask
    return position


@entry
def fold_logs(memory: LogMemory, tenants: NDArray[np.int32], keys: NDArray[np.uint64], keep: NDArray[np.bool_]) -> None:
    """Fold log records into the memory in log order; ``keep`` becomes True for those that are new."""
    window = memory.rows.size
    for index in range(tenants.size):
        key = (np.int64(tenants[index]), keys[index, 0], keys[index, 1], np.uint64(0))
        if memory.table[_place(memory, key)] != 0:
            continue
        slot = memory.taken[0] % window
        row = memory.rows[slot]
        if memory.taken[0] >= window:
            close_gap(memory.table, _place(memory, _key_of(row)))
        row.tenant, row.key_high, row.key_low = key[0], key[1], key[2]
        tag = tag_of(memory.seed, key)
        memory.table[_place(memory, key)] = (tag << np.uint64(32)) | np.uint64(slot + 1)
        memory.taken[0] += 1
        keep[index] = True
