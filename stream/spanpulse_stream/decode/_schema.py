"""The OTLP messages as tables: what a kernel does with field f of message type t.

Two tables come from one declaration. `ACTIONS` says how a field is validated (skip, text, record, submessage),
`OPS`/`SLOTS` say where its value goes. The index is ``t * FIELDS + f``; fields that are not declared are skipped, as
are fields that arrive with another wire type than theirs, which is what protobuf does. Traces and logs share
the framing: field numbers of ResourceSpans/ResourceLogs and ScopeSpans/ScopeLogs are the same.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

FIELDS: Final = 32

# Message types.
REQUEST: Final = 0
RESOURCE_PART: Final = 1  # ResourceSpans, ResourceLogs
SCOPE_PART: Final = 2  # ScopeSpans, ScopeLogs
RESOURCE: Final = 3
ENTITY_REF: Final = 4
SCOPE: Final = 5
SPAN: Final = 6
EVENT: Final = 7
LINK: Final = 8
STATUS: Final = 9
LOG_RECORD: Final = 10
KEY_VALUE: Final = 11
ANY_VALUE: Final = 12
ARRAY: Final = 13
KVLIST: Final = 14
GROUP: Final = 15  # an unknown group: every field in it is skipped
TYPES: Final = 16
RECORD_PART: Final = 16  # a span or log record that is noted and not entered

# Actions of validation; DESCEND + t enters a submessage of type t.
SKIP: Final = 0
TEXT: Final = 1
RECORD: Final = 2
DESCEND: Final = 8

# Operations of extraction.
IGNORE: Final = 0
NUMBER: Final = 1  # varint: one column
FIXED: Final = 2  # fixed64: one column
BYTES: Final = 3  # two columns: offset, length
ID8: Final = 4  # two columns: length, value
ID16: Final = 5  # three columns: length, high, low
CHILD: Final = 6  # repeated submessage: the slot is the number of the child list
INLINE: Final = 7  # singular submessage, read in place: the slot is its type

# Counters of what a scan finds.
UNCOUNTED: Final = 0
RECORD_ATTRIBUTES: Final = 1
EVENTS: Final = 2
EVENT_ATTRIBUTES: Final = 3
LINKS: Final = 4
LINK_ATTRIBUTES: Final = 5
RESOURCE_ATTRIBUTES: Final = 6
SCOPE_ATTRIBUTES: Final = 7
ROWS: Final = 8
TOTALS: Final = 9


class _Field(NamedTuple):
    action: int = SKIP
    op: int = IGNORE
    slot: int = 0
    counter: int = UNCOUNTED


def _text(slot: int = -1) -> _Field:
    return _Field(TEXT) if slot < 0 else _Field(TEXT, BYTES, slot)


def _children(kind: int, counter: int, child: int = 0) -> _Field:
    return _Field(DESCEND + kind, CHILD, child, counter)


def _inline(kind: int) -> _Field:
    return _Field(DESCEND + kind, INLINE, kind)


def _value(op: int, slot: int) -> _Field:
    return _Field(SKIP, op, slot)


def _enter(kind: int) -> _Field:
    return _Field(DESCEND + kind)


# Columns of an extracted span, event, link, log record and scope.
SPAN_COLUMNS: Final = 17
EVENT_COLUMNS: Final = 3
LINK_COLUMNS: Final = 5
LOG_COLUMNS: Final = 10
SCOPE_COLUMNS: Final = 4

_MESSAGES: Final[dict[int, dict[int, _Field]]] = {
    REQUEST: {1: _enter(RESOURCE_PART)},
    RESOURCE_PART: {1: _inline(RESOURCE), 2: _enter(SCOPE_PART), 3: _text()},
    SCOPE_PART: {1: _inline(SCOPE), 2: _Field(RECORD), 3: _text()},
    RESOURCE: {1: _children(KEY_VALUE, RESOURCE_ATTRIBUTES), 3: _enter(ENTITY_REF)},
    ENTITY_REF: {1: _text(), 2: _text(), 3: _text(), 4: _text()},
    SCOPE: {1: _text(0), 2: _text(2), 3: _children(KEY_VALUE, SCOPE_ATTRIBUTES)},
    SPAN: {
        1: _value(ID16, 0),
        2: _value(ID8, 3),
        3: _text(9),
        4: _value(ID8, 5),
        5: _text(7),
        6: _value(NUMBER, 11),
        7: _value(FIXED, 12),
        8: _value(FIXED, 13),
        9: _children(KEY_VALUE, RECORD_ATTRIBUTES),
        11: _children(EVENT, EVENTS, 1),
        13: _children(LINK, LINKS, 2),
        15: _inline(STATUS),
    },
    STATUS: {2: _text(14), 3: _value(NUMBER, 16)},
    EVENT: {1: _value(FIXED, 0), 2: _text(1), 3: _children(KEY_VALUE, EVENT_ATTRIBUTES)},
    LINK: {
        1: _value(ID16, 0),
        2: _value(ID8, 3),
        3: _text(),
        4: _children(KEY_VALUE, LINK_ATTRIBUTES),
    },
    LOG_RECORD: {
        1: _value(FIXED, 5),
        2: _value(NUMBER, 7),
        3: _text(),
        5: _enter(ANY_VALUE),
        6: _children(KEY_VALUE, RECORD_ATTRIBUTES),
        9: _value(ID16, 0),
        10: _value(ID8, 3),
        11: _value(FIXED, 6),
        12: _text(8),
    },
    KEY_VALUE: {1: _text(), 2: _enter(ANY_VALUE)},
    ANY_VALUE: {1: _text(), 5: _enter(ARRAY), 6: _enter(KVLIST)},
    ARRAY: {1: _enter(ANY_VALUE)},
    KVLIST: {1: _enter(KEY_VALUE)},
}


def _table(member: str) -> NDArray[np.int64]:
    table = np.zeros(TYPES * FIELDS, np.int64)
    for kind, fields in _MESSAGES.items():
        for number, field in fields.items():
            table[kind * FIELDS + number] = getattr(field, member)
    return table


ACTIONS: Final = _table("action")
OPS: Final = _table("op")
SLOTS: Final = _table("slot")
COUNTERS: Final = _table("counter")
