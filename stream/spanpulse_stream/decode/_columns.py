"""What decoding yields: flat arrays over one buffer, offsets instead of objects.

`data` is the concatenation of all message bodies of a batch, read-only; every offset below points into it.
Nothing is copied or interpreted here: a string is an (offset, length), a nested value is the encoded ArrayValue or
KeyValueList as it stands in the buffer. The one exception are arrays and lists that came in several parts, which
protobuf merges: they are joined behind the last body. Guarantee: every offset/length pair lies inside `data`,
every string value and name is valid UTF-8 and every nested value can be read without checks (an owner with an
invalid one is rejected).
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
U64 = NDArray[np.uint64]


class ValueKind(IntEnum):
    """Which member of AnyValue's oneof is set; ``EMPTY`` is a value with none, or one of a member unknown here."""

    EMPTY = 0
    STRING = 1
    BOOL = 2
    INT = 3
    DOUBLE = 4
    ARRAY = 5
    KVLIST = 6
    BYTES = 7


@dataclass(frozen=True, slots=True)
class Values:
    """AnyValues, one row each.

    ``number`` holds a bool (0/1), an int, or the IEEE-754 bits of a double. ``offset``/``length`` give the bytes
    of a STRING or BYTES, and for ARRAY/KVLIST the encoded ArrayValue/KeyValueList.
    """

    kind: U8
    offset: I64
    length: I32
    number: I64


@dataclass(frozen=True, slots=True)
class Attributes:
    """Attributes of many owners: those of owner i are the rows ``start[i]:start[i + 1]``, in wire order.

    ``key`` is the index in the KeyTable the batch was decoded with, or -1. A key that repeats within one owner
    keeps all its rows; the last one wins (as a dict built from them would have it).
    """

    start: I64
    key: I32
    key_offset: I64
    key_length: I32
    value: Values


@dataclass(frozen=True, slots=True)
class Events:
    """Span events of all spans: those of span i are the rows ``start[i]:start[i + 1]``."""

    start: I64
    time: U64
    name_offset: I64
    name_length: I32
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Links:
    """Span links of all spans: those of span i are the rows ``start[i]:start[i + 1]``.

    Ids are big-endian integers, 0 where their length is wrong.
    """

    start: I64
    trace_id: U64  # (n, 2)
    span_id: U64
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Scopes:
    """InstrumentationScopes, one row per ScopeSpans/ScopeLogs."""

    name_offset: I64
    name_length: I32
    version_offset: I64
    version_length: I32
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Rejected:
    """A piece that cannot be read: a whole message (ordinal -1) or one span or log record in it."""

    message: int  # index in the batch
    ordinal: int  # index of the span or log record in its message, counted over all of them; -1 the whole message
    offset: int  # of the piece's bytes in ``data``
    length: int
    reason: str  # truncated, invalid_utf8, invalid_varint, wrong_wire_type, too_deep, too_many_attributes, ...


@dataclass(frozen=True, slots=True)
class DecodedSpans:
    """All readable spans of a batch of ExportTraceServiceRequest messages, in wire order.

    ``message``, ``ordinal``: which message, and the index in it over all spans, the rejected ones included.
    ``resource``/``scope``: row in ``resources``/``scopes``. Ids are big-endian integers, ``id_lengths`` (n, 3) the
    true lengths of trace, span and parent id in bytes (16, 8 and 8 or 0 are right; the integer is 0 otherwise).
    ``span_kind`` and ``status_code`` are 255 where the number on the wire is below 0 or above 254.
    """

    data: U8
    count: int
    messages: int
    message: I32
    ordinal: I32
    resource: I32
    scope: I32
    trace_id: U64  # (n, 2)
    span_id: U64
    parent_span_id: U64
    id_lengths: I32  # (n, 3)
    start_time: U64
    end_time: U64
    span_kind: U8
    status_code: U8
    name_offset: I64
    name_length: I32
    status_message_offset: I64
    status_message_length: I32
    trace_state_offset: I64
    trace_state_length: I32
    span_offset: I64  # the encoded Span, for dead letters
    span_length: I32
    attributes: Attributes
    events: Events
    links: Links
    resources: Attributes
    resource_message: I32
    scopes: Scopes
    rejected: list[Rejected]


@dataclass(frozen=True, slots=True)
class DecodedLogs:
    """All readable log records of a batch of ExportLogsServiceRequest messages, in wire order."""

    data: U8
    count: int
    messages: int
    message: I32
    ordinal: I32
    resource: I32
    scope: I32
    trace_id: U64  # (n, 2)
    span_id: U64
    id_lengths: I32  # (n, 2)
    time: U64
    observed_time: U64
    severity: I32
    event_name_offset: I64
    event_name_length: I32
    body: Values
    record_offset: I64  # the encoded LogRecord
    record_length: I32
    attributes: Attributes
    resources: Attributes
    resource_message: I32
    scopes: Scopes
    rejected: list[Rejected]
