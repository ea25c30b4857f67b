"""Messages that a process of ours sends for others of ours: each until Kafka has acknowledged it, at least once.

A send waits through a restart of brokers. Where one fails or takes too long, its producer is given up, for aiokafka's
sequence numbers are spent then, and all of the send is repeated with a new one, so the messages of one send may come
again; they come in order unless the last attempt overtakes an earlier one. What brokers refuse is tried again for three
minutes, however patient the sender is. Not guaranteed: that a send which raised
left nothing in Kafka.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import BrokerResponseError, KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from spanpulse_sinks.backoff import pause
from spanpulse_stream.kafka._broker import reaching
from spanpulse_stream.kafka._cancellations import own_cancellations
from spanpulse_stream.kafka._described import not_allowed
from spanpulse_stream.kafka._failures import KafkaAway, KafkaUnusable, TopicsRefused
from spanpulse_stream.settings import Settings

__all__ = ["Outgoing", "Sender"]

LOG: Final = logging.getLogger(__name__)
PATIENCE_S: Final = 180.0
ATTEMPT_S: Final = 60.0
FIRST_WAIT_S: Final = 0.2
LONGEST_WAIT_S: Final = 5.0
STOP_WITHIN_S: Final = 3.0
BATCH_BYTES: Final = 128 * 1024
METADATA_EVERY_MS: Final = 60_000


class Outgoing(NamedTuple):
    """A message to send; without a ``partition`` the key decides on it."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    partition: int | None = None


class Sender:
    """Sends for one event loop; connects when it has something to send.

    ``patience`` is in seconds, for one send; ``retried`` hears of each attempt that failed.
    """

    def __init__(
        self,
        settings: Settings,
        client: str,
        *,
        patience: float = PATIENCE_S,
        retried: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._client = client
        self._patience = patience
        self._retried = retried
        self._connecting = asyncio.Lock()
        self._connected: _Connected | None = None
        self._over = asyncio.Event()

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Send messages, and return once Kafka has them all; those of one key are in order.

        Raises KafkaAway when that did not succeed in time, or `stop` was called, TopicsRefused where this client may
        not write to the topic, and KafkaUnusable for a message that the topic cannot take.
        """
        begun, failures, refused = time.monotonic(), 0, None
        deadline = begun + self._patience
        while True:
            try:
                await self._attempt(messages, min(ATTEMPT_S, deadline - time.monotonic()))
            except MessageSizeTooLargeError:
                raise KafkaUnusable(f"topic {messages[0].topic} does not take a message of this size") from None
            except (KafkaError, KafkaUnusable, OSError) as error:  # TimeoutError is one
                failure = error
                refused = (not_allowed(error.errno) if isinstance(error, BrokerResponseError) else None) or refused
            else:
                return
            failures += 1
            self._retried()
            if refused is not None:
                deadline = min(deadline, begun + PATIENCE_S)
            if self._over.is_set() or time.monotonic() >= deadline:
                if refused is not None:
                    raise TopicsRefused(f"topic {messages[0].topic} may not be written to: {refused}")
                raise KafkaAway(
                    f"messages for {messages[0].topic} were given up after {failures} attempts: {failure!r}"
                )
            LOG.warning("messages for %s are sent again: %r", messages[0].topic, failure)
            await self._pause(failures)

    def give_up(self) -> None:
        """Have sends that are under way raise."""
        self._over.set()

    async def stop(self) -> None:
        """Give up what is under way and disconnect, in bounded time."""
        self.give_up()
        if (connected := self._connected) is not None:
            self._connected = None
            await connected.close()

    async def _attempt(self, messages: Sequence[Outgoing], within: float) -> None:
        connected = await self._connection()
        try:
            async with asyncio.timeout(within):
                await connected.send(messages, self._over)
        except BaseException:
            if self._connected is connected:
                self._connected = None
            await connected.close()
            raise

    async def _connection(self) -> "_Connected":
        async with self._connecting:
            if self._over.is_set():
                raise KafkaAway("the process stops")
            if self._connected is None:
                self._connected = await _Connected.open(self._settings, self._client)
            return self._connected

    async def _pause(self, failures: int) -> None:
        wait = pause(failures, FIRST_WAIT_S, LONGEST_WAIT_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._over.wait()


class _Connected:
    """One producer, until its first failure."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._closed = asyncio.Event()

    @classmethod
    async def open(cls, settings: Settings, client: str) -> "_Connected":
        """Connect. Raises KafkaAway, KafkaMisconfigured, KafkaError."""
        compression = settings.kafka_compression
        producer = AIOKafkaProducer(
            **await reaching(settings, client),
            acks="all",
            enable_idempotence=True,
            compression_type=None if compression == "none" else compression,
            max_batch_size=BATCH_BYTES,
            max_request_size=settings.kafka_message_bytes,
            request_timeout_ms=round(settings.kafka_timeout * 1000),
            metadata_max_age_ms=METADATA_EVERY_MS,
        )
        connected = cls(producer)
        try:
            async with asyncio.timeout(ATTEMPT_S):
                await producer.start()
        except BaseException:
            await connected.close()
            raise
        return connected

    async def send(self, messages: Sequence[Outgoing], over: asyncio.Event) -> None:
        """Send messages and wait for all. Raises KafkaError."""
        sending = asyncio.create_task(self._send(messages))
        others = [asyncio.create_task(each.wait()) for each in (self._closed, over)]
        try:
            await asyncio.wait({sending, *others}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise KafkaAway("the producer was given up")
            sending.result()
        finally:
            for task in (sending, *others):
                task.cancel()
            await asyncio.gather(sending, *others, return_exceptions=True)

    async def _send(self, messages: Sequence[Outgoing]) -> None:
        acknowledged = [await self._given(each) for each in messages]
        for outcome in await asyncio.gather(*acknowledged, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _given(self, message: Outgoing) -> Any:
        """Give a message to the producer. Raises KafkaError."""
        topic, partition = message.topic, message.partition
        if partition is not None and partition not in await self._producer.partitions_for(topic):
            raise UnknownTopicOrPartitionError(f"{topic} {partition}")
        return await self._producer.send(
            topic, message.value, key=message.key, headers=list(message.headers), partition=partition
        )

    async def close(self) -> None:
        """Disconnect in bounded time, whatever is under way: aiokafka's own end waits until Kafka has taken it."""
        if self._closed.is_set():
            return
        self._closed.set()
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                with own_cancellations("closed"):
                    await self._producer.stop()
        except (TimeoutError, KafkaError, OSError):
            await self._break_off()

    async def _break_off(self) -> None:
        for each in list(self._producer.client._conns.values()):  # noqa: SLF001 -- no public way
            if (writer := each._writer) is not None:  # noqa: SLF001
                writer.transport.abort()
        sending = self._producer._sender.sender_task  # noqa: SLF001
        while sending is not None and not sending.done():
            sending.cancel()  # ends what it waits for, one by one
            await asyncio.wait({sending}, timeout=0.05)
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                with own_cancellations("closed"):
                    await self._producer.client.close()
