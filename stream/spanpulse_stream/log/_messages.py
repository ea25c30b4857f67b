"""What is handed to a log, and what a receiver needs of one.

The receiver knows the log by the protocol `MessageLog` alone: SQLite on one machine, Kafka on many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["TOPIC", "LogAway", "LogFull", "Message", "MessageLog", "MessagesRefused", "Signal"]

TOPIC = "spanpulse.otlp"
Signal = Literal["traces", "logs"]


class LogFull(Exception):  # noqa: N818 -- a state, not a fault
    """The log takes nothing now; the sender may try again after ``retry_after_s`` seconds."""

    def __init__(self, retry_after_s: float, reason: str = "the log is full") -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class LogAway(Exception):  # noqa: N818 -- a state, not a fault
    """The log cannot be reached, or did not answer in time; the sender may try again after ``retry_after_s`` seconds.

    Some of the messages may be in the log all the same.
    """

    def __init__(self, retry_after_s: float, reason: str) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class MessagesRefused(Exception):  # noqa: N818 -- an answer, not a fault
    """The log will never take some of the messages, which hold ``records`` records; all others are durable."""

    def __init__(self, records: int, reason: str) -> None:
        super().__init__(reason)
        self.records = records


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
        """Append all messages, and return once they are durable.

        Raises LogFull, before anything was appended; LogAway; MessagesRefused.
        """
