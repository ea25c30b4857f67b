"""Kernels that validate messages and note where their records, resources and scopes are.

One walk over the bytes with an explicit stack, driven by `_schema.ACTIONS`. It accepts what protobuf (upb) accepts,
within the limits, and nothing else; it interprets no value. What passed can be read again without checks.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode import _reasons as reasons
from spanpulse_stream.decode import _schema as schema
from spanpulse_stream.decode._memory import Buffer, byte_at
from spanpulse_stream.decode._schema import ACTIONS, COUNTERS, FIELDS
from spanpulse_stream.decode._utf8 import is_utf8
from spanpulse_stream.decode._wire import (
    END_GROUP,
    FIXED32,
    FIXED64,
    LENGTH,
    START_GROUP,
    VARINT,
    VARINT_BYTES,
    read_length,
    read_tag,
    read_varint,
)
from spanpulse_stream.jit import kernel

MAX_FRAMES: Final = 100  # submessages and groups within one another, protobuf's own limit
RECORD_FRAMES: Final = 3  # of which a record has these three around and including it

# Tags of KeyValue's and AnyValue's fields.
KEY_TAG: Final = 0x0A
VALUE_TAG: Final = 0x12
STRING_TAG: Final = 0x0A
BOOL_TAG: Final = 0x10
INT_TAG: Final = 0x18
DOUBLE_TAG: Final = 0x21

OBJECT: Final = 0x7B  # what JSON begins with

# Columns of Found.rows.
TYPE: Final = 0  # of the piece: a message type of `_schema`
MESSAGE: Final = 1
OFFSET: Final = 2
SIZE: Final = 3

# Columns of the stack of frames around the one that is being read.
END: Final = 0
KIND: Final = 1
COUNT: Final = 2


class Bounds(NamedTuple):
    """`Limits` as the kernels take them."""

    attributes: int
    depth: int
    events: int
    links: int
    records: int


class Found(NamedTuple):
    """What a scan finds, in wire order: a row for every resource part, scope part and record.

    There are ``totals[ROWS]`` rows; those beyond the capacity are counted but not written. ``reasons`` says why a
    record cannot be read, ``message_reasons`` a message; a message of the second sort has no rows. The other
    ``totals`` count by `_schema` counter what the readable pieces hold.
    """

    rows: NDArray[np.int64]  # (capacity, 4)
    reasons: NDArray[np.uint8]  # (capacity,)
    message_reasons: NDArray[np.uint8]
    totals: NDArray[np.int64]


@kernel
def _note(rows: NDArray[np.int64], totals: NDArray[np.int64], kind: int, message: int, pos: int, length: int) -> None:
    row = totals[schema.ROWS]
    totals[schema.ROWS] = row + 1
    if row < len(rows):
        rows[row, TYPE] = kind
        rows[row, MESSAGE] = message
        rows[row, OFFSET] = pos
        rows[row, SIZE] = length


@kernel
def _is_plain_attribute(buffer: Buffer, pos: int, end: int) -> bool:
    """Tell whether ``pos:end`` is a valid KeyValue in the form all SDKs write: a key, then one scalar or string.

    False says nothing; it is what the walk takes a shortcut by, at twice its speed.
    """
    if end - pos < 4 or byte_at(buffer, pos) != KEY_TAG:
        return False
    size, pos = read_length(buffer, pos + 1, end)
    if pos < 0 or not is_utf8(buffer, pos, pos + size):
        return False
    pos += size
    if pos == end or byte_at(buffer, pos) != VALUE_TAG:
        return False
    size, pos = read_length(buffer, pos + 1, end)
    if pos < 0 or size == 0 or pos + size != end:
        return False
    tag = byte_at(buffer, pos)
    pos += 1
    if tag == STRING_TAG:
        size, pos = read_length(buffer, pos, end)
        return pos > 0 and pos + size == end and is_utf8(buffer, pos, end)
    if tag in (BOOL_TAG, INT_TAG):
        _, pos = read_varint(buffer, pos, end, VARINT_BYTES)
        return pos == end
    return tag == DOUBLE_TAG and pos + 8 == end


@kernel
def _walk(
    buffer: Buffer,
    pos: int,
    end: int,
    kind: int,
    message: int,
    bounds: Bounds,
    stack: NDArray[np.int64],
    rows: NDArray[np.int64],
    totals: NDArray[np.int64],
) -> int:
    """Validate the message of type ``kind`` in ``pos:end``; return OK or the reason why it cannot be read.

    ``totals`` is added to, also when it fails.
    """
    bottom = 0 if kind == schema.REQUEST else RECORD_FRAMES
    depth = bottom
    nesting = 0  # AnyValues within one another
    count = 0  # attributes of this owner; in a group, its tag
    noted = 0
    while True:
        while pos == end and kind != schema.GROUP:
            if depth == bottom:
                return reasons.OK
            depth -= 1
            if kind == schema.ANY_VALUE:
                nesting -= 1
            # Occurrences of a singular submessage are merged, so its owner carries the count on.
            if kind not in (schema.RESOURCE, schema.SCOPE):
                count = stack[depth, COUNT]
            kind = stack[depth, KIND]
            end = stack[depth, END]
        if pos >= end:
            return reasons.TRUNCATED
        tag, pos = read_tag(buffer, pos, end)
        if pos < 0:
            return -pos
        field = tag >> 3
        if field == 0 and kind != schema.GROUP:
            return reasons.INVALID_TAG
        wire = tag & 7
        if wire == LENGTH:
            length, pos = read_length(buffer, pos, end)
            if pos < 0:
                return -pos
            entry = kind * FIELDS + field
            action = ACTIONS[entry] if field < FIELDS else schema.SKIP
            if action == schema.SKIP:
                pos += length
            elif action == schema.TEXT:
                if not is_utf8(buffer, pos, pos + length):
                    return reasons.INVALID_UTF8
                pos += length
            elif action == schema.RECORD:
                if noted == bounds.records:
                    return reasons.TOO_MANY_RECORDS
                _note(rows, totals, schema.RECORD_PART, message, pos, length)
                noted += 1
                pos += length
            else:
                if depth == MAX_FRAMES:
                    return reasons.TOO_DEEP
                child = action - schema.DESCEND
                if child == schema.KEY_VALUE and kind != schema.KVLIST:
                    count += 1
                    if count > bounds.attributes:
                        return reasons.TOO_MANY_ATTRIBUTES
                    if _is_plain_attribute(buffer, pos, pos + length):
                        totals[COUNTERS[entry]] += 1
                        pos += length
                        continue
                elif child == schema.ANY_VALUE:
                    nesting += 1
                    if nesting > bounds.depth:
                        return reasons.TOO_DEEP
                elif child <= schema.SCOPE_PART:
                    if noted == bounds.records:
                        return reasons.TOO_MANY_RECORDS
                    noted += 1
                    _note(rows, totals, child, message, pos, length)
                totals[COUNTERS[entry]] += 1
                stack[depth, END] = end
                stack[depth, KIND] = kind
                stack[depth, COUNT] = count
                if child not in (schema.RESOURCE, schema.SCOPE):
                    count = 0
                depth += 1
                kind = child
                end = pos + length
        elif wire == VARINT:
            _, pos = read_varint(buffer, pos, end, VARINT_BYTES)
            if pos < 0:
                return -pos
        elif wire == FIXED64:
            pos += 8
        elif wire == FIXED32:
            pos += 4
        elif wire == START_GROUP:
            if depth == MAX_FRAMES:
                return reasons.TOO_DEEP
            stack[depth, END] = end
            stack[depth, KIND] = kind
            stack[depth, COUNT] = count
            depth += 1
            kind = schema.GROUP
            count = tag
        elif wire == END_GROUP:
            if kind != schema.GROUP or tag != count + 1:
                return reasons.UNBALANCED_GROUP
            depth -= 1
            kind = stack[depth, KIND]
            count = stack[depth, COUNT]
        else:
            return reasons.WRONG_WIRE_TYPE
        if pos > end:
            return reasons.TRUNCATED


@kernel
def scan(buffer: Buffer, starts: NDArray[np.int64], record_kind: int, bounds: Bounds, found: Found) -> None:
    """Validate the messages ``starts[i]:starts[i + 1]`` and fill ``found``, whose totals are zero."""
    rows, row_reasons, message_reasons, totals = found
    stack = np.empty((MAX_FRAMES, 3), np.int64)
    before = np.empty(schema.TOTALS, np.int64)
    for message in range(len(starts) - 1):
        _copy(totals, before)
        reason = _walk(
            buffer, starts[message], starts[message + 1], schema.REQUEST, message, bounds, stack, rows, totals
        )
        message_reasons[message] = reason
        if reason != reasons.OK:
            _copy(before, totals)
            continue
        for row in range(before[schema.ROWS], min(totals[schema.ROWS], len(rows))):
            if rows[row, TYPE] != schema.RECORD_PART:
                continue
            _copy(totals, before)
            pos = rows[row, OFFSET]
            end = pos + rows[row, SIZE]
            reason = _walk(buffer, pos, end, record_kind, message, bounds, stack, rows, totals)
            if reason == reasons.OK:
                reason = _excess(totals, before, bounds)
            elif end - pos > 1 and byte_at(buffer, pos) == 0 and byte_at(buffer, pos + 1) == OBJECT:
                reason = reasons.INVALID_JSON
            row_reasons[row] = reason
            if reason != reasons.OK:
                _copy(before, totals)


@kernel
def _copy(source: NDArray[np.int64], target: NDArray[np.int64]) -> None:
    for index in range(schema.TOTALS):
        target[index] = source[index]


@kernel
def _excess(totals: NDArray[np.int64], before: NDArray[np.int64], bounds: Bounds) -> int:
    """Return the reason if a record brought too many events or links, else OK."""
    if totals[schema.EVENTS] - before[schema.EVENTS] > bounds.events:
        return reasons.TOO_MANY_EVENTS
    if totals[schema.LINKS] - before[schema.LINKS] > bounds.links:
        return reasons.TOO_MANY_LINKS
    return reasons.OK
