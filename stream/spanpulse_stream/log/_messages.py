"""What is handed to a log, and what a receiver needs of one.

The receiver knows the log by the protocol `MessageLog` alone: SQLite on one machine, Kafka on many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["TOPIC", "LogFull", "Message", "MessageLog", "Signal"]

TOPIC = "spanpulse.otlp"
Signal = Literal["traces", "logs"]


class LogFull(Exception):  # noqa: N818 -- a state, not a fault
    """The log takes nothing now; the sender may try again after ``retry_after_s`` seconds."""

    def __init__(self, retry_after_s: float, reason: str = "the log is full") -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the log: ``value`` is an Export*ServiceRequest that holds ``records`` spans or log records."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]  # signal, tenant, records
    records: int


class MessageLog(Protocol):
    """A durable log."""

    async def append(self, messages: Sequence[Message]) -> None:
        """Append all messages or none, and return once they are durable. Raises LogFull."""
