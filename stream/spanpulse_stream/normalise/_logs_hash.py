"""Kernels that hash what was decoded: 128 bits that tell contents apart, whatever the order on the wire.

Attributes are flattened to pairs of a path and a value, lists of pairs by key and arrays by position, and the hashes
of all pairs are added up; the other fields of a log record count by number. So an export that was written again
with another order has the same hash. Where one key stands twice in a list all its values count, but not which was
last. Two contents meet with odds of 2**-128 as long as nobody sets out to make them; who does harms only records of
their own tenant. The hashes are stored, so they never change.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode._kinds import ARRAY, BYTES, KVLIST, STRING
from spanpulse_stream.decode._memory import Buffer, byte_at
from spanpulse_stream.decode._wire import LENGTH, VARINT, VARINT_BYTES, read_length, read_tag, read_varint
from spanpulse_stream.jit import entry, helper
from spanpulse_stream.normalise._logs_mix import SEED, Hash, finish, hash_bytes, mix, mix_hash
from spanpulse_stream.normalise._logs_wire import ValueView, read_any, read_pair, skip_field

__all__ = ["FIELDS", "FRAMES", "PairView", "hash_pairs", "hash_records"]

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]

FIELDS: Final = 16
"""Fields of a log record that are told apart by number; others count in wire order."""
FRAMES: Final = (64, 5)
"""The lists that may be open at once, deeper than decoding lets through: position, end, items so far, path."""
_BODY: Final = 5
_ATTRIBUTES: Final = 6


class PairView(NamedTuple):
    """The columns of `decode.Attributes`, without the known keys."""

    start: I64
    key_offset: I64
    key_length: I64
    value: ValueView


@helper
def _leaf(buffer: Buffer, kind: int, offset: int, length: int, number: int, path: Hash) -> Hash:
    """Hash a value at its path; of an array or a list only that it is there."""
    state = mix(path, np.uint64(kind))
    if kind in (STRING, BYTES):
        return finish(hash_bytes(buffer, offset, length, state))
    return finish(mix(state, np.uint64(number)))


@helper
def _open(frames: I64, depth: int, offset: int, length: int, path: Hash) -> int:
    """Open a list; return how many are open."""
    frames[depth, 0], frames[depth, 1], frames[depth, 2] = offset, offset + length, 0
    frames[depth, 3], frames[depth, 4] = np.int64(path[0]), np.int64(path[1])
    return depth + 1


@helper
def _item(buffer: Buffer, frame: I64, pos: int, length: int, kind: int) -> tuple[Hash, int, int, bool]:
    """Return (path, offset of the value, its length, whether it is odd) of an item of the open list."""
    path = (np.uint64(frame[3]), np.uint64(frame[4]))
    if kind == ARRAY:
        frame[2] += 1
        return mix(path, np.uint64(frame[2])), pos, length, False
    key, key_length, value, value_length, odd = read_pair(buffer, pos, pos + length)
    return hash_bytes(buffer, key, key_length, path), value, value_length, odd


@helper
def _value(buffer: Buffer, values: ValueView, row: int, path: Hash, frames: I64) -> Hash:
    """Return the sum of the hashes of a value and of all that is nested in it."""
    kind, offset, length = values.kind[row], values.offset[row], values.length[row]
    high, low = _leaf(buffer, kind, offset, length, values.number[row], path)
    kinds = 0  # of the open lists, a bit each: 1 is a list of pairs
    depth = 0
    if kind in (ARRAY, KVLIST):
        kinds = 1 if kind == KVLIST else 0
        depth = _open(frames, depth, offset, length, path)
    while depth > 0:
        frame = frames[depth - 1]
        pos, end = frame[0], frame[1]
        if pos == end:
            depth -= 1
            kinds >>= 1
            continue
        tag, pos = read_tag(buffer, pos, end)
        if tag >> 3 != 1 or tag & 7 != LENGTH:
            frame[0] = skip_field(buffer, pos, end, tag & 7)
            continue
        size, pos = read_length(buffer, pos, end)
        frame[0] = pos + size
        inner_path, start, room, odd = _item(buffer, frame, pos, size, KVLIST if kinds & 1 else ARRAY)
        inner, first, count, number, also_odd = read_any(buffer, start, start + room)
        one, two = _leaf(buffer, inner, first, count, number, inner_path)
        high, low = high + one, low + two
        if odd or also_odd or depth == len(frames):  # what it would merge to is told apart by its bytes
            one, two = finish(hash_bytes(buffer, pos, size, inner_path))
            high, low = high + one, low + two
        if inner in (ARRAY, KVLIST) and depth < len(frames):
            kinds = kinds << 1 | (1 if inner == KVLIST else 0)
            depth = _open(frames, depth, first, count, inner_path)
    return high, low


@entry
def hash_pairs(buffer: Buffer, table: PairView, frames: I64, out: U64) -> None:
    """Write to ``out`` (n, 2) the hash of each owner's attributes; ``frames`` (`FRAMES`) is room to work in."""
    for owner in range(len(table.start) - 1):
        high, low = SEED
        for row in range(table.start[owner], table.start[owner + 1]):
            path = hash_bytes(buffer, table.key_offset[row], table.key_length[row], SEED)
            one, two = _value(buffer, table.value, row, path, frames)
            high, low = high + one, low + two
        out[owner, 0], out[owner, 1] = high, low


@helper
def _is_default(buffer: Buffer, pos: int, end: int, wire: int) -> bool:
    """Tell whether a field says no more than its absence: a number that is zero, an empty text."""
    if wire == LENGTH:
        return pos == end
    bits = 0
    for index in range(pos, end):
        bits |= byte_at(buffer, index)
    return bits & (0x7F if wire == VARINT else 0xFF) == 0


@entry
def hash_records(buffer: Buffer, offset: I64, length: I64, parts: U64, fields: U64, out: U64) -> None:
    """Write to ``out`` (n, 2) one hash of each encoded LogRecord and its ``parts`` (n, k).

    Of the record itself body and attributes are left out. A field that is given as zero or empty counts as absent,
    as protobuf has it. ``fields`` (FIELDS, 2) is room to work in.
    """
    for row in range(len(offset)):
        fields[:] = np.uint64(0)
        pos, end = offset[row], offset[row] + length[row]
        state = SEED
        for part in range(parts.shape[1]):
            state = mix(state, parts[row, part])
        while pos < end:
            tag, pos = read_tag(buffer, pos, end)
            field, wire, start = tag >> 3, tag & 7, pos
            if wire == LENGTH:
                size, start = read_length(buffer, pos, end)
                pos = start + size
            else:
                pos = skip_field(buffer, pos, end, wire)
            if field in (_BODY, _ATTRIBUTES):
                continue
            found = (np.uint64(0), np.uint64(0))
            if not _is_default(buffer, start, pos, wire):
                found = hash_bytes(buffer, start, pos - start, SEED)
                if wire == VARINT:  # which may be longer than it needs to be
                    found = mix(SEED, np.uint64(read_varint(buffer, start, pos, VARINT_BYTES)[0]))
            if field < FIELDS:
                fields[field, 0], fields[field, 1] = found
            else:
                state = mix_hash(mix(state, np.uint64(tag)), found)
        for field in range(FIELDS):
            state = mix_hash(state, (fields[field, 0], fields[field, 1]))
        out[row, 0], out[row, 1] = finish(state)
