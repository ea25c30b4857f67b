"""Apache Kafka: how it is reached, its topics, and the log that the gateway writes."""

from spanpulse_stream.kafka._connection import KafkaMisconfigured, connection

__all__ = ["KafkaMisconfigured", "connection"]
