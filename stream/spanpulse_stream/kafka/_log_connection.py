"""One producer of aiokafka: idempotent, acks=all, used until its first failure.

aiokafka sends one batch of a partition at a time and repeats it until Kafka answers, however long that takes. What
is given up with `stop` may or may not be in Kafka.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from spanpulse_stream.kafka._connection import KafkaMisconfigured, connection
from spanpulse_stream.kafka._log_errors import Abandoned
from spanpulse_stream.kafka._packing import Pack
from spanpulse_stream.settings import Settings

__all__ = ["Connection"]

logger = logging.getLogger(__name__)
CLIENT: Final = "spanpulse-gateway"
CONNECT_WITHIN_S: Final = 15.0
STOP_WITHIN_S: Final = 3.0
METADATA_EVERY_MS: Final = 60_000
FRAME_BYTES: Final = 64 * 1024  # more than the frames of a batch's records take


class Connection:
    """Writes batches to one topic. Made inside a running loop. Raises KafkaMisconfigured."""

    def __init__(self, settings: Settings, topic: str, batch_bytes: int) -> None:
        self.topic = topic
        self.acknowledged = False  # whether anything ever was
        self.spoiled = asyncio.Event()
        self.in_a_hurry = False
        self._open = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        largest = max(batch_bytes, settings.kafka_message_bytes) + FRAME_BYTES
        compression = None if settings.kafka_compression == "none" else settings.kafka_compression
        try:
            self._producer = AIOKafkaProducer(
                **connection(settings, CLIENT),
                acks="all",
                enable_idempotence=True,
                compression_type=compression,
                max_batch_size=largest,
                max_request_size=largest,
                request_timeout_ms=round(settings.kafka_timeout * 1000),
                metadata_max_age_ms=METADATA_EVERY_MS,
            )
        except (RuntimeError, ValueError) as error:
            raise KafkaMisconfigured(f"the settings of Kafka cannot be used: {error}") from None

    async def start(self) -> None:
        """Connect. Raises KafkaError, OSError, TimeoutError."""
        async with asyncio.timeout(CONNECT_WITHIN_S):
            await self._producer.start()
            await self._producer.partitions_for(self.topic)

    @property
    def partitions(self) -> int:
        """The number of partitions, as far as is known; 0 if nothing is."""
        return len(self._producer.client.cluster.partitions_for_topic(self.topic) or ())

    @property
    def brokers(self) -> int:
        """The number of brokers that are known."""
        return len(self._producer.client.cluster.brokers())

    def leader(self, partition: int) -> int | None:
        """Return the node that takes a partition's batches now."""
        found: int | None = self._producer.client.cluster.leader_for_partition(TopicPartition(self.topic, partition))
        return found

    async def write(self, partition: int, packs: Sequence[Pack]) -> None:
        """Write packs as one batch, and return once Kafka has acknowledged it. Raises KafkaError and others."""
        self._open += 1
        self._quiet.clear()
        try:
            delivered = await self._producer.send_batch(self._batch(packs), self.topic, partition=partition)
            await delivered
            self.acknowledged = True
        finally:
            self._open -= 1
            if not self._open:
                self._quiet.set()

    async def probe(self) -> bool:
        """Ask the brokers for the topic's partitions; tell whether one answered."""
        answered: bool = await self._producer.client.force_metadata_update()
        return answered

    def spoil(self, *, hurry: bool = False) -> None:
        """Say that it is to be replaced; in a hurry without waiting for what is open."""
        self.in_a_hurry |= hurry
        self.spoiled.set()

    async def drain(self, within: float) -> None:
        """Wait until nothing is open, so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._quiet.wait()

    def abandon(self) -> None:
        """Let all writers that still wait hear Abandoned."""
        self._producer._message_accumulator.fail_all(Abandoned())  # noqa: SLF001 -- nothing public does

    async def stop(self) -> None:
        """Abandon what is open and close all connections, in bounded time. Raises nothing."""
        self.abandon()
        begun = time.monotonic()
        for closing in (self._producer.stop(), self._producer.client.close()):
            try:
                async with asyncio.timeout(STOP_WITHIN_S):
                    await closing
            except TimeoutError:
                self._cut()
            except (KafkaError, OSError, KeyError, asyncio.InvalidStateError):
                logger.debug("a producer did not close cleanly", exc_info=True)
        logger.debug("a producer was closed", extra={"seconds": time.monotonic() - begun})

    def _batch(self, packs: Iterable[Pack]) -> Any:
        batch = self._producer.create_batch()
        for pack in packs:
            # Kafka's own time of arrival is what counts; the topics use LogAppendTime.
            added = batch.append(timestamp=None, key=pack.key, value=pack.value, headers=list(pack.headers))
            if added is None:
                raise ValueError("a batch is larger than it may be")
        batch.close()
        return batch

    def _cut(self) -> None:
        """End connections whose bytes nobody takes: closing one waits until they are gone."""
        for each in list(self._producer.client._conns.values()):  # noqa: SLF001 -- nothing public does
            if (writer := each._writer) is not None:  # noqa: SLF001
                writer.transport.abort()
