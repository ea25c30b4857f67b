"""What was said: the messages of a call in OpenTelemetry's schema, from whichever attributes or events hold them.

Attributes of the conventions come first, then flattened ones, then events, then a request or response of any form.
Texts that are in the schema already are passed on as they are, unless system instructions go before them. What is
told twice is kept once: other attributes and slots with the same side of the conversation are left out of the map of
attributes, where a content policy would not reach them.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.decode import Value, ValueKind
from spanpulse_stream.json_text import json_bytes
from spanpulse_stream.normalise._anomalies import Anomaly
from spanpulse_stream.normalise._events import Event, Events
from spanpulse_stream.normalise._flattened import family_items
from spanpulse_stream.normalise._forms import Form
from spanpulse_stream.normalise._json import parsed
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
        self._forms = resolved.spans.pool.forms(self._offset, self._length)
        self._systems: dict[bytes, dict[str, Any] | None] = {}

    def column(self) -> pa.Array:
        resolved, side = self._resolved, self._side
        slots = [slot for slot in (side.exact, side.loose, *side.more) if resolved.found[slot]]
        said = resolved.families & self._families != 0
        for slot in slots:
            said |= resolved.has(slot)
        said[[*self._events.messages, *self._events.calls]] = True
        for row in np.flatnonzero(said & ~self._is_done()).tolist():
            self._row(row)
        told = self._length >= 0
        for slot in slots:
            resolved.take(slot, told)
        for family in side.flattened:
            for row in np.flatnonzero(told & (resolved.families >> np.uint32(family) & 1 != 0)).tolist():
                resolved.take_family(family, row)
        return resolved.spans.pool.strings(self._offset, self._length)

    def _is_done(self) -> NDArray[np.bool_]:
        """Tell which spans have their messages in the schema already, with nothing to put before them."""
        done: NDArray[np.bool_] = self._forms & Form.MESSAGES != 0
        if self._side.role == INPUT and self._resolved.found[Slot.SYSTEM_INSTRUCTIONS]:
            done &= (self._forms & Form.SYSTEM_FIRST != 0) | ~self._resolved.has(Slot.SYSTEM_INSTRUCTIONS)
        return done

    def _row(self, row: int) -> None:
        pool = self._resolved.spans.pool
        system = self._system(row)
        exact = pool.text(int(self._offset[row]), int(self._length[row])) if self._length[row] >= 0 else None
        if exact is not None and self._forms[row] & Form.MESSAGES:
            if system is not None:
                self._put(row, b"[%b,%b" % (json_bytes(system), exact.lstrip()[1:]))
            return
        messages = self._found(row) if exact is None else self._loose(row, exact)
        if system is not None and not (messages and messages[0]["role"] == "system"):
            messages = [system, *messages]
        self._put(row, json_bytes(messages) if messages else None)

    def _loose(self, row: int, exact: bytes) -> list[dict[str, Any]]:
        """Return the messages in a text that should hold them in the schema."""
        try:
            value = orjson.loads(exact)
        except orjson.JSONDecodeError:
            self._resolved.spans.anomalies.note_row(Anomaly.MESSAGES_NOT_JSON, row)
            value = exact.decode()
        return value if are_messages(value) else messages_of(value, self._side.role)

    def _put(self, row: int, text: bytes | None) -> None:
        if text is None:
            self._length[row] = ABSENT
        else:
            self._offset[row], self._length[row] = self._resolved.spans.pool.add(text)

    def _system(self, row: int) -> dict[str, Any] | None:
        """Return a span's system instructions; those that many spans share are read once."""
        index = int(self._resolved.winner[Slot.SYSTEM_INSTRUCTIONS, row]) if self._side.role == INPUT else -1
        if index < 0:
            return None
        values = self._resolved.spans.decoded.attributes.value
        if values.kind[index] != ValueKind.STRING:
            return system_message(self._resolved.value_at(index))
        text = self._resolved.spans.pool.text(int(values.offset[index]), int(values.length[index]))
        if text not in self._systems:
            self._systems[text] = system_message(_read(text.decode()))
        return self._systems[text]

    def _found(self, row: int) -> list[dict[str, Any]]:
        """Return messages from anywhere but the attribute of the conventions."""
        resolved, side = self._resolved, self._side
        for family in side.flattened:
            if int(resolved.families[row]) >> family & 1:
                return messages_of(family_items(resolved, family, row), side.role)
        if row in self._events.calls:
            call = self._events.calls[row]
            return messages_of(call.input if side.role == INPUT else call.output, side.role)
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
    about, attributes = event.name.removeprefix("gen_ai."), _body(event)
    if side.event in attributes:
        return messages_of(_read(attributes[side.event]), side.role)
    exact = "gen_ai.input.messages" if side.role == INPUT else "gen_ai.output.messages"
    if exact in attributes:
        return messages_of(_read(attributes[exact]), side.role)
    if side.role == OUTPUT and about == "choice":
        return messages_of(_choice(attributes), OUTPUT)
    if side.role == INPUT and about.endswith(".message"):
        read = {name: _read(value) for name, value in attributes.items()}
        return messages_of({"role": about.removesuffix(".message"), **read}, INPUT)
    return []


def _body(event: Event) -> dict[str, Any]:
    """Return an event's attributes, with the body that Azure's clients write as JSON into one of them."""
    body = _read(event.attributes.get("gen_ai.event.content"))
    return {**event.attributes, **body} if isinstance(body, dict) else event.attributes


def _choice(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return a choice whose message is one, where an emitter (Strands) writes its content alone."""
    said = _read(attributes.get("message"))
    if said is None or isinstance(said, dict):
        return {**attributes, "message": said}
    return {"message": {"role": OUTPUT, "content": said}, "finish_reason": attributes.get("finish_reason")}
