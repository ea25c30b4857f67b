"""The topics of a cluster: which there are, what they must be like, and how they are made so.

`ensure_topics` makes what is missing and mends options; it takes nothing away: no partition, no copy, no message limit
that is higher than asked for, and no time of retention unless that is asked for in so many words. Options of the
Collector's topics are touched only where this project depends on them.
Not guaranteed: that a topic gets more partitions or copies when the settings do; that is the operator's decision.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Self

from aiokafka.errors import InvalidReplicationFactorError, TopicAlreadyExistsError
from aiokafka.protocol.admin import CreateTopicsRequest

from spanpulse_stream.kafka._asking import Asking, asking
from spanpulse_stream.kafka._described import Described, describe, options_of, refusal, seen_options
from spanpulse_stream.kafka._failures import TopicsRefused
from spanpulse_stream.kafka._protocol import AlterOptions
from spanpulse_stream.settings import Settings

__all__ = ["OwnTopics", "TopicOutcome", "check_topics", "collector_topics", "ensure_topics", "read_topics"]

LOG: Final = logging.getLogger(__name__)
STAMPS = "message.timestamp.type"
LARGEST = "max.message.bytes"
RETENTION = "retention.ms"
IN_SYNC = "min.insync.replicas"
POLICY = "cleanup.policy"
KEPT_FOR_EVER = {RETENTION: "-1", "retention.bytes": "-1", POLICY: "delete"}
OPTIONS = (STAMPS, LARGEST, IN_SYNC, *KEPT_FOR_EVER)
SEEN_WITHIN_S = 30.0


class OwnTopics(NamedTuple):
    """The names of the topics that this project makes for itself."""

    otlp: str
    dead_letter: str
    alert_deltas: str
    sources: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the names under the prefix of the settings."""
        prefix = settings.kafka_topic_prefix
        return cls(f"{prefix}.otlp", f"{prefix}.dead-letter", f"{prefix}.alert-deltas", f"{prefix}.sources")


@dataclass(frozen=True, slots=True)
class TopicOutcome:
    """What became of a topic; ``detail`` is for a person."""

    topic: str
    did: Literal["made", "changed", "left"]
    detail: str

    def __str__(self) -> str:
        return f"topic {self.topic} {self.did}: {self.detail}"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A topic as the settings want it. ``musts`` are mended in any topic, ``ours`` only in our own."""

    name: str
    partitions: int
    musts: Mapping[str, str]
    ours: Mapping[str, str]
    own: bool


def collector_topics(settings: Settings) -> tuple[str, ...]:
    """Return the names of the Collector's topics, each once."""
    return tuple(dict.fromkeys(entry.partition(":")[0] for entry in settings.kafka_collector_topics))


def read_topics(settings: Settings) -> tuple[str, ...]:
    """Return the names of the topics that workers read: our own first."""
    return tuple(dict.fromkeys((OwnTopics.of(settings).otlp, *collector_topics(settings))))


async def ensure_topics(settings: Settings, *, lower_retention: bool = False) -> list[TopicOutcome]:
    """Make what is missing and mend what is wrong; returns what became of every topic. May be repeated at any time.

    ``lower_retention``: also where a topic keeps messages for longer than the settings say, so that Kafka deletes some.

    Raises TopicsRefused, KafkaAway or KafkaMisconfigured; what was done until then stays.
    """
    wanted = _wanted(settings)
    async with asking(settings, "spanpulse-init") as asked:
        there = await describe(asked, list(wanted))
        missing = [want for name, want in wanted.items() if name not in there]
        made = await _make(asked, missing, settings)
        await _wait_until_led(asked, list(wanted))
        there = await describe(asked, list(wanted))
        return [*made, *await _mend(asked, wanted, there, {one.topic for one in made}, lower_retention)]


async def check_topics(settings: Settings) -> list[str]:
    """Return what keeps a worker from working, a sentence each. Raises TopicsRefused, KafkaAway, KafkaMisconfigured.

    Options that this client may not look at are not checked, which one warning says: in Kafka that right follows from
    none that a worker works with.
    """
    wanted = _wanted(settings)
    async with asking(settings, "spanpulse-topics") as asked:
        there = await describe(asked, list(wanted))
        options, unseen = await seen_options(asked, list(there), OPTIONS)
    if unseen:
        LOG.warning(
            "the options of the topics %s are not checked: give the user of this client the operation DescribeConfigs "
            "on them, or see to it that `spanpulse init` ran",
            ", ".join(unseen),
        )
    problems = [f"topic {name} is missing: run `spanpulse init`" for name in wanted if name not in there]
    for topic, held in options.items():
        wrong = _wrong(wanted[topic].musts, held)
        problems += [
            f"topic {topic} has {name}={held.get(name)} instead of {value}: run `spanpulse init`"
            for name, value in wrong.items()
        ]
    return problems


def _wanted(settings: Settings) -> dict[str, _Wanted]:
    """Return every topic by its name."""
    own = OwnTopics.of(settings)
    musts = {STAMPS: "LogAppendTime", LARGEST: str(settings.kafka_message_bytes)}
    kept = {RETENTION: str(settings.kafka_retention * 1000)}
    partitions = settings.kafka_partitions
    wanted = [_Wanted(name, partitions, musts, kept, own=False) for name in collector_topics(settings)]
    wanted += [_Wanted(name, partitions, musts, {**kept, POLICY: "delete"}, own=True) for name in own[:-1]]
    wanted.append(_Wanted(own.sources, 1, {**musts, **KEPT_FOR_EVER}, {}, own=True))
    return {want.name: want for want in wanted}


