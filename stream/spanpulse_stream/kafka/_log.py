"""The log of a cluster: messages go to a topic of Kafka, and are durable when Kafka has acknowledged them.

Guarantee: `append` returns only after every message is acknowledged by all replicas that are in sync; messages of one
key reach one partition, the one that any client with Kafka's own partitioner finds, in the order of the calls; what is
held for Kafka is bounded. Not guaranteed: that an append which failed left nothing behind; the order of a key across
a failed producer that had to be given up, or a change of the number of partitions.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Sequence
from typing import Final

from aiokafka.partitioner import murmur2

from spanpulse_stream.kafka._connection import connection
from spanpulse_stream.kafka._log_connection import Connection
from spanpulse_stream.kafka._log_connections import Connections
from spanpulse_stream.kafka._log_errors import away
from spanpulse_stream.kafka._log_lane import BATCH_BYTES, Lane
from spanpulse_stream.kafka._log_request import Request
from spanpulse_stream.kafka._log_rooms import Rooms
from spanpulse_stream.kafka._log_watch import Watch
from spanpulse_stream.kafka._packing import part_bytes
from spanpulse_stream.kafka._topics import OwnTopics
from spanpulse_stream.log import LogClosed, LogFull, Message, MessagesRefused
from spanpulse_stream.observe import Health, Metrics, catalog
from spanpulse_stream.settings import Settings

__all__ = ["KafkaLog", "partition_of_key"]

logger = logging.getLogger(__name__)
MIB: Final = 1024 * 1024
FULL_RETRY_S: Final = 1.0
FLUSH_WITHIN_S: Final = 5.0
FRAME_BYTES: Final = 1024  # more than what Kafka puts around one record with its headers


def partition_of_key(key: bytes, partitions: int) -> int:
    """Return the partition of a key, as Kafka's own clients find it."""
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions


class KafkaLog:
    """`MessageLog` over the topic `<kafka_topic_prefix>.otlp`, from `start` to `aclose`, in one event loop.

    ``start`` does not wait for Kafka: until it is reached, `append` raises LogAway.
    """

    def __init__(self, settings: Settings, metrics: Metrics, health: Health) -> None:
        self.topic = OwnTopics.of(settings).otlp
        self._settings = settings
        self._linger = settings.kafka_linger
        self._timeout = settings.kafka_timeout
        self._most_held = settings.kafka_buffer_bytes
        self._largest = settings.kafka_message_bytes - FRAME_BYTES
        self._connections = Connections(lambda: Connection(settings, self.topic, BATCH_BYTES), settings.kafka_timeout)
        self._watch = Watch(self._connections, settings.kafka_timeout, metrics, health)
        self._rooms = Rooms()
        self._lanes: dict[int, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._held = 0
        self._nothing_held = asyncio.Event()
        self._nothing_held.set()
        self._closed = False
        metrics.watch(catalog.KAFKA_HELD_BYTES, lambda: self._held)

    async def start(self) -> None:
        """Begin to connect. Raises KafkaMisconfigured."""
        connection(self._settings, "")  # whatever is wrong with settings and files is said before anything is served
        self._connections.start()
        self._run(self._watch.run(), "kafka:watch")

    async def append(self, messages: Sequence[Message]) -> None:
        """Append messages; the topic is this log's own. Raises LogFull, LogAway, MessagesRefused, LogClosed."""
        if self._closed:
            raise LogClosed
        if self._watch.reason:
            raise away(self._watch.reason)
        taken = [message for message in messages if len(message.value) + len(message.key) <= self._largest]
        refused = sum(message.records for message in messages) - sum(message.records for message in taken)
        if taken:
            refused += await self._append(taken)
        if refused:
            raise MessagesRefused(refused, f"larger than a message of Kafka may be: {self._largest} bytes")

    async def aclose(self) -> None:
        """Take nothing more, finish what is under way in bounded time, and disconnect. May be called again."""
        self._closed = True
        for lane in self._lanes.values():
            lane.hurry()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_WITHIN_S):
                await self._nothing_held.wait()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for lane in self._lanes.values():
            lane.end(LogClosed())
        await self._connections.stop()

    async def _append(self, messages: Sequence[Message]) -> int:
        """Append messages that are not too large; return how many records the topic refused all the same."""
        placed, size = self._placed(messages), sum(map(part_bytes, messages))
        if self._held and self._held + size > self._most_held:
            raise LogFull(FULL_RETRY_S, f"{self._held // MIB} MiB wait for Kafka already")
        # Not before: a request and its parts refer to each other, and what is refused would stay in memory until the
        # next full collection, seconds later.
        request = Request(placed, self._release)
        self._held += size
        self._nothing_held.clear()
        try:
            async with asyncio.timeout(self._timeout):
                await request.send()
        except TimeoutError:
            raise away(f"Kafka did not acknowledge within {self._timeout:g} seconds") from None
        return request.too_large

    def _placed(self, messages: Sequence[Message]) -> list[tuple[Lane, Message]]:
        """Return each message with the lane of its partition. Raises LogAway where one is stuck."""
        placed = []
        for message in messages:
            partition = partition_of_key(message.key, self._watch.partitions)
            if self._watch.stuck(partition):
                raise away("Kafka does not acknowledge what was sent to this partition before")
            placed.append((self._lane(partition), message))
        return placed

    def _lane(self, partition: int) -> Lane:
        lane = self._lanes.get(partition)
        if lane is None:
            lane = Lane(partition, self._linger, self._connections, self._rooms, self._watch)
            self._lanes[partition] = lane
            self._run(lane.run(), f"kafka:{partition}")
        return lane

    def _run(self, work: Coroutine[object, object, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(_died)

    def _release(self, size: int) -> None:
        self._held -= size
        if not self._held:
            self._nothing_held.set()


def _died(task: "asyncio.Task[None]") -> None:
    """Say that a part of the log ended by itself, which none does."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("%s ended: nothing is written any more", task.get_name(), exc_info=error)
