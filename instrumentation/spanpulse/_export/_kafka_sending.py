"""One batch at a time to Kafka by an idempotent producer, in the event loop of the transport.

aiokafka repeats a message with its sequence number until Kafka has it. So a batch that takes longer than one `send`
waits stays with the producer, and the next `send` of it waits on. Guarantee: a producer has one batch at most in hand;
after a failure it is given up, for its sequence numbers are spent, and the next one begins anew; closing takes a
bounded time whatever brokers do. Not guaranteed: that what was given up is not in Kafka.
"""

import asyncio
import contextlib
import inspect
import time
from typing import Any, Final

from opentelemetry import context as otel

from spanpulse._export._kafka_brokers import BrokersAway, answering, connection
from spanpulse._export._kafka_pace import Pace
from spanpulse._export._transport import Batch, Refused, Unavailable
from spanpulse._log import say_once
from spanpulse._settings import Settings

__all__ = ["Sending"]

LARGEST_BYTES: Final = 16 << 20  # of a message; the topic's own bound comes before it
METADATA_EVERY_MS: Final = 60_000
PATIENCE_S: Final = 300.0  # with one batch of one producer
STOP_WITHIN_S: Final = 1.0
REFUSED: Final = {
    "MessageSizeTooLargeError",
    "RecordListTooLargeError",
    "InvalidTimestampError",
    "PolicyViolationError",
}
FORBIDDEN: Final = {"TopicAuthorizationFailedError", "ClusterAuthorizationFailedError"}


class Sending:
    """Sends for one event loop; connects when it has something to send."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: Any = None
        self._pace: Pace | None = None
        self._batch: Batch | None = None
        self._begun = 0.0
        self._task: asyncio.Task[None] | None = None

    async def send(self, batch: Batch) -> None:
        """Return when Kafka has the batch. Raises Refused, Unavailable."""
        task = await self._in_hand(batch)
        done, _ = await asyncio.wait({task}, timeout=self._settings.timeout)
        if not done:
            raise Unavailable("kafka: no answer in time")
        self._task = self._batch = None
        error = ConnectionResetError("cut off") if task.cancelled() else task.exception()
        if error is not None:
            await self._drop_producer()
            raise _told(error, self._settings.kafka_topic)

    async def close(self) -> None:
        """Give up what is in hand, and disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=STOP_WITHIN_S)
            self._task = self._batch = None
        await self._drop_producer()

    def leave_to_parent(self) -> None:
        """Keep aiokafka from closing the parent's connections in a child of a fork, or complaining of them."""
        if (producer := self._producer) is not None:
            with contextlib.suppress(AttributeError):  # of another shape: then it complains
                producer._closed = True  # noqa: SLF001 -- no public way
                for each in producer.client._conns.values():  # noqa: SLF001
                    each._reader = None  # noqa: SLF001

    async def _in_hand(self, batch: Batch) -> "asyncio.Task[None]":
        """Return the task that hands a batch over: the one that does already, or a new one."""
        tired = time.monotonic() - self._begun > PATIENCE_S
        if self._task is not None and self._batch == batch and (self._task.done() or not tired):
            return self._task
        if self._task is not None:
            await self.close()
        self._batch, self._begun = batch, time.monotonic()
        self._task = asyncio.create_task(self._hand_over(batch))
        return self._task

    async def _hand_over(self, batch: Batch) -> None:
        token = otel.attach(_without_spans())
        try:
            producer = await self._connected()
            send = inspect.unwrap(type(producer).send)  # who instruments it would have a span for each of ours
            headers = [("signal", batch.signal.encode()), ("records", b"%d" % batch.count)]
            await (await send(producer, self._settings.kafka_topic, batch.body, key=batch.key, headers=headers))
        finally:
            otel.detach(token)

    async def _connected(self) -> Any:
        if self._producer is None:
            from aiokafka import AIOKafkaProducer  # noqa: PLC0415 -- an extra, and slow to import

            self._producer = AIOKafkaProducer(
                **connection(self._settings),
                bootstrap_servers=[await answering(self._settings)],
                acks="all",
                enable_idempotence=True,
                compression_type=_compression(self._settings),
                max_request_size=LARGEST_BYTES,
                metadata_max_age_ms=METADATA_EVERY_MS,
            )
            self._pace = Pace(self._producer.client)
            async with asyncio.timeout(self._settings.timeout):
                await self._producer.start()
        return self._producer

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        for each in list(producer.client._conns.values()):  # noqa: SLF001 -- its own end waits until Kafka has all
            if (writer := each._writer) is not None:  # noqa: SLF001
                writer.transport.abort()
        sending, deadline = producer._sender.sender_task, time.monotonic() + STOP_WITHIN_S  # noqa: SLF001
        while sending is not None and not sending.done() and time.monotonic() < deadline:
            sending.cancel()  # ends what it waits for, one by one
            await asyncio.wait({sending}, timeout=0.02)
        await _ended(producer.client.close())
        if self._pace is not None:
            self._pace.end()
        producer._closed = True  # noqa: SLF001 -- what it waits for to close is gone


def _without_spans() -> otel.Context:
    """Return a context that asks instrumentations, older and newer ones, for no spans."""
    newer = getattr(otel, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")
    return otel.set_value(newer, True, otel.set_value("suppress_instrumentation", True))


async def _ended(closing: Any) -> None:
    """Wait a moment for something of aiokafka to close, however it does."""
    task = asyncio.ensure_future(closing)
    done, _ = await asyncio.wait({task}, timeout=STOP_WITHIN_S)
    task.cancel()
    for each in done:
        _ = each.cancelled() or each.exception()


def _compression(settings: Settings) -> str | None:
    """Return zstd where its library is installed: a thirtieth of what gzip costs."""
    from aiokafka.codec import has_zstd  # noqa: PLC0415 -- an extra, and slow to import

    return None if settings.compression == "none" else "zstd" if has_zstd() else "gzip"


def _told(error: BaseException, topic: str) -> Refused | Unavailable:
    """Return what a failure means for the batch."""
    name = type(error).__name__
    if name in REFUSED:
        return Refused(f"kafka {name.removesuffix('Error')}", f"topic {topic} does not take the message")
    if name == "UnknownTopicOrPartitionError":
        say_once(f"Kafka has no topic {topic}: spans wait until it is made (kafka_topic; `spanpulse init` makes it)")
        return Unavailable(f"kafka: no topic {topic}")
    if name in FORBIDDEN:
        say_once(f"Kafka does not let this user write to topic {topic}: spans wait until it does")
        return Unavailable(f"kafka: topic {topic} may not be written to")
    if isinstance(error, BrokersAway):
        return Unavailable(f"kafka: {error}")
    return Unavailable(f"kafka: {error!r}")
