"""What brokers know of topics: partitions, copies, options, and the id that tells one incarnation from the next.

A topic that is deleted and made again has another id, and its offsets begin at 0 again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import DescribeConfigsRequest

from spanpulse_stream.kafka._asking import Asking, asking
from spanpulse_stream.kafka._failures import TopicsRefused
from spanpulse_stream.kafka._protocol import TOPIC, DescribeTopics
from spanpulse_stream.settings import Settings

__all__ = [
    "Described",
    "SeenOptions",
    "describe",
    "not_allowed",
    "options_of",
    "partition_counts",
    "refusal",
    "seen_options",
    "topic_ids",
]

_NOT_ALLOWED = frozenset({TopicAuthorizationFailedError.errno, ClusterAuthorizationFailedError.errno})
_FOR_GOOD = _NOT_ALLOWED | {InvalidTopicError.errno}


@dataclass(frozen=True, slots=True)
class Described:
    """A topic that exists. ``led``: every partition has a leader."""

    id: UUID
    partitions: int
    replication: int
    led: bool


class SeenOptions(NamedTuple):
    """Options by topic, and the topics whose options this client may not look at."""

    held: dict[str, dict[str, str]]
    unseen: list[str]


async def topic_ids(settings: Settings, topics: Iterable[str]) -> dict[str, UUID]:
    """Return the id of each topic; one that is missing is left out.

    Raises KafkaAway, KafkaMisconfigured, or TopicsRefused where the topics may not be seen or have no ids.
    """
    async with asking(settings, "spanpulse-topics") as asked:
        return {topic: found.id for topic, found in (await describe(asked, sorted(set(topics)))).items()}


async def partition_counts(settings: Settings, topics: Iterable[str]) -> dict[str, int]:
    """Return how many partitions each topic has; like `topic_ids`."""
    async with asking(settings, "spanpulse-topics") as asked:
        return {topic: found.partitions for topic, found in (await describe(asked, sorted(set(topics)))).items()}


async def describe(asked: Asking, topics: Sequence[str]) -> dict[str, Described]:
    """Return what there is of the topics; one that is missing is left out. Raises KafkaAway or TopicsRefused."""
    answer = (await asked.ask(DescribeTopics(topics))).to_object()
    return {
        one["topic"]: _described(one)
        for one in answer["topics"]
        if one["error_code"] != UnknownTopicOrPartitionError.errno
    }


def _described(one: Mapping[str, Any]) -> Described:
    topic, partitions = one["topic"], one["partitions"]
    if one["error_code"] in _FOR_GOOD:
        raise TopicsRefused(f"topic {topic} may not be looked at: {refusal(one['error_code'])}")
    if not one["topic_id"].int and partitions:
        raise TopicsRefused(f"topic {topic} has no id: the cluster's metadata version is older than Kafka 2.8")
    return Described(
        id=one["topic_id"],
        partitions=len(partitions),
        replication=min((len(partition["replicas"]) for partition in partitions), default=0),
        led=bool(partitions) and all(partition["leader"] >= 0 for partition in partitions),
    )


async def options_of(asked: Asking, topics: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the options ``names`` of topics that exist, as they hold, whether set or by default.

    Raises KafkaAway or TopicsRefused.
    """
    found = await seen_options(asked, topics, names)
    if found.unseen:
        reason = not_allowed(TopicAuthorizationFailedError.errno)
        raise TopicsRefused(f"the options of topic {found.unseen[0]} may not be looked at: {reason}")
    return found.held


async def seen_options(asked: Asking, topics: Sequence[str], names: Sequence[str]) -> SeenOptions:
    """Return the options ``names`` of topics that exist, like `options_of`, and which topics' may not be looked at.

    Raises KafkaAway, or TopicsRefused where it is refused for another reason.
    """
    found: dict[str, dict[str, str]] = {}
    unseen: list[str] = []
    if not topics:
        return SeenOptions(found, unseen)
    answer = await asked.ask(DescribeConfigsRequest([(TOPIC, topic, list(names)) for topic in topics]))
    for code, message, _, topic, entries in answer.resources:
        if code in _NOT_ALLOWED:
            unseen.append(topic)
        elif (reason := refusal(code, message)) is not None:
            raise TopicsRefused(f"the options of topic {topic} may not be looked at: {reason}")
        else:
            found[topic] = {entry[0]: entry[1] for entry in entries}
    return SeenOptions(found, unseen)


def refusal(code: int, message: str | None = None) -> str | None:
    """Return what an error of a broker means and what to do about it; None where there is none."""
    if not code:
        return None
    error = for_code(code)
    return not_allowed(code) or message or error.description or error.__name__


def not_allowed(code: int) -> str | None:
    """Return what to do where an error says that this client may not; None where it says something else."""
    if code not in _NOT_ALLOWED:
        return None
    return (
        "not allowed; give the user of this client the operations Describe, DescribeConfigs, Create, AlterConfigs, "
        "Read and Write on it"
    )
