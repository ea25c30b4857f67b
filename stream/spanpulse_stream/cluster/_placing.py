"""Where a partition's batches go: its source and shard, asked for until Kafka says.

A partition that is assigned in the moment in which Kafka goes away waits for it, as the others do. Not guaranteed: an
answer; after its patience the last failure is raised.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable

from spanpulse_stream.kafka import KafkaAway, LogSources
from spanpulse_stream.kafka._source_records import SourcePlace
from spanpulse_stream.partitions import TP

__all__ = ["place_of"]

LOG = logging.getLogger(__name__)
WAIT_S = 1.0


async def place_of(sources: LogSources, tp: TP, patience_s: float, stopping: Callable[[], bool]) -> SourcePlace:
    """Return source and shard of a partition, after ``patience_s`` at most, or as soon as the process stops.

    Raises KafkaAway, KafkaMisconfigured or TopicsRefused.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return (await sources.places([tp]))[tp]
        except KafkaAway as error:
            if stopping() or time.monotonic() >= deadline:
                raise
            LOG.warning("%s/%d has to wait for its number: %s", tp.topic, tp.partition, error)
        await asyncio.sleep(WAIT_S * random.uniform(0.5, 1.5))  # noqa: S311 -- spreads load
