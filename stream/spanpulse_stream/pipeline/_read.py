"""Messages to canonical records: the steps before any state, and what happens to a message that breaks them.

Decoding and normalising set aside what they cannot read. Should one of them raise all the same, that is a defect,
but no message may block its partition: the messages are read one by one, and those that raise become dead letters
whole. The outcome is a function of the messages.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from spanpulse_stream.columns import LogColumns, Origin, SpanColumns, Words
from spanpulse_stream.decode import decode_logs, decode_spans
from spanpulse_stream.normalise import KEYS, Rejection, normalise_logs, normalise_spans
from spanpulse_stream.pipeline._cut import Incoming
from spanpulse_stream.pipeline._size import MOST_BYTES, allowed, held_bytes
from spanpulse_stream.pipeline._task import Task

__all__ = ["WHOLE_MESSAGE", "Records", "origin_of", "read_logs", "read_spans", "whole"]

LOG = logging.getLogger(__name__)
WHOLE_MESSAGE = -1  # the ordinal of what is no single record
PROCESSING_FAILED = "processing_failed"
MULTIPLIES = "multiplies"
Columns = TypeVar("Columns", SpanColumns, LogColumns)


@dataclass(frozen=True, slots=True)
class Records(Generic[Columns]):
    """The readable records of a batch's messages of one signal, and what was set aside."""

    columns: Columns
    rejected: list[Rejection]


def read_spans(task: Task) -> Records[SpanColumns]:
    """Decode and normalise the messages of traces, and leave out the texts that may not be kept."""

    def read(messages: Sequence[Incoming]) -> Records[SpanColumns]:
        with task.stages("decode"):
            decoded = decode_spans([message.value for message in messages], KEYS, task.limits)
        with task.stages("normalise"):
            columns, rejected = normalise_spans(decoded, origin_of(messages, task.log_source))
            return Records(task.policy.spans(columns), rejected)

    return _without_poison(task.of_signal("traces"), read)


def read_logs(task: Task) -> Records[LogColumns]:
    """Decode and normalise the messages of logs, and leave out the texts that may not be kept."""

    def read(messages: Sequence[Incoming]) -> Records[LogColumns]:
        with task.stages("decode"):
            decoded = decode_logs([message.value for message in messages], KEYS, task.limits)
        with task.stages("normalise"):
            columns, rejected = normalise_logs(decoded, origin_of(messages, task.log_source))
            return Records(task.policy.logs(columns), rejected)

    return _without_poison(task.of_signal("logs"), read)


def origin_of(messages: Sequence[Incoming], log_source: int) -> Origin:
    """Return where messages come from."""
    places = {tenant: place for place, tenant in enumerate(dict.fromkeys(message.tenant for message in messages))}
    return Origin(
        log_source=log_source,
        log_offset=np.array([message.offset for message in messages], np.int64),
        received_at=np.array([message.appended_at for message in messages], np.int64),
        tenant=Words(np.array([places[message.tenant] for message in messages], np.int32), list(places)),
    )


def _without_poison(
    messages: list[Incoming], read: Callable[[Sequence[Incoming]], Records[Columns]]
) -> Records[Columns]:
    try:
        records = read(messages)
        if held_bytes(records.columns) <= MOST_BYTES:
            return records
        LOG.warning("a batch multiplies beyond an insert's size; its %d messages are read one by one", len(messages))
    except Exception:
        LOG.exception("a batch could not be read; its %d messages are read one by one", len(messages))
    sound: list[Incoming] = []
    poison: list[Rejection] = []
    for message in messages:
        if (letter := _poison(message, read)) is not None:
            poison.append(letter)
        else:
            sound.append(message)
    rest: Records[Columns] = read(sound)
    return Records(rest.columns, [*rest.rejected, *poison])


def _poison(message: Incoming, read: Callable[[Sequence[Incoming]], Records[Columns]]) -> Rejection | None:
    """Return the dead letter of a message that cannot be read alone, None for one that can."""
    try:
        held = held_bytes(read([message]).columns)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it may not block the partition
        return whole(message, PROCESSING_FAILED, f"{type(error).__name__}: {error}")
    if held > (most := allowed(len(message.value), message.records)):
        return whole(message, MULTIPLIES, f"{held} bytes of columns from {len(message.value)}, allowed are {most}")
    return None


def whole(message: Incoming, reason: str, detail: str = "") -> Rejection:
    """Return the dead letter of a message that is set aside as it came."""
    return Rejection(
        log_offset=message.offset,
        ordinal=WHOLE_MESSAGE,
        received_at=message.appended_at,
        tenant=message.tenant,
        signal=message.signal,
        reason=reason,
        detail=detail,
        bytes=message.value,
    )
