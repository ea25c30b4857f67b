"""Kernels that read validated messages into columns: no checks, no objects, one pass over the bytes of each.

`extract` is driven by `_schema.OPS`: scalars go to a matrix of columns, repeated submessages to child lists of
(offset, length). `read_attributes` reads KeyValues, the only messages that are many.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode import _schema as schema
from spanpulse_stream.decode._keys import KeyView, find_key
from spanpulse_stream.decode._kinds import ARRAY, BOOL, BYTES, DOUBLE, EMPTY, INT, KVLIST, STRING
from spanpulse_stream.decode._memory import Buffer, big_endian_at, byte_at, word_at
from spanpulse_stream.decode._schema import FIELDS, OPS, SLOTS
from spanpulse_stream.decode._wire import (
    FIXED64,
    LENGTH,
    START_GROUP,
    VARINT,
    VARINT_BYTES,
    read_length,
    read_tag,
    read_varint,
    skip_group,
    skip_value,
)
from spanpulse_stream.jit import kernel

STRING_INDEX: Final = 8  # the member string_value_strindex, which has no text here: read as EMPTY


class Children(NamedTuple):
    """The submessages of n owners in three lists: list c of owner i is ``pieces_c[starts[c, i]:starts[c, i + 1]]``."""

    starts: NDArray[np.int64]  # (3, n + 1)
    first: NDArray[np.int64]  # (m, 2)
    second: NDArray[np.int64]
    third: NDArray[np.int64]


class AttributeArrays(NamedTuple):
    """Columns of attributes, as `_columns.Attributes` and `_columns.Values` have them."""

    key: NDArray[np.int32]
    key_offset: NDArray[np.int64]
    key_length: NDArray[np.int32]
    kind: NDArray[np.uint8]
    offset: NDArray[np.int64]
    length: NDArray[np.int32]
    number: NDArray[np.int64]


@kernel
def _put(pieces: NDArray[np.int64], row: int, pos: int, length: int) -> int:
    pieces[row, 0] = pos
    pieces[row, 1] = length
    return row + 1


@kernel
def _put_id(buffer: Buffer, columns: NDArray[np.int64], row: int, slot: int, size: int, pos: int, length: int) -> None:
    """Write an id's length and, where it is ``size`` (8 or 16), its big-endian words; zeros otherwise."""
    columns[row, slot] = length
    for index in range(size >> 3):
        right = length == size
        columns[row, slot + 1 + index] = big_endian_at(buffer, pos + 8 * index) if right else 0


@kernel
def extract(
    buffer: Buffer,
    pieces: NDArray[np.int64],
    outer_kind: int,
    columns: NDArray[np.int64],
    children: Children,
) -> None:
    """Read the messages ``pieces`` (n, 2) of one type into ``columns`` (n, m; zeroed) and ``children``."""
    starts, first, second, third = children
    a, b, c = 0, 0, 0
    for row in range(len(pieces)):
        pos = pieces[row, 0]
        outer_end = pos + pieces[row, 1]
        end = outer_end
        kind = outer_kind
        while True:
            if pos == end:
                if pos == outer_end and kind == outer_kind:
                    break
                end = outer_end
                kind = outer_kind
                continue
            tag, pos = read_tag(buffer, pos, end)
            field = tag >> 3
            wire = tag & 7
            op = OPS[kind * FIELDS + field] if field < FIELDS else schema.IGNORE
            if wire == START_GROUP:
                pos = skip_group(buffer, pos, end)
                continue
            if op == schema.IGNORE:
                pos = skip_value(buffer, pos, end, wire)
                continue
            slot = int(SLOTS[kind * FIELDS + field])
            if wire == LENGTH and op >= schema.BYTES:
                length, pos = read_length(buffer, pos, end)
                if op == schema.INLINE:
                    kind = slot
                    end = pos + length
                    continue
                if op == schema.BYTES:
                    columns[row, slot] = pos
                    columns[row, slot + 1] = length
                elif op == schema.ID8:
                    _put_id(buffer, columns, row, slot, 8, pos, length)
                elif op == schema.ID16:
                    _put_id(buffer, columns, row, slot, 16, pos, length)
                elif slot == 0:
                    a = _put(first, a, pos, length)
                elif slot == 1:
                    b = _put(second, b, pos, length)
                else:
                    c = _put(third, c, pos, length)
                pos += length
            elif wire == VARINT and op == schema.NUMBER:
                columns[row, slot], pos = read_varint(buffer, pos, end, VARINT_BYTES)
            elif wire == FIXED64 and op == schema.FIXED:
                columns[row, slot] = word_at(buffer, pos)
                pos += 8
            else:
                pos = skip_value(buffer, pos, end, wire)
        starts[0, row + 1] = a
        starts[1, row + 1] = b
        starts[2, row + 1] = c


