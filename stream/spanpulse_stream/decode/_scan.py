"""Kernels that validate messages and note where their records, resources and scopes are.

One walk over the bytes with an explicit stack, driven by `_schema.ACTIONS`. It accepts what protobuf (upb) accepts,
within the limits, and nothing else; it interprets no value. What passed can be read again without checks.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode import _reasons as reasons
from spanpulse_stream.decode import _schema as schema
from spanpulse_stream.decode._jit import kernel
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

MAX_FRAMES: Final = 100  # submessages and groups within one another, protobuf's own limit
RECORD_FRAMES: Final = 3  # of which a record has these three around and including it

# Columns of Index.records.
MESSAGE: Final = 0
ORDINAL: Final = 1
RESOURCE_ROW: Final = 2
SCOPE_ROW: Final = 3

# Entries of Index.used.
RECORDS_USED: Final = 0
RESOURCES_USED: Final = 1
SCOPES_USED: Final = 2


class Bounds(NamedTuple):
    """`Limits` as the kernels take them."""

    attributes: int
    depth: int
    events: int
    links: int
    records: int


class Index(NamedTuple):
    """Where things are. Rows beyond the capacity of an array are counted in ``used`` but not written.

    A piece is (offset, length). The reasons are numbers of `_reasons`, one a record and one a message.
    ``totals`` counts by `_schema` counter what the accepted pieces hold.
    """

    used: NDArray[np.int64]  # (3,)
    records: NDArray[np.int64]  # (capacity, 4)
    record_pieces: NDArray[np.int64]  # (capacity, 2)
    record_reasons: NDArray[np.uint8]
    resource_pieces: NDArray[np.int64]  # (capacity, 2)
    resource_message: NDArray[np.int32]
    scope_pieces: NDArray[np.int64]  # (capacity, 2)
    message_reasons: NDArray[np.uint8]
    totals: NDArray[np.int64]


class Stack(NamedTuple):
    """The frames around the one that is being read."""

    end: NDArray[np.int64]
    kind: NDArray[np.int64]
    count: NDArray[np.int64]


@kernel
def _note_part(index: Index, child: int, message: int, pos: int, length: int) -> None:
    """Note a ResourceSpans or ScopeSpans."""
    if child == schema.RESOURCE_PART:
        row = index.used[RESOURCES_USED]
        index.used[RESOURCES_USED] = row + 1
        if row < len(index.resource_pieces):
            index.resource_pieces[row, 0] = pos
            index.resource_pieces[row, 1] = length
            index.resource_message[row] = message
    else:
        row = index.used[SCOPES_USED]
        index.used[SCOPES_USED] = row + 1
        if row < len(index.scope_pieces):
            index.scope_pieces[row, 0] = pos
            index.scope_pieces[row, 1] = length


@kernel
def _note_record(index: Index, message: int, ordinal: int, pos: int, length: int) -> None:
    """Note a span or log record of the newest resource and scope."""
    row = index.used[RECORDS_USED]
    index.used[RECORDS_USED] = row + 1
    if row < len(index.records):
        index.records[row, MESSAGE] = message
        index.records[row, ORDINAL] = ordinal
        index.records[row, RESOURCE_ROW] = index.used[RESOURCES_USED] - 1
        index.records[row, SCOPE_ROW] = index.used[SCOPES_USED] - 1
        index.record_pieces[row, 0] = pos
        index.record_pieces[row, 1] = length


@kernel
def _walk(
    data: NDArray[np.uint8],
    words: NDArray[np.uint64],
    pos: int,
    end: int,
    kind: int,
    bottom: int,
    message: int,
    bounds: Bounds,
    stack: Stack,
    totals: NDArray[np.int64],
    index: Index,
) -> int:
    """Validate the message of type ``kind`` in ``pos:end``; return OK or the reason why it cannot be read.

    ``bottom`` is the number of frames around it. ``totals`` is added to, also when it fails.
    """
    depth = bottom
    nesting = 0  # AnyValues within one another
    count = 0  # attributes of this owner; in a group, its tag
    ordinal = 0
    while True:
        while pos == end and kind != schema.GROUP:
            if depth == bottom:
                return reasons.OK
            depth -= 1
            if kind == schema.ANY_VALUE:
                nesting -= 1
            # Occurrences of a singular submessage are merged, so its owner carries the count on.
            if kind != schema.RESOURCE and kind != schema.SCOPE:
                count = stack.count[depth]
            kind = stack.kind[depth]
            end = stack.end[depth]
        if pos >= end:
            return reasons.TRUNCATED
        tag, pos = read_tag(data, pos, end)
        if pos < 0:
            return -pos
        field = tag >> 3
        if field == 0 and kind != schema.GROUP:
            return reasons.INVALID_TAG
        wire = tag & 7
        if wire == LENGTH:
            length, pos = read_length(data, pos, end)
            if pos < 0:
                return -pos
            entry = kind * FIELDS + field
            action = ACTIONS[entry] if field < FIELDS else schema.SKIP
            if action == schema.SKIP:
                pos += length
            elif action == schema.TEXT:
                if not is_utf8(data, words, pos, pos + length):
                    return reasons.INVALID_UTF8
                pos += length
            elif action == schema.RECORD:
                if ordinal == bounds.records:
                    return reasons.TOO_MANY_RECORDS
                _note_record(index, message, ordinal, pos, length)
                ordinal += 1
                pos += length
            else:
                if depth == MAX_FRAMES:
                    return reasons.TOO_DEEP
                child = action - schema.DESCEND
                if child == schema.KEY_VALUE and kind != schema.KVLIST:
                    count += 1
                    if count > bounds.attributes:
                        return reasons.TOO_MANY_ATTRIBUTES
                elif child == schema.ANY_VALUE:
                    nesting += 1
                    if nesting > bounds.depth:
                        return reasons.TOO_DEEP
                elif child <= schema.SCOPE_PART:
                    _note_part(index, child, message, pos, length)
                totals[COUNTERS[entry]] += 1
                stack.end[depth] = end
                stack.kind[depth] = kind
                stack.count[depth] = count
                if child != schema.RESOURCE and child != schema.SCOPE:
                    count = 0
                depth += 1
                kind = child
                end = pos + length
        elif wire == VARINT:
            _, pos = read_varint(data, pos, end, VARINT_BYTES)
            if pos < 0:
                return -pos
        elif wire == FIXED64:
            pos += 8
        elif wire == FIXED32:
            pos += 4
        elif wire == START_GROUP:
            if depth == MAX_FRAMES:
                return reasons.TOO_DEEP
            stack.end[depth] = end
            stack.kind[depth] = kind
            stack.count[depth] = count
            depth += 1
            kind = schema.GROUP
            count = tag
        elif wire == END_GROUP:
            if kind != schema.GROUP or tag != count + 1:
                return reasons.UNBALANCED_GROUP
            depth -= 1
            kind = stack.kind[depth]
            count = stack.count[depth]
        else:
            return reasons.WRONG_WIRE_TYPE
        if pos > end:
            return reasons.TRUNCATED


@kernel
def scan(
    data: NDArray[np.uint8],
    words: NDArray[np.uint64],
    starts: NDArray[np.int64],
    record_kind: int,
    bounds: Bounds,
    index: Index,
) -> None:
    """Validate the messages ``starts[i]:starts[i + 1]`` and fill ``index``.

    A message whose framing fails leaves no rows; a record that fails keeps its row, with the reason.
    """
    stack = Stack(np.empty(MAX_FRAMES, np.int64), np.empty(MAX_FRAMES, np.int64), np.empty(MAX_FRAMES, np.int64))
    totals = np.zeros(schema.COUNTERS_SIZE, np.int64)
    before = np.empty(3, np.int64)
    for message in range(len(starts) - 1):
        before[:] = index.used
        totals[:] = 0
        reason = _walk(
            data,
            words,
            starts[message],
            starts[message + 1],
            schema.REQUEST,
            0,
            message,
            bounds,
            stack,
            totals,
            index,
        )
        index.message_reasons[message] = reason
        if reason != reasons.OK:
            index.used[:] = before
            continue
        index.totals[:] += totals
        for row in range(before[RECORDS_USED], min(index.used[RECORDS_USED], len(index.records))):
            totals[:] = 0
            pos = index.record_pieces[row, 0]
            end = pos + index.record_pieces[row, 1]
            reason = _walk(data, words, pos, end, record_kind, RECORD_FRAMES, message, bounds, stack, totals, index)
            if reason == reasons.OK and totals[schema.EVENTS] > bounds.events:
                reason = reasons.TOO_MANY_EVENTS
            if reason == reasons.OK and totals[schema.LINKS] > bounds.links:
                reason = reasons.TOO_MANY_LINKS
            index.record_reasons[row] = reason
            if reason == reasons.OK:
                index.totals[:] += totals
