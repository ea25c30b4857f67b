"""Kernels that read what is nested in an attribute or a body: AnyValues and KeyValues as they are encoded.

The bytes come out of decoding, so nothing is checked. Encodings that no SDK writes (a field that repeats, a field
that is unknown) are read as far as it is easy and said to be odd; `decode.decode_value` reads them right.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode import Values
from spanpulse_stream.decode._kinds import ARRAY, BOOL, BYTES, DOUBLE, EMPTY, INT, KVLIST, STRING
from spanpulse_stream.decode._memory import Buffer, word_at
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
from spanpulse_stream.jit import helper

__all__ = ["ValueView", "read_any", "read_pair", "skip_field", "view_of"]


class ValueView(NamedTuple):
    """The columns of `decode.Values`, of one type, so that kernels are compiled once."""

    kind: NDArray[np.int64]
    offset: NDArray[np.int64]
    length: NDArray[np.int64]
    number: NDArray[np.int64]


def view_of(values: Values) -> ValueView:
    """Return the columns as kernels take them."""
    return ValueView(values.kind.astype(np.int64), values.offset, values.length.astype(np.int64), values.number)


@helper
def skip_field(buffer: Buffer, pos: int, end: int, wire: int) -> int:
    """Return the position behind a field whose tag was read."""
    return skip_group(buffer, pos, end) if wire == START_GROUP else skip_value(buffer, pos, end, wire)


@helper
def read_any(buffer: Buffer, pos: int, end: int) -> tuple[int, int, int, int, bool]:
    """Return (kind, offset, length, number, whether it is odd) of an encoded AnyValue; the last member counts."""
    kind, offset, length, number, fields = EMPTY, 0, 0, 0, 0
    odd = False
    while pos < end:
        tag, pos = read_tag(buffer, pos, end)
        field, wire = tag >> 3, tag & 7
        fields += 1
        if wire == LENGTH and field in (STRING, ARRAY, KVLIST, BYTES):
            size, pos = read_length(buffer, pos, end)
            kind, offset, length, number = field, pos, size, 0
            pos += size
        elif wire == VARINT and field in (BOOL, INT):
            value, pos = read_varint(buffer, pos, end, VARINT_BYTES)
            kind, offset, length, number = field, 0, 0, value
            if field == BOOL and value != 0:
                number = 1
        elif wire == FIXED64 and field == DOUBLE:
            kind, offset, length, number = field, 0, 0, word_at(buffer, pos)
            pos += 8
        else:
            odd = True
            pos = skip_field(buffer, pos, end, wire)
    return kind, offset, length, number, odd or fields > 1


@helper
def read_pair(buffer: Buffer, pos: int, end: int) -> tuple[int, int, int, int, bool]:
    """Return (offset of the key, its length, offset of the value, its length, whether it is odd) of a KeyValue."""
    key, key_length, value, value_length = pos, 0, pos, 0
    keys, values, others = 0, 0, 0
    while pos < end:
        tag, pos = read_tag(buffer, pos, end)
        field, wire = tag >> 3, tag & 7
        if wire != LENGTH or field not in (1, 2):
            others += 1
            pos = skip_field(buffer, pos, end, wire)
            continue
        size, pos = read_length(buffer, pos, end)
        if field == 1:
            key, key_length = pos, size
            keys += 1
        else:
            value, value_length = pos, size
            values += 1
        pos += size
    return key, key_length, value, value_length, keys > 1 or values > 1 or others > 0
