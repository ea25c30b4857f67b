"""The messages in log records: of each record those that went in and those that came out, as JSON.

What cannot be read as messages becomes the text of one; nothing is raised for it.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import TextColumns, Words
from spanpulse_stream.decode import DecodedLogs
from spanpulse_stream.json_text import json_bytes
from spanpulse_stream.normalise._logs_events import Event, Form, events_of, forms_of
from spanpulse_stream.normalise._logs_keys import SLOT_KEYS, LogSlot
from spanpulse_stream.normalise._logs_slots import Slots
from spanpulse_stream.normalise._logs_wire import view_of
from spanpulse_stream.normalise._texts_fold import fold_choice, fold_input, fold_message, fold_output
from spanpulse_stream.normalise._texts_read import Raw, object_of, read_raw

__all__ = ["find_texts"]

I64 = NDArray[np.int64]

CONTENT: Final = [LogSlot(slot) for slot in range(LogSlot.INPUT_MESSAGES, LogSlot.EVENT_CONTENT + 1)]
DIRECTIONS: Final = ["input", "output"]
EMPTY: Final = frozenset({None, "", b"{}", b"[]"})


class _Content(NamedTuple):
    """What a record holds; the fields behind the body are the slots of `CONTENT`."""

    body: Raw
    input: Raw
    output: Raw
    instructions: Raw
    event: Raw

    def with_body(self) -> "_Content":
        """Return the content with what only the body has, under the names of the attributes."""
        body = None if self.body in EMPTY else object_of(self.body)
        if not isinstance(body, dict):
            return self
        found: list[Raw] = list(self[1:])
        for place, slot in enumerate(CONTENT):
            value = next((body[key] for key in SLOT_KEYS[slot] if body.get(key) is not None), None)
            if found[place] is None and value is not None:
                found[place] = value if isinstance(value, str) else json_bytes(value)
        return _Content(self.body, *found)


class _Row(NamedTuple):
    record: int  # index in the batch as it was decoded
    direction: int
    position: int
    messages: bytes


def find_texts(decoded: DecodedLogs, slots: Slots, names: Words, time: I64, kept: NDArray[np.bool_]) -> TextColumns:
    """Return the texts of the records in ``kept``; ``record`` counts those only. ``time`` is ns."""
    forms = forms_of(names)
    records = np.flatnonzero(kept & (forms > Form.OTHER) & (forms < Form.SCORE))
    rows = list(_rows(decoded, slots, names, records)) if records.size else []
    record = np.array([row.record for row in rows], np.int64)
    return TextColumns(
        record=(np.cumsum(kept) - 1)[record].astype(np.int32),
        trace_id=decoded.trace_id[record],
        span_id=decoded.span_id[record],
        time=time[record],
        direction=Words(np.array([row.direction for row in rows], np.int32), DIRECTIONS),
        position=np.array([row.position for row in rows], np.int32),
        messages=pa.array([row.messages for row in rows], pa.binary()).cast(pa.string()),
        event_name=Words(names.codes[record], names.values),
    )


def _rows(decoded: DecodedLogs, slots: Slots, names: Words, records: I64) -> Iterator[_Row]:
    """Yield the rows in log order, of one record the input first."""
    events = events_of(names)
    bodies = read_raw(decoded.data, view_of(decoded.body), records)
    found = read_raw(decoded.data, view_of(decoded.attributes.value), slots[CONTENT][:, records].ravel())
    contents = [found[index * len(records) : (index + 1) * len(records)] for index in range(len(CONTENT))]
    codes = names.codes[records].tolist()
    for record, code, *content in zip(records.tolist(), codes, bodies, *contents, strict=True):
        position, *directions = _messages(events[code], _Content(*content))
        for direction, messages in enumerate(directions):
            if messages:
                yield _Row(record, direction, position, messages)


def _messages(event: Event, content: _Content) -> tuple[int, bytes, bytes]:
    """Return (position, messages that went in, messages that came out) of a record."""
    if event.form == Form.DETAILS:
        content = content.with_body()
        return 0, fold_input(content.input, content.instructions), fold_output(content.output)
    raw = content.event if content.body in EMPTY else content.body
    if event.form == Form.MESSAGE:
        return 0, fold_message(raw, event.role), b""
    position, message = fold_choice(raw)
    return position, b"", message