@kernel
def _append(buffer: Buffer, pos: int, length: int, joined: NDArray[np.uint8], used: int) -> int:
    """Copy bytes behind the first ``used`` of ``joined`` if they fit; return the new size, which may not fit."""
    if used + length <= len(joined):
        for index in range(length):
            joined[used + index] = byte_at(buffer, pos + index)
    return used + length


@kernel
def read_attributes(
    buffer: Buffer,
    pieces: NDArray[np.int64],
    key_field: int,
    value_field: int,
    keys: KeyView,
    out: AttributeArrays,
    joined: NDArray[np.uint8],
    base: int,
) -> int:
    """Read the KeyValues ``pieces`` (n, 2) into ``out``; return how many bytes of ``joined`` it needs.

    The key is string field ``key_field`` (0: there is none), the value is AnyValue field ``value_field``; so log
    records with their bodies can be read as well. An array or list that came in several parts, which protobuf
    merges, is joined in ``joined``, whose first byte has offset ``base``. If it needs more than there is room
    for, what was read is void: call again with more.
    """
    out_key, out_key_offset, out_key_length, out_kind, out_offset, out_length, out_number = out
    used = 0
    for row in range(len(pieces)):
        pos = pieces[row, 0]
        outer_end = pos + pieces[row, 1]
        end = outer_end
        inside = False  # of the AnyValue
        key_offset, key_length = 0, 0
        kind, offset, size, number = EMPTY, 0, 0, 0
        while True:
            if pos == end:
                if not inside:
                    break
                inside = False
                end = outer_end
                continue
            tag, pos = read_tag(buffer, pos, end)
            field = tag >> 3
            wire = tag & 7
            if wire == START_GROUP:
                pos = skip_group(buffer, pos, end)
            elif wire == LENGTH:
                length, pos = read_length(buffer, pos, end)
                if not inside:
                    if field == value_field:
                        inside = True
                        end = pos + length
                        continue
                    if field == key_field:
                        key_offset, key_length = pos, length
                elif field in (ARRAY, KVLIST) and field == kind:
                    if offset < base:
                        first = used
                        used = _append(buffer, offset, size, joined, used)
                        offset = base + first
                    used = _append(buffer, pos, length, joined, used)
                    size += length
                elif field in (STRING, ARRAY, KVLIST, BYTES):
                    kind, offset, size, number = field, pos, length, 0
                pos += length
            elif inside and wire == VARINT and field in (BOOL, INT, STRING_INDEX):
                number, pos = read_varint(buffer, pos, end, VARINT_BYTES)
                kind, offset, size = field, 0, 0
                if field == BOOL:
                    number = 1 if number != 0 else 0
                elif field == STRING_INDEX:
                    kind, number = EMPTY, 0
            elif inside and wire == FIXED64 and field == DOUBLE:
                kind, offset, size, number = field, 0, 0, word_at(buffer, pos)
                pos += 8
            else:
                pos = skip_value(buffer, pos, end, wire)
        if key_field != 0:
            out_key[row] = find_key(buffer, key_offset, key_length, keys)
            out_key_offset[row] = key_offset
            out_key_length[row] = key_length
        out_kind[row] = kind
        out_offset[row] = offset
        out_length[row] = size
        out_number[row] = number
    return used
