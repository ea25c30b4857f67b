"""The producer half of the driver: what agents send becomes messages of the local log.

Guarantee: a send is durable when its future is done. Not guaranteed: that the log keeps a caller's timestamp; it
gives its own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from faust.transport import producer
from faust.types import TP, RecordMetadata

from spanpulse_stream.log import LocalLog, Message
from spanpulse_stream.transport._keys import partition_of_key

__all__ = ["Producer"]

Headers = Mapping[str, bytes] | Sequence[tuple[str, bytes]] | None


class Producer(producer.Producer):
    """Appends to the log of its transport."""

    def __init__(self, transport: Any, *args: Any, **kwargs: Any) -> None:
        self._target: LocalLog = transport.log
        super().__init__(transport, *args, **kwargs)

    async def send(  # noqa: PLR0917 -- Faust's signature
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Headers,
        *,
        transactional_id: str | None = None,
    ) -> "asyncio.Task[RecordMetadata]":
        """Begin to append a message; the task raises LogFull."""
        sending = self.send_and_wait(
            topic, key, value, partition, timestamp, headers, transactional_id=transactional_id
        )
        return asyncio.create_task(sending)

    async def send_and_wait(  # noqa: PLR0917 -- Faust's signature
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,  # noqa: ARG002
        headers: Headers,
        *,
        transactional_id: str | None = None,  # noqa: ARG002
    ) -> RecordMetadata:
        """Append a message, and return once it is durable. Raises LogFull."""
        if partition is None:
            partition = self.key_partition(topic, key or b"").partition
        pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers or ())
        records = int(dict(pairs).get("records", b"1"))
        message = Message(topic, partition, key or b"", value or b"", pairs, records)
        (offset,) = await asyncio.wrap_future(self._target.append_soon([message]))
        return RecordMetadata(topic, partition, TP(topic, partition), offset)

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Return the partition of a key: the same for the same number of partitions."""
        return TP(topic, partition_of_key(key, self._target.partitions))

    async def flush(self) -> None:
        """Wait until what agents sent without waiting is handed over."""
        await self.buffer.flush()

    async def create_topic(self, topic: str, partitions: int, replication: int, **kwargs: Any) -> None:
        """Do nothing: a topic of the log comes into being with its first message."""

    def supports_headers(self) -> bool:
        """Tell that messages have headers."""
        return True
