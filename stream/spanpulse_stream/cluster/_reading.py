"""What the messages of each topic hold: those of gateways say it in headers, those of Collectors are known by topic.

The tenant of a Collector's message comes from the settings, never from what the sender wrote. Decisions say in a header
what they are, in every topic; they are in the topic's encoding.
"""

from collections.abc import Callable
from typing import Any

from spanpulse_stream.decisions import SIGNAL as DECISIONS
from spanpulse_stream.pipeline import Incoming, incoming
from spanpulse_stream.settings import Settings

__all__ = ["reading"]

DEFAULT_TENANT = "default"


def reading(settings: Settings) -> Callable[[Any], Incoming]:
    """Return what reads a message of Faust's, of any topic of the settings."""
    known = dict(map(_entry, settings.kafka_collector_topics))

    def read(message: Any) -> Incoming:
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


def _entry(text: str) -> tuple[str, tuple[str, str, str]]:
    """Read `topic:signal:encoding[:tenant]`, whose form the settings have checked."""
    topic, signal, encoding, *tenant = text.split(":")
    return topic, (signal, encoding, tenant[0] if tenant else DEFAULT_TENANT)
