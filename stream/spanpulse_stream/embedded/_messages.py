"""The local log as a repair reads it: by source, as messages for the steps."""

from collections.abc import Mapping

from spanpulse_stream.log import TOPIC, LocalLog, Record
from spanpulse_stream.pipeline import Incoming

__all__ = ["LogMessages"]

MOST_MESSAGES = 10_000
MOST_BYTES = 1 << 30  # a committed batch is smaller


class LogMessages:
    """Reads of the partitions of one local log."""

    def __init__(self, log: LocalLog, partitions: int) -> None:
        self._log = log
        self._partitions = {log.source(TOPIC, partition): partition for partition in range(partitions)}

    def starts(self) -> Mapping[int, int]:
        """Return the oldest offset that each source still has."""
        return {source: self._log.first_offset(TOPIC, partition) for source, partition in self._partitions.items()}

    def committed(self) -> Mapping[int, int]:
        """Return the next offset to process of each source."""
        return {source: self._log.committed(TOPIC, partition) for source, partition in self._partitions.items()}

    def between(self, log_source: int, first: int, end: int) -> list[Incoming]:
        """Return the messages of offsets [first, end). Raises LookupError where the log does not have them all."""
        partition = self._partitions[log_source]
        found: list[Incoming] = []
        while (following := first + len(found)) < end:
            wanted = min(MOST_MESSAGES, end - following)
            records = self._log.read(TOPIC, partition, following, max_messages=wanted, max_bytes=MOST_BYTES)
            if not records or records[0].offset != following:
                raise LookupError(f"the log has no offset {following} of source {log_source}")
            found += map(_incoming, records)
        return found


def _incoming(record: Record) -> Incoming:
    headers = dict(record.headers)
    return Incoming(
        offset=record.offset,
        appended_at=record.appended_at,
        tenant=headers["tenant"].decode(),
        signal=headers["signal"].decode(),
        records=record.records,
        value=record.value,
    )
