"""The producer half of the driver: what agents send becomes messages of the local log.

Guarantee: a send is durable when its future is done, and messages are appended in the order of the calls. Not
guaranteed: that the log keeps a caller's timestamp; it gives its own.
"""

import asyncio
import logging
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

    logger = logging.getLogger("faust.transport.log")

    def __init__(self, transport: Any, *args: Any, **kwargs: Any) -> None:
        self._target: LocalLog = transport.log
        super().__init__(transport, *args, **kwargs)

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,  # noqa: ARG002 -- the log gives its own
        headers: Headers,
        *,
        transactional_id: str | None = None,  # noqa: ARG002 -- there are no transactions
    ) -> "asyncio.Task[RecordMetadata]":
        """Begin to append a message; the task's result says where it is. The call and the task raise LogFull."""
        place = TP(topic, partition) if partition is not None else self.key_partition(topic, key or b"")
        pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers or ())
        records = int(dict(pairs).get("records", b"1"))
        message = Message(topic, place.partition, key or b"", value or b"", pairs, records)
        appended = asyncio.wrap_future(self._target.append_soon([message]))
        return asyncio.create_task(_placed(place, appended))

    async def send_and_wait(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Headers,
        *,
        transactional_id: str | None = None,
    ) -> RecordMetadata:
        """Append a message, and return once it is durable. Raises LogFull."""
        return await (
            await self.send(topic, key, value, partition, timestamp, headers, transactional_id=transactional_id)
        )

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Return the partition of a key: the same for the same number of partitions."""
        return TP(topic, partition_of_key(key, self._target.partitions))

    async def flush(self) -> None:
        """Wait until what agents sent without waiting is handed over."""
        await self.buffer.flush()

    async def create_topic(self, topic: str, partitions: int, replication: int, **kwargs: Any) -> None:
        """Do nothing: a topic of the log comes into being when it is asked for."""

    def supports_headers(self) -> bool:
        """Tell that messages have headers."""
        return True


async def _placed(place: TP, appended: "asyncio.Future[list[int]]") -> RecordMetadata:
    (offset,) = await appended
    return RecordMetadata(place.topic, place.partition, place, offset)
