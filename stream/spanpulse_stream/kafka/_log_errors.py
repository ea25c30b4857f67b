"""What an error of Kafka means for messages: never, again with a new producer, or not now.

After any failed batch the producer has to be replaced: the batch's sequence numbers are spent, and the broker would
refuse all later ones of its partition as out of order.
"""

import random
from enum import Enum
from typing import Final

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    RecordListTooLargeError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from spanpulse_stream.kafka._connection import KafkaMisconfigured
from spanpulse_stream.kafka._failures import KafkaUnusable
from spanpulse_stream.log import LogAway

__all__ = ["Abandoned", "TooLarge", "Verdict", "away", "explained", "verdict"]

RETRY_AFTER_S: Final = (2.0, 4.0)  # spread, so that all senders do not come back at once


class Abandoned(KafkaError):  # type: ignore[misc]  # noqa: N818
    """A producer was given up with this batch still open; whether Kafka has it is not known."""


class TooLarge(Exception):  # noqa: N818 -- what the message is
    """A message is larger than the topic takes, alone."""


class Verdict(Enum):
    """What becomes of the messages of a failed batch."""

    TOO_LARGE = "too large"
    AGAIN = "again"
    AWAY = "away"


SIZES = (MessageSizeTooLargeError, RecordListTooLargeError)
PRODUCERS = (  # of the producer or of the moment, not of the messages
    *(Abandoned, ProducerClosed, ProducerFenced, OutOfOrderSequenceNumber),
    *(InvalidProducerEpoch, InvalidProducerIdMapping, KafkaConnectionError, KafkaTimeoutError),
    *(LeaderNotAvailableError, NotLeaderForPartitionError, RequestTimedOutError),
)


def verdict(error: Exception) -> Verdict:
    """Return what is to be done after a batch failed with ``error``."""
    if isinstance(error, SIZES):
        return Verdict.TOO_LARGE
    if isinstance(error, PRODUCERS) or type(error) is KafkaError:  # the bare one: the sender's task ended
        return Verdict.AGAIN
    return Verdict.AWAY


def explained(error: BaseException, topic: str) -> str:
    """Return a line for an operator, without secrets."""
    if isinstance(error, KafkaUnusable | KafkaMisconfigured):
        return str(error)
    if isinstance(error, UnknownTopicOrPartitionError):
        return f"the topic {topic} does not exist: `spanpulse init` makes it"
    if isinstance(error, TopicAuthorizationFailedError | ClusterAuthorizationFailedError):
        return f"Kafka does not let this user write: give it the operations Describe and Write on the topic {topic}"
    if isinstance(error, TimeoutError):
        return "Kafka does not answer in time"
    return f"Kafka says {type(error).__name__}"


def away(reason: str) -> LogAway:
    """Return what a sender hears that may come again; ``reason`` is for strangers."""
    return LogAway(random.uniform(*RETRY_AFTER_S), reason)  # noqa: S311 -- no secret
