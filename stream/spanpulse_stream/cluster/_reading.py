"""What the messages of each topic hold: those of gateways say it in headers, those of Collectors are known by topic.

The tenant of a Collector's message comes from the settings, never from what the sender wrote. Decisions say in a header
what they are, in every topic; they are in the topic's encoding. Stamps that say nothing are replaced, which is logged:
the first of a topic, the tenth, the hundredth and so on.
"""

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from spanpulse_stream.decisions import SIGNAL as DECISIONS
from spanpulse_stream.pipeline import Incoming, incoming, stamped
from spanpulse_stream.settings import Settings

__all__ = ["reading"]

LOG = logging.getLogger(__name__)
DEFAULT_TENANT = "default"
LOG_APPEND_TIME = 1  # a record's kind of stamp, in Kafka's format: the broker's clock, not the producer's


def reading(settings: Settings) -> Callable[[Any], Incoming]:
    """Return what reads a message of Faust's, of any topic of the settings."""
    known = dict(map(_entry, settings.kafka_collector_topics))
    unusable: Counter[str] = Counter()

    def read(message: Any) -> Incoming:
        told = told_by(message)
        if (found := stamped(told, by_broker=message.timestamp_type == LOG_APPEND_TIME)) is not told:
            unusable[message.topic] += 1
            if str(unusable[message.topic]).strip("0") == "1":
                _say(message, told, found, unusable[message.topic])
        return found

    def told_by(message: Any) -> Incoming:
        if (found := known.get(message.topic)) is None:
            return incoming(message)
        signal, encoding, tenant = found
        told = incoming(message)
        holds_decisions = told.signal == DECISIONS
        return Incoming(
            offset=message.offset,
            appended_at=round(message.timestamp * 1000),
            tenant=tenant,
            signal=DECISIONS if holds_decisions else signal,
            records=0 if holds_decisions else 1,
            value=message.value or b"",
            encoding=encoding,
        )

    return read


def _say(message: Any, told: Incoming, found: Incoming, times: int) -> None:
    became = "becomes a dead letter" if found.unreadable else f"counts as received at {found.appended_at}"
    LOG.warning(
        "%s %s: offset %d has the stamp %d (ms), which cannot be when it came; the message %s; %d such messages so far",
        *(message.topic, message.partition, message.offset, told.appended_at, became, times),
    )


def _entry(text: str) -> tuple[str, tuple[str, str, str]]:
    """Read `topic:signal:encoding[:tenant]`, whose form the settings have checked."""
    topic, signal, encoding, *tenant = text.split(":")
    return topic, (signal, encoding, tenant[0] if tenant else DEFAULT_TENANT)
