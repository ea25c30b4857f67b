"""What a worker tells of each batch between its write and its commit: what it added to the sums, and its dead letters.

At least once: a batch whose worker dies before the commit is told of again, under the same token. Deltas of a source
are in order the first time they come. While Kafka takes nothing a batch waits, for `kafka_patience` seconds; then it
fails, and with it the worker, and the next one replays it. So it does after three minutes of refusals.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence

from spanpulse_sinks.clickhouse import Batch
from spanpulse_stream.deltas import encode_deltas, headers_of, key_of
from spanpulse_stream.kafka import Outgoing, OwnTopics, Sender
from spanpulse_stream.letters import letter_messages
from spanpulse_stream.observe import Metrics, catalog
from spanpulse_stream.partitions import TP
from spanpulse_stream.pipeline import Pending
from spanpulse_stream.settings import Settings

__all__ = ["Publisher"]

STAGE = "publish"
MOST_AT_ONCE, MOST_BYTES_AT_ONCE = 500, 4 * 1024 * 1024  # dead letters that Kafka has not acknowledged yet


class Publisher:
    """Publishes the batches of one worker. `give_up` ends what is under way, `stop` disconnects as well.

    ``trouble`` is what Kafka does not take, a sentence for a person; None while it takes everything.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._topics = OwnTopics.of(settings)
        self._most_bytes = settings.kafka_message_bytes
        self._metrics = metrics
        self.trouble: str | None = None
        self._sender = Sender(settings, "spanpulse-publisher", patience=settings.kafka_patience, retried=self._retried)
        self.give_up = self._sender.give_up
        self.stop = self._sender.stop

    async def publish(self, tp: TP, pending: Pending) -> None:
        """Tell of a batch of ``tp`` that is written. Raises KafkaAway or KafkaUnusable."""
        begun, batch = time.perf_counter(), pending.computed.batch
        for message in await asyncio.to_thread(self._deltas, batch):
            await self._send([message])  # one after the other: a reader goes by the order
        for messages in _portions(letter_messages(self._topics.dead_letter, tp, batch, self._most_bytes)):
            await self._send(messages)
        self._metrics.observe(catalog.PUBLISH_SECONDS, time.perf_counter() - begun)

    def _deltas(self, batch: Batch) -> list[Outgoing]:
        begun = time.thread_time()
        parts = encode_deltas(batch)
        self._metrics.add(catalog.PIPELINE_STAGE_SECONDS, time.thread_time() - begun, STAGE)
        return [
            Outgoing(self._topics.alert_deltas, key_of(batch), part, headers_of(batch, number, len(parts)))
            for number, part in enumerate(parts, 1)
        ]

    def _retried(self) -> None:
        self._metrics.add(catalog.PUBLISH_RETRIES)
        self.trouble = "Kafka does not take the deltas or dead letters of a batch; they are sent again"

    async def _send(self, messages: Sequence[Outgoing]) -> None:
        try:
            await self._sender.send(messages)
        finally:
            self.trouble = None
        topic = messages[0].topic
        self._metrics.add(catalog.PUBLISHED_MESSAGES, len(messages), topic)
        self._metrics.add(catalog.PUBLISHED_BYTES, sum(len(each.value) for each in messages), topic)


def _portions(messages: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    """Yield a few messages at a time, in order."""
    portion: list[Outgoing] = []
    size = 0
    for message in messages:
        if portion and (len(portion) == MOST_AT_ONCE or size + len(message.value) > MOST_BYTES_AT_ONCE):
            yield portion
            portion, size = [], 0
        portion.append(message)
        size += len(message.value)
    if portion:
        yield portion
