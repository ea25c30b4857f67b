"""Writes OTLP log records: the few fields of an event that generated traffic has.

Values are not checked: callers are in this package.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from spanpulse_stream.traffic._encode import Value, attributes, delimited

__all__ = ["LogRecord", "encode_log"]


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One event; ``time`` in ns since the Unix epoch, ids are bytes."""

    time: int
    event_name: str
    trace_id: bytes
    span_id: bytes
    attributes: Mapping[str, Value]


def encode_log(record: LogRecord) -> bytes:
    """Return the encoded LogRecord message."""
    time = record.time.to_bytes(8, "little")
    name = record.event_name.encode()
    return b"".join(
        (
            bytes((1 << 3 | 1,)) + time,
            bytes((11 << 3 | 1,)) + time,
            delimited(12, name),
            attributes(6, record.attributes),
            delimited(9, record.trace_id),
            delimited(10, record.span_id),
        )
    )
