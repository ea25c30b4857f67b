"""Every setting with its type, bounds, default and one line of help.

This is the single list: environment variables (`SPANPULSE_<NAME>`), keys of spanpulse.toml and the table that
`spanpulse config` prints all follow from it. Reading it touches no file; `load_settings` does.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from spanpulse_stream.settings._local import EXPECTED as LOCAL_EXPECTED
from spanpulse_stream.settings._local import MIB, LocalSettings

__all__ = ["EXPECTED", "Settings"]

MOST_PORT = 65535
MOST_LABEL = 63  # characters between two dots of a name: DNS has no more, and asking for such a name raises


def _reachable(broker: str) -> str:
    """Return a broker's address if it can be one. Raises PydanticCustomError."""
    host, _, port = broker.rpartition(":")
    why = ""
    if int(port) > MOST_PORT:
        why = f"port {port} is above {MOST_PORT}"
    elif not host.startswith("[") and not all(0 < len(label) <= MOST_LABEL for label in _labels(host)):
        why = f"a host name has 1 to {MOST_LABEL} characters between two dots"
    if why:
        raise PydanticCustomError("no_address", "{broker} cannot be reached: {why}", {"broker": broker, "why": why})
    return broker


def _labels(host: str) -> list[str]:
    return host.removesuffix(".").split(".")


Broker = Annotated[
    str,
    StringConstraints(pattern=r"^([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[1-9][0-9]{0,4}$"),
    AfterValidator(_reachable),
]
TopicName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,200}$")]
CollectorTopic = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9._-]{1,200}:(traces|logs):(otlp_proto|otlp_json)(:[A-Za-z0-9][A-Za-z0-9_.-]{0,63})?$"
    ),
]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.\[\]:_-]{1,270}/?$")]
ClusterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_{][A-Za-z0-9_{}]{0,63}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]

EXPECTED = {
    **LOCAL_EXPECTED,
    "kafka_brokers": "host:port, separated by commas",
    "kafka_collector_topics": "topic:signal:encoding or topic:signal:encoding:tenant, with the signal traces or logs "
    "and the encoding otlp_proto or otlp_json",
    "clickhouse_url": "an address like http://clickhouse:8123, without user and path",
    "clickhouse_database": "a name of letters, digits and underscores",
    "clickhouse_cluster": "a name of letters, digits and underscores, which may have macros in braces",
    "clickhouse_distributed": "a name of letters, digits and underscores",
    "clickhouse_shards": "addresses like http://clickhouse-2:8123, without user and path",
}
"""What the text of a setting must be, for messages."""


