"""Span events and links as JSON, and what events tell about a call: an exception, the first token, its messages.

One Python object an event: most spans have none. All events stay in their column, also those that were read.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from spanpulse_stream.decode import Attributes, decode_value
from spanpulse_stream.json_text import json_bytes
from spanpulse_stream.normalise._event_calls import EventCall, call_of, response_of_details
from spanpulse_stream.normalise._resolved import Spans
from spanpulse_stream.normalise.dialects import DIALECTS

__all__ = ["Event", "Events", "links_column", "read_events"]

_FIRST_TOKEN: Final = frozenset(
    (
        *("First Token Stream Event", "ai.stream.firstChunk", "mlflow.chunk.item.0"),
        *("gen_ai.content.completion.chunk", "llm.content.completion.chunk"),
    )
)
_MESSAGES: Final = "gen_ai."
_CHUNK: Final = "gen_ai.content.completion.chunk"
_SCORE: Final = "gen_ai.evaluation.result"
_DETAILS: Final = "gen_ai.client.inference.operation.details"
_NO_MESSAGES: Final = frozenset({_CHUNK, _SCORE})


@dataclass(frozen=True, slots=True)
class Event:
    """A span event; ``time`` in ns since the Unix epoch."""

    time: int
    name: str
    attributes: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {"time": self.time, "name": self.name, "attributes": self.attributes}


@dataclass(slots=True)
class Events:
    """The events of a batch, by span: as a column, and what they tell."""

    column: pa.Array
    exception_type: dict[int, str] = field(default_factory=dict)
    first_token: dict[int, int] = field(default_factory=dict)  # ns since the Unix epoch
    messages: dict[int, list[Event]] = field(default_factory=dict)
    calls: dict[int, EventCall] = field(default_factory=dict)
    scores: list[tuple[int, Event]] = field(default_factory=list)
    responses: dict[int, dict[str, Any]] = field(default_factory=dict)  # what events tell of those


def read_events(spans: Spans) -> Events:
    """Read the events of all spans."""
    events, rows = spans.decoded.events, spans.rows
    first, last = events.start[:-1][rows], events.start[1:][rows]
    out = Events(pa.nulls(spans.size, pa.string()))
    texts: list[bytes | None] = [None] * spans.size
    for row in np.flatnonzero(last > first).tolist():
        found = [_event(spans, index) for index in range(first[row], last[row])]
        texts[row] = json_bytes([event.as_json() for event in found])
        _learn(out, row, found)
        operations = DIALECTS[spans.dialect[row]].event_calls
        if named := [operations[event.name] for event in found if event.name in operations]:
            out.calls[row] = call_of(named[0], [event.attributes for event in found])
    if out.exception_type or any(texts):
        out.column = pa.array(texts, pa.string())
    return out


def _learn(out: Events, row: int, events: list[Event]) -> None:
    for event in events:
        if event.name == "exception" and isinstance(event.attributes.get("exception.type"), str):
            out.exception_type[row] = event.attributes["exception.type"]
        elif event.name in _FIRST_TOKEN:
            out.first_token.setdefault(row, event.time)
        elif event.name == _SCORE:
            out.scores.append((row, event))
        elif event.name == _DETAILS and (response := response_of_details(event.attributes)):
            out.responses.setdefault(row, response)
    messages = [event for event in events if event.name.startswith(_MESSAGES) and event.name not in _NO_MESSAGES]
    if messages:
        out.messages[row] = messages


def _event(spans: Spans, index: int) -> Event:
    events = spans.decoded.events
    start, length = int(events.name_offset[index]), int(events.name_length[index])
    name = spans.decoded.data[start : start + length].tobytes().decode()
    return Event(int(events.time[index]), name, _attributes(spans, events.attributes, index))


def links_column(spans: Spans) -> pa.Array:
    """Return the links of all spans as JSON lists of {trace_id, span_id, attributes}, NULL where there are none."""
    links, rows = spans.decoded.links, spans.rows
    first, last = links.start[:-1][rows], links.start[1:][rows]
    texts: list[bytes | None] = [None] * spans.size
    linked = np.flatnonzero(last > first).tolist()
    for row in linked:
        texts[row] = json_bytes([_link(spans, index) for index in range(first[row], last[row])])
    return pa.array(texts, pa.string()) if linked else pa.nulls(spans.size, pa.string())


def _link(spans: Spans, index: int) -> dict[str, Any]:
    links = spans.decoded.links
    return {
        "trace_id": f"{links.trace_id[index, 0]:016x}{links.trace_id[index, 1]:016x}",
        "span_id": f"{links.span_id[index]:016x}",
        "attributes": _attributes(spans, links.attributes, index),
    }


def _attributes(spans: Spans, attributes: Attributes, owner: int) -> dict[str, Any]:
    data, values = spans.decoded.data, attributes.value
    out: dict[str, Any] = {}
    for row in range(int(attributes.start[owner]), int(attributes.start[owner + 1])):
        start, length = int(attributes.key_offset[row]), int(attributes.key_length[row])
        out[data[start : start + length].tobytes().decode()] = decode_value(
            data, int(values.kind[row]), int(values.offset[row]), int(values.length[row]), int(values.number[row])
        )
    return out
