"""How the apps of this process reach Kafka, and with which options.

The options are those that were measured to lose nothing and to hand partitions over soon.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Self

from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from spanpulse_stream.kafka import connection
from spanpulse_stream.settings import Settings
from spanpulse_stream.transport._registry import Registry

__all__ = ["Cluster", "cluster_of", "register_cluster"]

REQUEST_TIMEOUT_MS: Final = 30_000
REBALANCE_TIMEOUT_MS: Final = 60_000  # for the batch that is being written when a rebalance begins
METADATA_AGE_MS: Final = 10_000  # after which new topics and partitions are found
FETCH_WAIT_MS: Final = 500
# Compressed; a larger message comes alone. Few partitions at a time with much of each: batches of a backlog are large.
PARTITION_FETCH_BYTES: Final = 3 * 1024 * 1024
FETCH_BYTES: Final = 6 * 1024 * 1024
NEVER_MS: Final = 2**31 - 1


@dataclass(frozen=True)
class Cluster:
    """One cluster as one process uses it; ``patience`` is in seconds, ``connect`` holds secrets and is not shown."""

    brokers: tuple[str, ...]
    session_timeout: float
    instance: str | None
    compression: str | None
    message_bytes: int
    patience: float
    connect: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, settings: Settings, client: str) -> Self:
        """Return the cluster of the settings; ``client`` names this process to the brokers.

        Raises KafkaMisconfigured.
        """
        return cls(
            brokers=tuple(settings.kafka_brokers),
            session_timeout=settings.kafka_session_timeout,
            instance=settings.kafka_instance,
            compression=None if settings.kafka_compression == "none" else settings.kafka_compression,
            message_bytes=settings.kafka_message_bytes,
            patience=settings.kafka_patience,
            connect=connection(settings, client),
        )

    def consumer_options(self, group: str) -> dict[str, Any]:
        """Return what an AIOKafkaConsumer of a group is made with."""
        return {
            **self.connect,
            "group_id": group,
            "group_instance_id": self.instance,
            "partition_assignment_strategy": [RoundRobinPartitionAssignor],
            "session_timeout_ms": round(self.session_timeout * 1000),
            "heartbeat_interval_ms": round(self.session_timeout * 200),
            "rebalance_timeout_ms": REBALANCE_TIMEOUT_MS,
            # A database that is away holds the agents up for longer than any bound here, and handing their partitions
            # to others that wait for it too would help nobody. Who is stuck is found by its offsets.
            "max_poll_interval_ms": NEVER_MS,
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            "metadata_max_age_ms": METADATA_AGE_MS,
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "isolation_level": "read_committed",  # what a producer took back was never accepted
            "fetch_max_wait_ms": FETCH_WAIT_MS,
            "fetch_max_bytes": FETCH_BYTES,
            "max_partition_fetch_bytes": PARTITION_FETCH_BYTES,
        }

    def producer_options(self) -> dict[str, Any]:
        """Return what an AIOKafkaProducer is made with."""
        return {
            **self.connect,
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": self.compression,
            "max_request_size": self.message_bytes,
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            "metadata_max_age_ms": METADATA_AGE_MS,
        }


_clusters: Final[Registry[Cluster]] = Registry("spanpulse-kafka", "cluster")

register_cluster = _clusters.register
cluster_of = _clusters.find
