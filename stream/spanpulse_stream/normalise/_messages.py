"""What was said: the messages of a call in OpenTelemetry's schema, from whichever attributes or events hold them.

Attributes of the conventions come first, then flattened ones, then events, then a request or response of any form.
Texts that are in the schema already are passed on as they are, unless system instructions go before them. What is
told twice is kept once: other attributes with the same side of the conversation are taken too.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from spanpulse_stream.decode import Value
from spanpulse_stream.normalise._anomalies import Anomaly
from spanpulse_stream.normalise._events import Event, Events
from spanpulse_stream.normalise._flattened import family_items
from spanpulse_stream.normalise._json import json_bytes, parsed
from spanpulse_stream.normalise._pool import ABSENT
from spanpulse_stream.normalise._resolved import Resolved
from spanpulse_stream.normalise._schema import INPUT, OUTPUT, are_messages, messages_of, system_message
from spanpulse_stream.normalise._slots import Family, Slot

__all__ = ["Sides", "read_messages"]


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a conversation: where its messages may be, the role of texts that name none."""

    role: str
    exact: Slot
    flattened: tuple[Family, ...]
    loose: Slot
    more: tuple[Slot, ...]
    event: str


@dataclass(frozen=True, slots=True)
class Sides:
    """Columns of JSON texts, NULL where nothing was said."""

    input: pa.Array
    output: pa.Array


_INPUT: Final = Side(
    INPUT,
    Slot.INPUT_MESSAGES,
    (Family.INPUT, Family.EMBEDDINGS),
    Slot.INPUT,
    (Slot.SYSTEM_INSTRUCTIONS,),
    "gen_ai.prompt",
)
_OUTPUT: Final = Side(
    OUTPUT, Slot.OUTPUT_MESSAGES, (Family.OUTPUT,), Slot.OUTPUT, (Slot.OUTPUT_TOOL_CALLS,), "gen_ai.completion"
)


def read_messages(resolved: Resolved, events: Events) -> Sides:
    """Return what was said to the models and by them."""
    return Sides(_Reader(resolved, events, _INPUT).column(), _Reader(resolved, events, _OUTPUT).column())


class _Reader:
    """Reads one side of all spans of a batch."""

    def __init__(self, resolved: Resolved, events: Events, side: Side) -> None:
        self._resolved, self._events, self._side = resolved, events, side
        self._families = np.uint32(sum(1 << family for family in side.flattened))
        self._offset, self._length = resolved.texts(side.exact)

    def column(self) -> pa.Array:
        resolved, side = self._resolved, self._side
        slots = [slot for slot in (side.exact, side.loose, *side.more) if resolved.found[slot]]
        said = resolved.families & self._families != 0
        for slot in slots:
            said |= resolved.has(slot)
        said[list(self._events.messages)] = True
        for row in np.flatnonzero(said).tolist():
            self._row(row)
        told = self._length >= 0
        for slot in slots:
            resolved.take(slot, told)
        for family in side.flattened:
            self._take_family(family, told)
        return resolved.spans.pool.strings(self._offset, self._length)

    def _take_family(self, family: Family, told: "np.ndarray[Any, np.dtype[np.bool_]]") -> None:
        resolved = self._resolved
        if (resolved.families & np.uint32(1 << family)).any():
            spans = resolved.spans
            start = spans.decoded.attributes.start
            owner = np.zeros(len(start) - 1, np.bool_)
            owner[spans.rows] = told
            resolved.taken |= np.repeat(owner, np.diff(start)) & (resolved.family == family)

    def _row(self, row: int) -> None:
        system = self._system(row)
        if self._length[row] >= 0:
            text = self._resolved.spans.pool.text(int(self._offset[row]), int(self._length[row]))
            try:
                value = orjson.loads(text)
            except orjson.JSONDecodeError:
                self._resolved.spans.anomalies.note_row(Anomaly.MESSAGES_NOT_JSON, row)
                value = text.decode()
            else:
                if are_messages(value) and value:
                    if system is not None and value[0]["role"] != "system":
                        self._put(row, b"[%b,%b" % (json_bytes(system), text.strip()[1:]))
                    return
            messages = messages_of(value, self._side.role)
        else:
            messages = self._found(row)
        if system is not None and not (messages and messages[0]["role"] == "system"):
            messages = [system, *messages]
        self._put(row, json_bytes(messages) if messages else None)

    def _put(self, row: int, text: bytes | None) -> None:
        if text is None:
            self._length[row] = ABSENT
        else:
            self._offset[row], self._length[row] = self._resolved.spans.pool.add(text)

    def _system(self, row: int) -> dict[str, Any] | None:
        if self._side.role != INPUT:
            return None
        return system_message(_read(self._resolved.value(Slot.SYSTEM_INSTRUCTIONS, row)))

    def _found(self, row: int) -> list[dict[str, Any]]:
        """Return messages from anywhere but the attribute of the conventions."""
        resolved, side = self._resolved, self._side
        for family in side.flattened:
            if int(resolved.families[row]) >> family & 1:
                return messages_of(family_items(resolved, family, row), side.role)
        messages = [message for event in self._events.messages.get(row, ()) for message in _of_event(event, side)]
        if not messages:
            messages = messages_of(_read(resolved.value(side.loose, row)), side.role)
            calls = resolved.value(Slot.OUTPUT_TOOL_CALLS, row) if side.role == OUTPUT else None
            if calls is not None:
                read = _read(calls)
                made = [{"role": OUTPUT, "tool_calls": read if isinstance(read, list) else [read]}]
                messages += messages_of(made, OUTPUT)
        return messages


def _read(value: Value) -> Any:
    """Return a structure as it is, and what a text says if it is JSON of one."""
    if isinstance(value, list):
        return [_read(each) for each in value]
    if not isinstance(value, str):
        return value
    found = parsed(value) if value.lstrip()[:1] in ("[", "{", '"') else value
    return found if isinstance(found, list | dict | str) else value


def _of_event(event: Event, side: Side) -> list[dict[str, Any]]:
    """Return the messages of one side that an event carries: `gen_ai.user.message`, `gen_ai.choice` and so on."""
    about, attributes = event.name.removeprefix("gen_ai."), event.attributes
    if side.event in attributes:
        return messages_of(_read(attributes[side.event]), side.role)
    exact = "gen_ai.input.messages" if side.role == INPUT else "gen_ai.output.messages"
    if exact in attributes:
        return messages_of(_read(attributes[exact]), side.role)
    if side.role == OUTPUT and about == "choice":
        return messages_of({**attributes, "message": _read(attributes.get("message"))}, OUTPUT)
    if side.role == INPUT and about.endswith(".message"):
        read = {name: _read(value) for name, value in attributes.items()}
        return messages_of({"role": about.removesuffix(".message"), **read}, INPUT)
    return []
