"""Cutting a partition's messages into batches: offsets in order, one UTC day of receipt, bounded size.

While a claim is outstanding (the process died between claim and commit), the first batch is exactly the claimed
range, however the messages arrive and whatever the bounds are now. Order is checked, and contiguity where the log has
no gaps: one is then a defect of the transport and raises `OffsetGap`, because a batch with a hole would lose what lies
in it. Kafka's offsets have gaps (marks of transactions, what was deleted); there a batch is a range whose missing
offsets hold nothing. A message of which nothing says when it came belongs to the day of the batch around it.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Final

from spanpulse_stream.day import day_of

__all__ = ["MOST_BYTES", "RECEIVED_AT_UNUSABLE", "BatchCutter", "Incoming", "OffsetGap"]

MOST_BYTES: Final = 64 * 1024 * 1024
RECEIVED_AT_UNUSABLE: Final = "received_at_unusable"


class OffsetGap(Exception):  # noqa: N818 -- what happened, as the log says it
    """Offsets of a partition did not follow each other, or went back."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message of the log: ``appended_at`` in ms since the epoch, ``records`` spans or log records in it."""

    offset: int
    appended_at: int
    tenant: str
    signal: str  # traces, logs
    records: int
    value: bytes
    encoding: str = "otlp_proto"  # or otlp_json
    unreadable: str = ""  # why it cannot be read at all: its dead letter holds the value as it came
    reason: str = "invalid_json"  # of that dead letter

    @property
    def day(self) -> int:
        """The UTC day of receipt, counted from 1970."""
        return day_of(self.appended_at)

    @property
    def undated(self) -> bool:
        """Whether nothing says when it came, so that ``appended_at`` is a mere place holder."""
        return self.reason == RECEIVED_AT_UNUSABLE


class BatchCutter:
    """Collects the messages of one partition and gives out batches.

    A batch holds at most ``most_records`` records and ``most_bytes`` of message values; a single message larger
    than that is a batch of its own. ``records`` and ``bytes`` count what was added and not yet given out.
    """

    def __init__(self, most_records: int, most_bytes: int = MOST_BYTES, *, gaps: bool = False) -> None:
        self.records = 0
        self.bytes = 0
        self._most_records = most_records
        self._most_bytes = most_bytes
        self._gaps = gaps
        self._pending: deque[Incoming] = deque()
        self._claim_end: int | None = None
        self._last: int | None = None

    @property
    def waiting(self) -> bool:
        """Whether anything waits."""
        return bool(self._pending)

    @property
    def full(self) -> bool:
        """Whether what waits fills a batch, so that waiting for more would not make it larger."""
        if self._claim_end is not None:
            return not self.incomplete
        return self.records >= self._most_records or self.bytes >= self._most_bytes

    @property
    def incomplete(self) -> bool:
        """Whether messages of a claimed range are still to come; with gaps, whether they may be."""
        return self._claim_end is not None and self._last is not None and self._last < self._claim_end - 1

    def expect(self, first: int, end: int) -> None:
        """Make the first batch the offsets [``first``, ``end``), as a claim in the log says."""
        self._last = first - 1
        self._claim_end = end

    def add(self, message: Incoming) -> None:
        """Take the partition's next message. Raises OffsetGap."""
        if self._last is not None and not self._follows(message.offset, self._last):
            raise OffsetGap(f"offset {message.offset} after {self._last}")
        if self._claim_end is not None and not self._pending and message.offset >= self._claim_end:
            self._claim_end = None  # nothing is left of the claimed range
        self._last = message.offset
        self._pending.append(message)
        self.records += message.records
        self.bytes += len(message.value)

    def take(self) -> list[Incoming]:
        """Return the next batch of what was added; [] if there is none, or not yet the whole of a claimed range."""
        if not self._pending or self.incomplete:
            return []
        return _dated(self._bounded() if self._claim_end is None else self._claimed(self._claim_end))

    def _follows(self, offset: int, last: int) -> bool:
        return offset > last if self._gaps else offset == last + 1

    def _claimed(self, end: int) -> list[Incoming]:
        self._claim_end = None
        batch = []
        while self._pending and self._pending[0].offset < end:
            batch.append(self._next())
        return batch

    def _bounded(self) -> list[Incoming]:
        batch = [self._next()]
        records, size, day = batch[0].records, len(batch[0].value), _day(batch[0])
        while self._pending:
            message = self._pending[0]
            records, size = records + message.records, size + len(message.value)
            day = _day(message) if day is None else day
            if records > self._most_records or size > self._most_bytes or _day(message) not in (None, day):
                break
            batch.append(self._next())
        return batch

    def _next(self) -> Incoming:
        message = self._pending.popleft()
        self.records -= message.records
        self.bytes -= len(message.value)
        return message


def _day(message: Incoming) -> int | None:
    return None if message.undated else message.day


def _dated(batch: list[Incoming]) -> list[Incoming]:
    """Return the batch with its first known time in place of those that nobody knows; as it is where none is known."""
    known = next((message.appended_at for message in batch if not message.undated), None)
    if known is None:
        return batch
    return [replace(message, appended_at=known) if message.undated else message for message in batch]
