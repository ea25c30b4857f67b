"""Reading partitions of the log in chunks: where each stands, and what was read of it but not yet delivered.

Guarantee: records of a partition come in order and without a gap from the offset sought. At most one chunk of a
partition waits here.
"""

import asyncio
from collections import deque
from typing import Final

from faust.types import TP

from spanpulse_stream.log import LocalLog, Record

__all__ = ["PartitionReader"]

CHUNK_MESSAGES: Final = 16
CHUNK_BYTES: Final = 4 * 1024 * 1024


class PartitionReader:
    """Positions and chunks of the partitions of one consumer."""

    def __init__(self, log: LocalLog) -> None:
        self._log = log
        self._positions: dict[TP, int] = {}
        self._chunks: dict[TP, deque[Record]] = {}

    @property
    def positions(self) -> dict[TP, int]:
        """The offset of the next record to deliver, by partition."""
        return dict(self._positions)

    def seek(self, tp: TP, offset: int) -> None:
        """Deliver from ``offset`` on."""
        self._positions[tp] = offset
        self._chunks.pop(tp, None)

    async def ready(self, tp: TP) -> bool:
        """Tell whether `take` has a record, after reading a chunk if that is needed. Raises LogDamaged."""
        if not self._chunks.get(tp):
            start = self._positions[tp]
            if start == self._log.end_offset(*tp):
                return False
            records = await asyncio.to_thread(self._read, tp, start)
            if self._positions[tp] == start:  # nobody sought meanwhile
                self._chunks[tp] = deque(records)
        return bool(self._chunks.get(tp))

    def take(self, tp: TP) -> Record | None:
        """Return the next record of the chunk, None at its end."""
        if not (chunk := self._chunks.get(tp)):
            return None
        record = chunk.popleft()
        self._positions[tp] = record.offset + 1
        return record

    def _read(self, tp: TP, offset: int) -> list[Record]:
        return self._log.read(tp.topic, tp.partition, offset, max_messages=CHUNK_MESSAGES, max_bytes=CHUNK_BYTES)
