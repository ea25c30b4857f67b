"""The agent `watch`: reads the deltas of all batches, in a consumer group of its own, leaves out what it has seen.

It is a part of every worker. What it has seen it remembers in memory, and it begins at the committed offset of its
group, with the deltas since then alone. Guarantee: a delta is acknowledged after the watcher has it. Not guaranteed:
that no other worker has watched it before, where a partition of the topic changed hands; nor that anything of before
a start is known.
"""

import asyncio
import logging
from typing import Any

from spanpulse_stream.cluster._watch import measure_lag
from spanpulse_stream.deltas import Delta, NoDelta, RecentSums, SeenDeltas
from spanpulse_stream.kafka import OwnTopics
from spanpulse_stream.observe import Metrics, catalog
from spanpulse_stream.partitions import TP
from spanpulse_stream.settings import Settings
from spanpulse_stream.transport import KafkaClaims, make_kafka_app

__all__ = ["Watching"]

LOG = logging.getLogger(__name__)
AT_ONCE, WITHIN_S = 16, 0.2
LOOK_EVERY_S = 1.0


class Watching:
    """Made in the loop that runs ``app``; start and stop that, and run `measure` meanwhile."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.watcher = RecentSums()
        self._seen = SeenDeltas()
        self._metrics = metrics
        self.app = make_kafka_app(settings, name=f"{settings.kafka_group}-watch", client="spanpulse-watch")
        topic = self.app.topic(OwnTopics.of(settings).alert_deltas, key_serializer="raw", value_serializer="raw")
        self.app.agent(topic, name="watch")(self._watch)

    async def _watch(self, stream: Any) -> None:
        async for events in stream.noack_take(AT_ONCE, within=WITHIN_S):
            for event in events:
                self._take(event.message)
                await stream.ack(event)

    def _take(self, message: Any) -> None:
        try:
            delta = Delta.of(message.headers, message.value or b"")
        except NoDelta as error:
            LOG.warning("%s %d, offset %d: %s", message.topic, message.partition, message.offset, error)
            self._metrics.add(catalog.WATCH_DELTAS, 1, "unreadable")
            return
        if self._seen.is_new(delta):
            self.watcher.watch(delta)
            self._metrics.add(catalog.WATCH_DELTAS, 1, "taken")
        else:
            self._metrics.add(catalog.WATCH_DELTAS, 1, "seen")

    async def measure(self) -> None:
        """Keep the metrics of what is watched until cancelled."""
        claims, mine = KafkaClaims(self.app), frozenset[TP]()
        while True:
            mine = frozenset(measure_lag(self.app, claims, self._metrics, mine))
            self._metrics.set(catalog.WATCH_REQUESTS, self.watcher.requests)
            self._metrics.set(catalog.WATCH_SPANS, self.watcher.spans)
            await asyncio.sleep(LOOK_EVERY_S)
