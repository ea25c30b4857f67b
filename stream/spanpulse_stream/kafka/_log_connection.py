"""One producer of aiokafka: idempotent, acks=all, used until its first failure.

aiokafka sends one batch of a partition at a time and repeats it until Kafka answers, however long that takes. What
is given up with `stop` may or may not be in Kafka.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from spanpulse_stream.kafka._broker import reaching
from spanpulse_stream.kafka._cancellations import own_cancellations
from spanpulse_stream.kafka._log_errors import Abandoned
from spanpulse_stream.kafka._packing import Pack
from spanpulse_stream.settings import Settings

__all__ = ["Connection"]

logger = logging.getLogger(__name__)
CLIENT: Final = "spanpulse-gateway"
CONNECT_WITHIN_S: Final = 20.0
TOPIC_WITHIN_S: Final = 3.0
STOP_WITHIN_S: Final = 3.0
METADATA_EVERY_MS: Final = 60_000
FRAME_BYTES: Final = 64 * 1024  # more than the frames of a batch's records take


class Connection:
    """Writes batches of at most ``batch_bytes`` to one topic, or one message that is larger. For one event loop."""

    def __init__(self, settings: Settings, topic: str, batch_bytes: int) -> None:
        self.topic = topic
        self.acknowledged = False  # whether anything ever was
        self.spoiled = asyncio.Event()
        self.in_a_hurry = False
        self._settings = settings
        self._largest = max(batch_bytes, settings.kafka_message_bytes) + FRAME_BYTES
        self._producer: Any = None
        self._open = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Connect. Raises KafkaAway, KafkaMisconfigured, KafkaError, TimeoutError."""
        async with asyncio.timeout(CONNECT_WITHIN_S):
            options = await reaching(self._settings, CLIENT)
            self._producer = self._made({**options, "bootstrap_servers": options["bootstrap_servers"][:1]})
            await self._producer.start()
            await self._find_topic()

    async def _find_topic(self) -> None:
        try:
            async with asyncio.timeout(TOPIC_WITHIN_S):
                await self._producer.partitions_for(self.topic)
        except TimeoutError:
            raise UnknownTopicOrPartitionError from None

    def _made(self, options: dict[str, Any]) -> AIOKafkaProducer:
        compression, timeout = self._settings.kafka_compression, self._settings.kafka_timeout
        return AIOKafkaProducer(
            **options,
            acks="all",
            enable_idempotence=True,
            compression_type=None if compression == "none" else compression,
            max_batch_size=self._largest,
            max_request_size=self._largest,
            request_timeout_ms=round(timeout * 1000),
            metadata_max_age_ms=METADATA_EVERY_MS,
        )

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
            await asyncio.wait((delivered, self._given_up), return_when=asyncio.FIRST_COMPLETED)
            if not delivered.done():
                raise Abandoned
            delivered.result()
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
        if not self._given_up.done():
            self._given_up.set_result(None)

    async def stop(self) -> None:
        """Abandon what is open and close all connections, in bounded time. Raises nothing."""
        in_order = not self._open
        self.abandon()
        if self._producer is None:
            return
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                with own_cancellations("closed"):
                    await (self._producer.stop() if in_order else self._break_off())
        except TimeoutError:
            logger.debug("a producer did not close in time")
        except Exception:  # it is given up whatever it says, and its connections are cut below
            logger.debug("a producer did not close cleanly", exc_info=True)
        self._cut()

    def _batch(self, packs: Iterable[Pack]) -> Any:
        batch = self._producer.create_batch()
        for pack in packs:
            # Kafka's own time of arrival is what counts; the topics use LogAppendTime.
            added = batch.append(timestamp=None, key=pack.key, value=pack.value, headers=list(pack.headers))
            if added is None:
                raise ValueError("a batch is larger than it may be")
        batch.close()
        return batch

    # What aiokafka has no public way for: its own stop waits until Kafka has taken everything.

    async def _break_off(self) -> None:
        """Close without waiting for what is open."""
        self._cut()
        self._producer._closed = True  # noqa: SLF001
        sending = self._producer._sender.sender_task  # noqa: SLF001
        while sending is not None and not sending.done():
            sending.cancel()  # ends what it waits for, one by one
            await asyncio.wait({sending}, timeout=0.05)
        await self._producer.client.close()

    def _cut(self) -> None:
        """End connections at once: closing one waits until the broker has taken its bytes."""
        for each in list(self._producer.client._conns.values()):  # noqa: SLF001
            if (writer := each._writer) is not None:  # noqa: SLF001
                writer.transport.abort()
