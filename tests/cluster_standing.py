"""A cluster that stands while one thing after another goes wrong with it: what all of them acknowledged must be there.

Starting processes is what tests of a cluster spend their time with, so those of a module share one. The sums are
those of everything that was sent since its start.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from clickhouse_running import ClickHouse
from cluster_running import Cluster, Role
from cluster_storm import Load, Storm
from kafka_running import Kafka
from spanpulse_stream.cluster import audit_cluster
from spanpulse_stream.kafka import OwnTopics
from spanpulse_stream.operations import Progress
from spanpulse_stream.traffic import LoadGenerator
from sums import check

__all__ = ["Standing", "eventually", "produce", "standing"]

DEADLINE_S = 90.0
PAUSE_S = 0.4
LARGEST = 8 << 20

Record = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Key, value, headers."""


@dataclass
class Standing:
    """One gateway, two workers. ``requests`` of the load were acknowledged so far."""

    storm: Storm
    requests: int = 0
    _loads: list[Load] = field(default_factory=list)

    @property
    def cluster(self) -> Cluster:
        """The cluster of it."""
        return self.storm.cluster

    @property
    def gateway(self) -> Role:
        """Its gateway."""
        return self.storm.gateways[0]

    @property
    def workers(self) -> list[Role]:
        """Its workers."""
        return self.storm.workers

    @property
    def topic(self) -> str:
        """The topic that gateways write to."""
        return OwnTopics.of(self.cluster.settings).otlp

    @contextmanager
    def load(self, pause: float = PAUSE_S) -> Iterator[Load]:
        """Send requests while the block runs, then assert that all that was ever acknowledged is there once."""
        load = Load(self.storm.gateways, LoadGenerator(len(self._loads)), pause).begin()
        self._loads.append(load)
        try:
            yield load
            load.finish()
        finally:
            load.end()
            self.requests += load.acknowledged
        self.whole(load)

    def whole(self, load: Load) -> None:
        """Assert that everything is there once, in spans and every rollup, and that an audit finds nothing."""
        for role in self.storm.roles:
            if not role.running:
                role.start()
        self.cluster.drain()
        check(self.cluster, load.load, self.requests, self.requests)
        assert self.audit()["findings"] == []

    def audit(self) -> dict[str, Any]:
        """Return the report of `spanpulse audit`."""

        def silent(_progress: Progress) -> None:
            return None

        return audit_cluster(self.cluster.settings, {}, silent)


@contextmanager
def standing(folder: Path, kafka: Kafka, clickhouse: ClickHouse, **environ: str) -> Iterator[Standing]:
    """Start a cluster that stands, and end it."""
    folder.mkdir(parents=True, exist_ok=True)
    with Cluster(folder, kafka, clickhouse, environ) as cluster:
        yield Standing(Storm.of(cluster))


def produce(kafka: Kafka, topic: str, records: list[Record], **options: Any) -> None:
    """Write records as any producer would, all to one partition where ``partition`` says which."""
    partition, stamps = options.pop("partition", None), options.pop("timestamp_ms", None)

    async def write() -> None:
        made = AIOKafkaProducer(
            **{"client_id": "tests", "max_request_size": LARGEST, **kafka.client_options(), **options}
        )
        async with made as producer:
            for key, value, headers in records:
                await producer.send_and_wait(
                    topic, value, key, partition=partition, headers=headers, timestamp_ms=stamps
                )

    asyncio.run(write())


def eventually(true: Callable[[], bool], within: float = DEADLINE_S, told: Callable[[], object] = str) -> None:
    """Wait until something is true. Raises AssertionError."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)
