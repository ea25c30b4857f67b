"""Kernels over the attributes of all spans: which attribute wins which slot, and texts into Arrow's buffers.

Offsets and lengths come from decoding, which guarantees that they lie inside the data; nothing else is checked.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from spanpulse_stream.jit import entry, helper
from spanpulse_stream.normalise._tables import Tables

__all__ = ["Attached", "Winners", "gather", "measure", "pick", "resolve"]

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

STRING = 1  # ValueKind.STRING
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def _copy_bytes(_context: Any, _target: Any, _source: Any, _count: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        byte = cgutils.voidptr_t
        target, source = (builder.inttoptr(argument, byte) for argument in arguments[:2])
        cgutils.raw_memcpy(builder, target, source, arguments[2], 1)
        return _context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), emit


copy_bytes = cast(Callable[[int, int, int], None], intrinsic(_copy_bytes))
"""Copy ``count`` bytes from one address to another; nothing is checked."""


class Attached(NamedTuple):
    """Attributes of spans: span i has the rows ``first[i]:last[i]``; rows of later spans are higher."""

    first: I64
    last: I64
    dialect: I32  # of each span
    key: I32
    key_offset: I64
    key_length: I32
    kind: U8
    length: I32


class Winners(NamedTuple):
    """What is found. ``recent`` and ``table`` are room to work in: rows by key, and by hash of an unknown key."""

    winner: I32  # [slot, span]: row of the attribute, -1: none
    repeated: NDArray[np.bool_]  # of each attribute: another one of the span says the same, and better
    family: U8  # of each attribute
    families: NDArray[np.uint32]  # of each span: bit f is set if it has an attribute of family f
    recent: I32
    table: I32


@helper
def _same(data: U8, one: int, other: int, length: int) -> bool:
    place = 0
    while place < length and data[one + place] == data[other + place]:
        place += 1
    return place == length


@helper
def _hash(data: U8, offset: int, length: int) -> int:
    value = np.uint64(length)
    for place in range(offset, offset + length):
        value = (value ^ np.uint64(data[place])) * MULTIPLIER
    return int(value >> np.uint64(33))


@helper
def _note(data: U8, spans: Attached, out: Winners, first: int, index: int) -> None:
    """Mark the earlier attribute of the span that has the same key, if there is one."""
    key = spans.key[index]
    if key >= 0:
        if out.recent[key] >= first:
            out.repeated[out.recent[key]] = True
        out.recent[key] = index
        return
    mask = len(out.table) - 1
    place = _hash(data, spans.key_offset[index], spans.key_length[index]) & mask
    # What earlier spans left in the table is as good as free.
    while out.table[place] >= first:
        other = out.table[place]
        if spans.key_length[other] == spans.key_length[index] and _same(
            data, spans.key_offset[other], spans.key_offset[index], spans.key_length[index]
        ):
            out.repeated[other] = True
            break
        place = (place + 1) & mask
    out.table[place] = index


@helper
def _family(data: U8, offset: int, length: int, tables: Tables) -> int:
    """Return the family of a key by its start; the start alone is no such key."""
    for index in range(len(tables.prefix_start) - 1):
        start = tables.prefix_start[index]
        size = tables.prefix_start[index + 1] - start
        if size >= length:
            continue
        place = 0
        while place < size and data[offset + place] == tables.prefix_bytes[start + place]:
            place += 1
        if place == size:
            return int(tables.prefix_family[index])
    return 0


@helper
def _compete(spans: Attached, tables: Tables, out: Winners, row: int, index: int) -> None:
    """Let the attribute take its slot if it may and is better than the one that has it."""
    dialect, key = spans.dialect[row], spans.key[index]
    slot = tables.slots[dialect, key]
    kind = spans.kind[index]
    if slot < 0 or not tables.accepted[slot, kind] or (kind == STRING and spans.length[index] == 0):
        return
    holder = out.winner[slot, row]
    wins = holder < 0 or tables.preference[dialect, spans.key[holder]] < tables.preference[dialect, key]
    if wins:
        out.winner[slot, row] = index
    if holder >= 0 and tables.content[slot]:
        out.repeated[holder if wins else index] = True


@entry
def resolve(data: U8, spans: Attached, tables: Tables, out: Winners) -> None:
    """Fill ``out``: of equal keys the last counts, as in a dict; of the attributes of a slot the best known key.

    Where a slot holds what was said, the others of a span are taken for the same said again.
    """
    for row in range(len(spans.first)):
        first, last = spans.first[row], spans.last[row]
        for index in range(first, last):
            _note(data, spans, out, first, index)
        for index in range(first, last):
            if out.repeated[index]:
                continue
            if spans.key[index] >= 0:
                _compete(spans, tables, out, row, index)
                continue
            family = _family(data, spans.key_offset[index], spans.key_length[index], tables)
            if family != 0:
                out.family[index] = family
                out.families[row] |= np.uint32(1) << np.uint32(family)


@entry
def pick(index: I32, kind: U8, offset: I64, length: I32, out_offset: I64, out_length: I32) -> int:
    """Put where the texts of the attributes ``index`` lie into ``out``; return how many are no texts.

    An index of -1 is none: its length is -1.
    """
    others = 0
    for row in range(len(index)):
        at = index[row]
        if at < 0:
            out_offset[row], out_length[row] = 0, -1
            continue
        out_offset[row], out_length[row] = offset[at], length[at]
        others += kind[at] != STRING
    return others


@entry
def measure(length: I32, start: I32, valid: U8) -> tuple[int, int]:
    """Fill in where texts of these lengths start in a row, and Arrow's bitmap of those that are there (0 or more).

    Returns how long they are together and how many are not there. ``valid`` is zero before.
    """
    total, absent = 0, 0
    for row in range(len(length)):
        start[row] = total
        if length[row] < 0:
            absent += 1
        else:
            total += length[row]
            valid[row >> 3] |= np.uint8(1 << (row & 7))
    start[len(length)] = total
    return total, absent


@entry
def gather(data: int, more: int, split: int, offset: I64, start: I32, out: int) -> None:
    """Copy text i to ``out + start[i]``: from ``data + offset[i]``, or behind ``split`` from ``more``.

    ``data``, ``more`` and ``out`` are addresses; the texts are ``start[i + 1] - start[i]`` bytes long.
    """
    for row in range(len(offset)):
        place = offset[row]
        source = data + place if place < split else more + place - split
        copy_bytes(out + start[row], source, start[row + 1] - start[row])
