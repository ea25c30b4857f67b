"""Where a partition stands: three marks, each an offset with all the records and bytes that came before it.

Because marks are sums from the partition's beginning, how much lies between two of them is a subtraction.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

from spanpulse_stream.log._records import Claim, PartitionStats

__all__ = ["OFFSET_BITS", "Key", "Mark", "Position"]

OFFSET_BITS = 48  # of a message's rowid; above them stands the partition's slot
Key = tuple[str, int]  # topic, partition


class Mark(NamedTuple):
    """A place between two messages: ``records`` and ``bytes`` (as stored) of all messages before ``offset``."""

    offset: int
    records: int
    bytes: int


@dataclass(slots=True)
class Position:
    """One partition. The writer changes a copy and publishes it; a published one never changes."""

    slot: int
    source: int
    topic: str
    partition: int
    first: Mark  # the oldest message kept
    committed: Mark  # the next message to process
    end: Mark  # the next message to be appended
    appended_at: int  # ms, of the newest message
    oldest_pending_at: int | None  # ms, of the message at ``committed``
    claim: Claim | None

    @classmethod
    def empty(cls, slot: int, source: int, key: Key) -> Self:
        """Return a partition that has not had a message yet."""
        start = Mark(0, 0, 0)
        return cls(slot, source, *key, start, start, start, 0, None, None)

    @property
    def key(self) -> Key:
        """Topic and partition."""
        return self.topic, self.partition

    @property
    def kept_bytes(self) -> int:
        """Bytes of all messages that are kept."""
        return self.end.bytes - self.first.bytes

    @property
    def pending_bytes(self) -> int:
        """Bytes of the messages not yet committed."""
        return self.end.bytes - self.committed.bytes

    @property
    def lag_records(self) -> int:
        """Records not yet committed."""
        return self.end.records - self.committed.records

    def row(self, offset: int) -> int:
        """Return the rowid of the message at ``offset``."""
        return self.slot << OFFSET_BITS | offset

    def damage(self, offset: int, what: str) -> str:
        """Return how an operator reads of a message that cannot be had, and what there is to do."""
        return (
            f"message {offset} of {self.topic}, partition {self.partition}, cannot be read from the log: {what}. "
            f"Check the disk. To go on without what is not processed yet, move the log's folder away and start again; "
            f"what is stored in the database stays"
        )

    def stats(self) -> PartitionStats:
        """Return the figures of this partition."""
        return PartitionStats(
            self.topic,
            self.partition,
            self.source,
            self.first.offset,
            self.committed.offset,
            self.end.offset,
            self.end.records,
            self.lag_records,
            self.pending_bytes,
            self.kept_bytes,
            self.oldest_pending_at,
        )