class Settings(LocalSettings):
    """The effective configuration of one process. Sizes are bytes, times are seconds, retention is days."""

    kafka_brokers: tuple[Broker, ...] = Field((), description="brokers to begin with, as host:port; none: no cluster")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how brokers are spoken to"
    )
    kafka_ssl_ca: Path | None = Field(
        None, description="certificates that brokers are checked against; else the system's"
    )
    kafka_ssl_certificate: Path | None = Field(None, description="certificate shown to brokers")
    kafka_ssl_key: Path | None = Field(None, description="key of that certificate")
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="how a user is shown to be one"
    )
    kafka_sasl_username: str | None = Field(None, description="user of Kafka")
    kafka_sasl_password: SecretStr | None = Field(None, description="password of that user")
    kafka_topic_prefix: TopicName = Field("spanpulse", description="what the names of the own topics begin with")
    kafka_group: TopicName = Field("spanpulse", description="consumer group of the workers")
    kafka_instance: TopicName | None = Field(
        None, description="group.instance.id of this worker: a stable name makes it a static member"
    )
    kafka_session_timeout: float = Field(
        6.0, ge=6, le=300, description="seconds after which a silent worker loses its partitions"
    )
    kafka_partitions: int = Field(12, ge=1, le=4096, description="partitions of the topics that init makes")
    kafka_replication: int = Field(
        1, ge=1, le=7, description="replicas of the topics that init makes; 3 where there are 3"
    )
    kafka_retention: int = Field(
        3 * 86400, ge=3600, description="seconds that the topics that init makes keep messages"
    )
    kafka_message_bytes: int = Field(
        8 * MIB, ge=MIB, le=64 * MIB, description="largest message of the topics that init makes"
    )
    kafka_collector_topics: tuple[CollectorTopic, ...] = Field(
        ("otlp_spans:traces:otlp_proto", "otlp_logs:logs:otlp_proto"),
        description="topics of the Collector's kafka exporter to read as well: topic:signal:encoding[:tenant]",
    )
    kafka_compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field(
        "zstd", description="how the gateway compresses"
    )
    kafka_linger: float = Field(
        0.005, ge=0, le=1, description="seconds the gateway waits to pack small exports together"
    )
    kafka_buffer_bytes: int = Field(
        64 * MIB, ge=MIB, description="bytes the gateway holds for Kafka, beyond which OTLP answers 429"
    )
    kafka_timeout: float = Field(
        8.0,
        ge=1,
        le=120,
        description="seconds Kafka may take to acknowledge, then 503; below the 10 after which SDKs give up",
    )
    kafka_patience: float = Field(
        86_400.0, ge=1, description="seconds a worker that has begun a batch waits for a Kafka that is away"
    )
    worker_batch_bytes: int = Field(
        6 * MIB,
        ge=MIB,
        le=64 * MIB,
        description="bytes of messages after which a worker closes a batch; more of them take more memory",
    )
    reconcile_every: float = Field(
        10.0, ge=0, le=3600, description="seconds between two looks for spans that came through two partitions; 0: none"
    )
    reconcile_reach: float = Field(
        900.0, ge=1, le=21600, description="seconds that the first of these looks goes back; its window at most"
    )
    reconcile_window: int = Field(
        200_000, ge=1000, le=20_000_000, description="spans of all partitions that are held together, 250 bytes each"
    )

    otlp_certificate: Path | None = Field(None, description="certificate for OTLP over TLS, HTTP and gRPC")
    otlp_key: Path | None = Field(None, description="key of that certificate")
    otlp_client_ca: Path | None = Field(
        None, description="who signs clients' certificates; set: every sender shows one"
    )
    quota_bytes: int = Field(
        0, ge=0, description="bytes a second that each API key may send, uncompressed; 0: no quota"
    )
    quota_records: int = Field(
        0, ge=0, description="spans and log records a second that each API key may send; 0: no quota"
    )
    keys_interval: float = Field(
        10.0, ge=0.5, le=3600, description="seconds between two looks of a gateway for shared API keys"
    )

    clickhouse_url: Url | None = Field(None, description="address of the ClickHouse server; none: no cluster")
    clickhouse_user: str = Field("default", description="user of ClickHouse")
    clickhouse_password: SecretStr | None = Field(None, description="password of that user")
    clickhouse_database: Identifier = Field("spanpulse", description="database of the tables")
    clickhouse_ca: Path | None = Field(
        None, description="certificates the server is checked against; else the system's"
    )
    clickhouse_certificate: Path | None = Field(None, description="certificate and key shown to the server")
    clickhouse_cluster: ClusterName | None = Field(
        None, description="name of the ClickHouse cluster: tables are made ON CLUSTER and replicated"
    )
    clickhouse_shards: tuple[Url, ...] = Field(
        (), description="further shards after clickhouse_url, in an order that only grows; none: one server has all"
    )
    clickhouse_distributed: Identifier = Field(
        "spanpulse", description="name of the ClickHouse cluster of all shards, which Distributed tables name"
    )
    clickhouse_connections: int = Field(4, ge=1, le=64, description="connections that read at the same time")
    clickhouse_timeout: float = Field(60.0, ge=1, le=3600, description="seconds an insert may take")
    clickhouse_patience: float = Field(
        600.0, ge=0, description="seconds a worker waits for a server that is away before it ends"
    )

    @model_validator(mode="after")
    def _halves_belong_together(self) -> Self:
        for one, other in (
            ("kafka_ssl_certificate", "kafka_ssl_key"),
            ("otlp_certificate", "otlp_key"),
            ("kafka_sasl_username", "kafka_sasl_password"),
        ):
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                raise ValueError(f"{one} and {other} belong together: set both or none")
        if self.otlp_client_ca is not None and self.otlp_certificate is None:
            raise ValueError("otlp_client_ca needs otlp_certificate and otlp_key")
        if self.kafka_security_protocol.startswith("SASL") and self.kafka_sasl_username is None:
            raise ValueError(f"{self.kafka_security_protocol} needs kafka_sasl_username and kafka_sasl_password")
        shards = [url.rstrip("/") for url in (self.clickhouse_url or "", *self.clickhouse_shards)]
        if self.clickhouse_shards and (self.clickhouse_url is None or len(set(shards)) < len(shards)):
            raise ValueError("clickhouse_shards are further servers than clickhouse_url, each named once")
        return self
