"""Which log records are texts or scores, by the name of their event."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.decode import DecodedLogs, ValueKind
from spanpulse_stream.normalise._logs_keys import LogSlot
from spanpulse_stream.normalise._logs_slots import Slots
from spanpulse_stream.normalise._pool import Pool

__all__ = ["Event", "Form", "event_names", "events_of", "forms_of"]


class Form(IntEnum):
    """What a record of an event holds."""

    OTHER = 0
    DETAILS = 1  # input and output messages, in attributes or as fields of the body
    MESSAGE = 2  # one input message, as body
    CHOICE = 3  # one output message, within the body
    SCORE = 4


class Event(NamedTuple):
    """How records of an event are read; ``role`` is who speaks in a message that does not say so."""

    form: Form
    role: str = ""


_OTHER: Final = Event(Form.OTHER)
_EVENTS: Final[Mapping[str, Event]] = MappingProxyType(
    {
        "gen_ai.client.inference.operation.details": Event(Form.DETAILS),
        "gen_ai.content.prompt": Event(Form.DETAILS),
        "gen_ai.content.completion": Event(Form.DETAILS),
        "gen_ai.system.message": Event(Form.MESSAGE, "system"),
        "gen_ai.developer.message": Event(Form.MESSAGE, "developer"),
        "gen_ai.user.message": Event(Form.MESSAGE, "user"),
        "gen_ai.assistant.message": Event(Form.MESSAGE, "assistant"),
        "gen_ai.tool.message": Event(Form.MESSAGE, "tool"),
        "gen_ai.choice": Event(Form.CHOICE, "assistant"),
        "gen_ai.evaluation.result": Event(Form.SCORE),
    }
)


def event_names(decoded: DecodedLogs, slots: Slots, pool: Pool) -> Words:
    """Return the name of each record's event: the field, or the attribute that older SDKs use."""
    offset, length = decoded.event_name_offset.copy(), decoded.event_name_length.copy()
    row = slots[LogSlot.EVENT_NAME]
    values = decoded.attributes.value
    older = np.flatnonzero((length == 0) & (row >= 0))
    older = older[values.kind[row[older]] == ValueKind.STRING]
    offset[older], length[older] = values.offset[row[older]], values.length[row[older]]
    return pool.words(offset, length)


def events_of(names: Words) -> list[Event]:
    """Return the event of each of the words."""
    return [_EVENTS.get(name, _OTHER) for name in names.values]


def forms_of(names: Words) -> NDArray[np.uint8]:
    """Return the `Form` of each record."""
    forms = [*(event.form for event in events_of(names)), Form.OTHER]
    return np.array(forms, np.uint8)[names.codes]
