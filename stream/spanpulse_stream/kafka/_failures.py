"""What can go wrong with Kafka before any message is read or written, by what a person can do about it.

KafkaMisconfigured   the settings cannot be used: mend them (in _connection.py)
KafkaUnusable
    KafkaAway        no broker answered in time: look after the brokers, or wait
    TopicsRefused    a broker refuses, or the topics are not as they must be: do what the message says
"""

__all__ = ["KafkaAway", "KafkaUnusable", "TopicsRefused"]


class KafkaUnusable(Exception):  # noqa: N818 -- reads as what it is
    """Kafka cannot be used now; the message says why, and what a person can do."""


class KafkaAway(KafkaUnusable):
    """No broker answered within the time that was given; asking later may help. The message has the addresses."""


class TopicsRefused(KafkaUnusable):
    """A broker refuses what was asked, or topics are not as needed; the message says what to do."""