async def _make(asked: Asking, missing: Sequence[_Wanted], settings: Settings) -> list[TopicOutcome]:
    """Make topics. One that another process made meanwhile counts as found."""
    copies = settings.kafka_replication
    questions: list[tuple[object, ...]] = [
        (want.name, want.partitions, copies, [], list(_options(want, copies).items())) for want in missing
    ]
    if not questions:
        return []
    answer = await asked.ask(CreateTopicsRequest(questions, int(asked.timeout_s * 1000), validate_only=False))
    made = []
    for topic, code, message in answer.topic_errors:
        if code == TopicAlreadyExistsError.errno:
            continue
        if code == InvalidReplicationFactorError.errno:
            raise TopicsRefused(
                f"topic {topic} cannot have {copies} copies: start as many brokers, or lower kafka_replication "
                f"({message})"
            )
        if (reason := refusal(code, message)) is not None:
            raise TopicsRefused(f"topic {topic} cannot be made: {reason}")
        partitions = next(want.partitions for want in missing if want.name == topic)
        made.append(TopicOutcome(topic, "made", f"{partitions} partitions, {copies} copies"))
    return made


def _options(want: _Wanted, copies: int) -> dict[str, str]:
    return {**want.musts, **want.ours, IN_SYNC: str(max(1, copies - 1))}


async def _wait_until_led(asked: Asking, topics: Sequence[str]) -> None:
    """Wait until the topics can be written to: brokers learn of a new one a moment after it was made."""

    async def waiting() -> list[str]:
        found = await describe(asked, topics)
        return [topic for topic in topics if topic not in found or not found[topic].led]

    await _wait_while(waiting, "no broker leads every partition of")


async def _wait_while(waiting: Callable[[], Awaitable[list[str]]], trouble: str) -> None:
    """Wait until no topic is left. Raises TopicsRefused, which names those that are."""
    deadline = time.monotonic() + SEEN_WITHIN_S
    while topics := await waiting():
        if time.monotonic() > deadline:
            raise TopicsRefused(f"{trouble} {', '.join(topics)}: look after the brokers, then run `spanpulse init`")
        await asyncio.sleep(0.05)


async def _mend(
    asked: Asking, wanted: Mapping[str, _Wanted], there: Mapping[str, Described], made: set[str], lower: bool
) -> list[TopicOutcome]:
    """Set the options of topics that were there before and are wrong."""
    before = [name for name in wanted if name not in made]
    held = await options_of(asked, before, OPTIONS)
    changes = {name: _wrong(_must_hold(wanted[name], there[name]), held[name]) for name in before}
    longer = {name for name, options in changes.items() if not lower and _keeps_longer(options, held[name])}
    for name in longer:
        del changes[name][RETENTION]
    changes = {name: options for name, options in changes.items() if options}
    if changes:
        await _change(asked, changes)
    return [
        _outcome(wanted[name], there[name], held[name], changes.get(name), longer=name in longer) for name in before
    ]


async def _change(asked: Asking, changes: Mapping[str, Mapping[str, str]]) -> None:
    """Set options, by topic, and wait until brokers show them."""
    answer = await asked.ask(AlterOptions(changes))
    for code, message, _, topic in answer.resources:
        if (reason := refusal(code, message)) is not None:
            raise TopicsRefused(f"the options of topic {topic} cannot be changed: {reason}")

    async def waiting() -> list[str]:
        held = await options_of(asked, list(changes), OPTIONS)
        return [topic for topic, options in changes.items() if _wrong(options, held[topic])]

    await _wait_while(waiting, "no broker shows the new options of")


def _must_hold(want: _Wanted, found: Described) -> dict[str, str]:
    return _options(want, found.replication) if want.own else dict(want.musts)


def _wrong(wanted: Mapping[str, str], held: Mapping[str, str]) -> dict[str, str]:
    """Return what to set: options that differ, and a message limit that is too low."""
    return {
        name: value
        for name, value in wanted.items()
        if held.get(name) != value and not (name == LARGEST and int(held.get(name, 0)) >= int(value))
    }


def _keeps_longer(changes: Mapping[str, str], held: Mapping[str, str]) -> bool:
    """Tell whether changes would have Kafka delete what it keeps now; -1 is for ever."""
    if RETENTION not in changes:
        return False
    wanted, now = int(changes[RETENTION]), int(held.get(RETENTION, 0))
    return wanted >= 0 and (now < 0 or now > wanted)


def _outcome(
    want: _Wanted, found: Described, held: Mapping[str, str], changes: Mapping[str, str] | None, *, longer: bool
) -> TopicOutcome:
    size = f"{found.partitions} partitions, {found.replication} copies"
    if want.own and found.partitions != want.partitions:
        size += f" (the settings say {want.partitions} partitions; init does not change them)"
    if longer:
        size += (
            f" ({RETENTION} stays {held.get(RETENTION)}, which is longer than kafka_retention says: "
            "`spanpulse init --lower-retention` lowers it, and Kafka deletes what is older)"
        )
    if not changes:
        return TopicOutcome(want.name, "left", size)
    told = ", ".join(f"{name} from {held.get(name)} to {value}" for name, value in changes.items())
    return TopicOutcome(want.name, "changed", f"{told}; {size}")
