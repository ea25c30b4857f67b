"""Cutting a partition's messages into batches: contiguous offsets, one UTC day of receipt, bounded size.

While a claim is outstanding (the process died between claim and commit), the first batch is exactly the claimed
range, however the messages arrive. Order and contiguity are checked: a gap is a defect of the transport and
raises `OffsetGap`, because a batch with a hole would lose what lies in it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["BatchCutter", "Incoming", "OffsetGap"]

DAY_MS = 86_400_000


class OffsetGap(Exception):  # noqa: N818 -- what happened, as the log says it
    """Offsets of a partition did not follow each other."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message of the log: ``appended_at`` in ms since the epoch, ``records`` spans or log records in it."""

    offset: int
    appended_at: int
    tenant: str
    signal: str  # traces, logs
    records: int
    value: bytes


class BatchCutter:
    """Collects the messages of one partition and gives out batches of at most ``most_records`` records.

    A single message larger than that is a batch of its own.
    """

    def __init__(self, most_records: int) -> None:
        self._most = most_records
        self._pending: deque[Incoming] = deque()
        self._claim_end: int | None = None
        self._last: int | None = None

    def expect(self, claim_end: int) -> None:
        """Make the next batch end before offset ``claim_end``, as a claim in the log says."""
        self._claim_end = claim_end

    def add(self, message: Incoming) -> None:
        """Take the partition's next message. Raises OffsetGap."""
        if self._last is not None and message.offset != self._last + 1:
            raise OffsetGap(f"offset {message.offset} after {self._last}")
        self._last = message.offset
        self._pending.append(message)

    def batches(self) -> Iterator[list[Incoming]]:
        """Yield what is complete: everything that was added, or nothing before a claimed range is whole."""
        while self._pending:
            if self._claim_end is not None:
                if self._pending[-1].offset < self._claim_end - 1:
                    return
                yield [self._pending.popleft() for _ in range(self._claim_end - self._pending[0].offset)]
                self._claim_end = None
                continue
            yield self._next()

    def _next(self) -> list[Incoming]:
        first = self._pending.popleft()
        batch, records = [first], first.records
        while (
            self._pending
            and records + self._pending[0].records <= self._most
            and self._pending[0].appended_at // DAY_MS == first.appended_at // DAY_MS
        ):
            batch.append(self._pending.popleft())
            records += batch[-1].records
        return batch
