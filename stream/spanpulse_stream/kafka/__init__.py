"""Apache Kafka: how it is reached, its topics, and the log that the gateway writes."""

from spanpulse_stream.kafka._broker import wait_for_brokers
from spanpulse_stream.kafka._cancellations import own_cancellations
from spanpulse_stream.kafka._connection import KafkaMisconfigured, connection
from spanpulse_stream.kafka._described import partition_counts, topic_ids
from spanpulse_stream.kafka._failures import KafkaAway, KafkaUnusable, TopicsRefused
from spanpulse_stream.kafka._log import KafkaLog
from spanpulse_stream.kafka._sender import Outgoing, Sender
from spanpulse_stream.kafka._sources import KnownSources, LogSources
from spanpulse_stream.kafka._topics import (
    OwnTopics,
    TopicOutcome,
    check_topics,
    collector_topics,
    ensure_topics,
    read_topics,
)

__all__ = [
    "KafkaAway",
    "KafkaLog",
    "KafkaMisconfigured",
    "KafkaUnusable",
    "KnownSources",
    "LogSources",
    "Outgoing",
    "OwnTopics",
    "Sender",
    "TopicOutcome",
    "TopicsRefused",
    "check_topics",
    "collector_topics",
    "connection",
    "ensure_topics",
    "own_cancellations",
    "partition_counts",
    "read_topics",
    "topic_ids",
    "wait_for_brokers",
]
