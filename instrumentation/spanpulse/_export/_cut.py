"""A record that is too large for a message is cut, never lost: its longest texts first.

Guarantee: it is no larger than asked for afterwards, and keeps its ids, times and kind. Texts that are JSON are cut
inside, unless even that leaves too much. Not guaranteed: which of its texts lose what.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from spanpulse._export._forks import IMPORTS
from spanpulse._export._transport import Signal

__all__ = ["shortened"]

LIMITS: Final = (65_536, 16_384, 4_096, 1_024, 256, 64)  # characters of a text
LAST: Final = 1_024  # characters of a JSON text that has too many short ones


def shortened(signal: Signal, body: bytes, most: int) -> bytes:
    """Return a Span or LogRecord message whose texts are cut so that it has at most ``most`` bytes."""
    with IMPORTS.block():
        from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord  # noqa: PLC0415
        from opentelemetry.proto.trace.v1.trace_pb2 import Span  # noqa: PLC0415
    record = Span.FromString(body) if signal == "traces" else LogRecord.FromString(body)
    _shorten(record, most)
    made: bytes = record.SerializeToString()
    return made


def _shorten(record: Any, most: int) -> None:
    for limit in LIMITS:
        for value in list(_texts(record)):
            if len(value.string_value) > limit:
                value.string_value = _cut(value.string_value, limit)
        if record.ByteSize() <= most:
            return
    _strip(record, most)


def _strip(record: Any, most: int) -> None:
    """Let go of parts, those that matter least first, and say how many of them there were."""
    for part in ("events", "links", "attributes"):
        if hasattr(record, part) and record.ByteSize() > most:
            counter = f"dropped_{part}_count"
            setattr(record, counter, getattr(record, counter) + len(getattr(record, part)))
            record.ClearField(part)
    for name in ("name", "trace_state", "event_name", "severity_text"):
        if hasattr(record, name) and record.ByteSize() > most:
            setattr(record, name, getattr(record, name)[:LAST])
    for name in ("status", "body"):
        if hasattr(record, name) and record.ByteSize() > most:
            record.ClearField(name)


def _texts(record: Any) -> Iterator[Any]:
    """Yield the values of a record that are texts, those of its events and links too."""
    for part in (record, *getattr(record, "events", ()), *getattr(record, "links", ())):
        for attribute in part.attributes:
            yield from _texts_of(attribute.value)
    if hasattr(record, "body"):
        yield from _texts_of(record.body)


def _texts_of(value: Any) -> Iterator[Any]:
    match value.WhichOneof("value"):
        case "string_value":
            yield value
        case "array_value":
            for each in value.array_value.values:
                yield from _texts_of(each)
        case "kvlist_value":
            for pair in value.kvlist_value.values:
                yield from _texts_of(pair.value)


def _cut(text: str, limit: int) -> str:
    if text[0] in {"{", "["}:
        try:
            text = json.dumps(_cut_leaves(json.loads(text), limit), ensure_ascii=False)
        except (ValueError, RecursionError):
            return _cut_text(text, limit)
        return text if limit > LIMITS[-1] else _cut_text(text, LAST)
    return _cut_text(text, limit)


def _cut_leaves(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return _cut_text(value, limit)
    if isinstance(value, dict):
        return {name: _cut_leaves(inner, limit) for name, inner in value.items()}
    return [_cut_leaves(inner, limit) for inner in value] if isinstance(value, list) else value


def _cut_text(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
