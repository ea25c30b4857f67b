"""How far the workers are behind: the end of each partition against what the group has committed.

For who looks at the group from outside; a worker knows its own partitions without asking. Every request has a timeout.
Not guaranteed: one moment for all partitions.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code

from spanpulse_stream.kafka import connection
from spanpulse_stream.settings import Settings

__all__ = ["GroupLag", "PartitionLag"]

TIMEOUT_S = 10.0
EXPECTED = {0, UnknownTopicOrPartitionError.errno}  # a topic that is not made yet has no lag


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """One partition: the next offset to commit and the one that the next message gets; messages between them wait."""

    topic: str
    partition: int
    committed: int
    end: int

    @property
    def messages(self) -> int:
        """How many messages wait, at most: offsets may have gaps."""
        return max(0, self.end - self.committed)


class GroupLag:
    """Asks the brokers about the workers' group. `read` may fail and be repeated; `close` at the end."""

    def __init__(self, settings: Settings, topics: tuple[str, ...]) -> None:
        options = connection(settings, "spanpulse-lag")
        self._group = settings.kafka_group
        self._topics = topics
        self._admin = AIOKafkaAdminClient(**options, request_timeout_ms=int(TIMEOUT_S * 1000))
        self._consumer = AIOKafkaConsumer(
            **options, request_timeout_ms=int(TIMEOUT_S * 1000), enable_auto_commit=False, group_id=None
        )
        self._started = False

    async def read(self) -> list[PartitionLag]:
        """Return the lag of every partition. Raises KafkaError or TimeoutError."""
        async with asyncio.timeout(3 * TIMEOUT_S):
            await self._start()
            places = await self._places()
            ends = await self._consumer.end_offsets(places)
            starts = await self._consumer.beginning_offsets(places)
            committed = await self._admin.list_consumer_group_offsets(self._group, partitions=places)
        return [
            PartitionLag(place.topic, place.partition, _next(committed.get(place), starts[place]), ends[place])
            for place in places
        ]

    async def close(self) -> None:
        """Close the clients."""
        for client in (self._consumer.stop, self._admin.close):
            with contextlib.suppress(KafkaError, TimeoutError, OSError):
                async with asyncio.timeout(TIMEOUT_S):
                    await client()

    async def _start(self) -> None:
        if not self._started:
            await self._consumer.start()
            await self._admin.start()
            self._started = True

    async def _places(self) -> list[TopicPartition]:
        found = await self._admin.describe_topics(list(self._topics))
        for topic in found:
            if topic["error_code"] not in EXPECTED:
                raise for_code(topic["error_code"])(topic["topic"])
        return [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in found
            for partition in topic.get("partitions", ())
        ]


def _next(committed: Any, start: int) -> int:
    """Return the offset to commit next: the first one kept where nothing is committed."""
    return max(committed.offset, start) if committed is not None and committed.offset >= 0 else start
