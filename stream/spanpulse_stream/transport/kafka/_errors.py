"""Which errors of Kafka pass, and what is raised for those that do not.

CommitGaveUp   brokers took no commit for as long as is waited for
Stale          the group has given this member's partitions to others, or is about to
TopicGone      a topic was deleted, or made anew, while partitions of it were held
Unreadable     what Kafka gave out cannot be unpacked
"""

from typing import Final

from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    KafkaTimeoutError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

__all__ = ["FENCED", "CommitGaveUp", "Stale", "TopicGone", "Unreadable", "passes"]

FENCED: Final = (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
"""What brokers, or aiokafka, answer a member of an older generation."""


class CommitGaveUp(Exception):  # noqa: N818 -- what happened
    """Kafka took no commit for as long as was waited; nothing is lost, a restart goes on at what is committed."""


class TopicGone(Exception):  # noqa: N818 -- what happened
    """A topic was deleted or made anew: offsets of the old one would pass over messages of the new one."""


class Stale(Exception):  # noqa: N818 -- what it is
    """What was asked belongs to an assignment that is over."""


class Unreadable(Exception):  # noqa: N818 -- what it is
    """Records cannot be unpacked. It has a class of its own, for gzip's errors are an OSError, like the network's."""


def passes(error: BaseException) -> bool:
    """Tell whether another attempt can help: brokers restart, leaders and coordinators move, the network breaks."""
    if isinstance(error, FENCED):
        return False
    if isinstance(error, KafkaError):
        return bool(error.retriable) or isinstance(error, KafkaTimeoutError)
    return isinstance(error, (TimeoutError, OSError)) and not isinstance(error, ConsumerStoppedError)
