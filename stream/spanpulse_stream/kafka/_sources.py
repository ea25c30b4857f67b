"""Numbers of log sources: one for each partition of each incarnation of a topic, given out once and never again.

The number is the offset of the partition's first record in a topic of one partition that is kept for ever, plus a base
that `spanpulse init` wrote first and that lies above every source the database had seen. Kafka orders the records, so
workers that number the same partition at the same time agree without knowing of each other. A topic that is deleted and
made again has another id and gets new numbers, for its offsets begin at 0 again. The record says as well to which shard
of the database the partition is written, so that this never changes, and all workers agree about it too.

Not guaranteed: numbers without gaps; and two Kafka clusters may not feed one database, for neither knows what the other
gave out; who writes to a database has to see to that. A sources topic that lost its first records is refused, never
guessed from.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import BrokerResponseError, KafkaError

from spanpulse_stream.kafka._asking import asking
from spanpulse_stream.kafka._broker import reaching
from spanpulse_stream.kafka._cancellations import own_cancellations
from spanpulse_stream.kafka._described import describe, not_allowed, topic_ids
from spanpulse_stream.kafka._failures import KafkaAway, TopicsRefused
from spanpulse_stream.kafka._source_records import (
    BASE_KEY,
    LARGEST_SOURCE,
    Numbered,
    SourcePlace,
    SourceTable,
    base_value,
)
from spanpulse_stream.kafka._topics import OwnTopics
from spanpulse_stream.settings import Settings

__all__ = ["KnownSources", "LogSources"]

T = TypeVar("T")

ATTEMPTS = 3
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.1, 2.0
LONGEST_REQUEST_S = 3.0
WITHIN_S = 30.0
"""Enough for a leader that is away to be replaced, which takes ten seconds, and for the requests that waited for it."""
NEW_TOPIC = (
    "delete it, with all workers stopped, and run `spanpulse init --replace-log`: it makes it anew, with numbers above "
    "all that were given out"
)


class KnownSources(NamedTuple):
    """Topic and partition of each number, and how many partitions have none yet."""

    places: dict[int, tuple[str, int]]
    unnumbered: int


class LogSources:
    """Gives out numbers and remembers them. Connections are opened when they are needed; nothing is to be closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = OwnTopics.of(settings).sources
        self._place = TopicPartition(self._topic, 0)
        self._incarnation: UUID | None = None
        self._table = SourceTable()
        self._lock = asyncio.Lock()
        self._within_s = max(WITHIN_S, 3 * settings.kafka_timeout)
        self._shards = 1 + len(settings.clickhouse_shards)

    @classmethod
    async def found(cls, settings: Settings, base: int) -> int:
        """Write the base where there is none; returns the one that holds, which is the first that was written.

        ``base``: above every source that the database has seen. Raises KafkaAway, KafkaMisconfigured, TopicsRefused
        where the database has seen sources that are yet to be given out, and ValueError for a base that is no source.
        """
        if not 0 < base <= LARGEST_SOURCE:
            raise ValueError(f"the base {base} is not a source: 1 to {LARGEST_SOURCE}")
        sources = cls(settings)
        return await sources._insist(lambda: sources._found(base))

    async def of(self, topic: str, partition: int) -> int:
        """Return the number of one partition; like `of_each`."""
        return (await self.of_each([(topic, partition)]))[topic, partition]

    async def of_each(self, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Return the number of each partition of a topic as it is now, and give one out where there is none.

        Raises KafkaAway, KafkaMisconfigured, or TopicsRefused where a topic is missing or `spanpulse init` did not run.
        """
        return {place: found.source for place, found in (await self.places(partitions)).items()}

    async def places(self, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], SourcePlace]:
        """Return number and shard of each partition; like `of_each`."""
        wanted = list(partitions)
        return await self._insist(lambda: self._places(wanted))

    async def known(self, topics: Iterable[str]) -> KnownSources:
        """Return which numbers the partitions of the topics as they are now have; gives none out.

        Raises KafkaAway, KafkaMisconfigured, or TopicsRefused where a topic is missing or `spanpulse init` did not run.
        """
        wanted = sorted(set(topics))
        return await self._insist(lambda: self._known(wanted))

    async def id(self) -> UUID:
        """Return the id of the topic of sources as it is now; raises as `of_each` does."""
        return await self._insist(self._id)

    async def _id(self) -> UUID:
        await self._identify([])
        assert self._incarnation is not None
        return self._incarnation

    async def highest_shard(self) -> int:
        """Return the highest shard that a partition was ever given, 0 for the first; raises as `of_each` does."""
        return await self._insist(self._highest_shard)

    async def _highest_shard(self) -> int:
        await self._identify([])
        async with self._reading() as reader:
            await self._read(reader)
        return self._table.highest_shard

    async def _insist(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work, one after another, again where Kafka fails, and with a limit on the time."""
        failures: list[Exception] = []
        try:
            async with asyncio.timeout(self._within_s), self._lock:
                return await self._repeat(work, failures)
        except TimeoutError:
            reason = f": {failures[-1]}" if failures else ""
            raise KafkaAway(f"topic {self._topic}: no answer within {self._within_s:.0f} s{reason}") from None
        except OverflowError as error:
            raise TopicsRefused(f"topic {self._topic}: {error}") from None

    async def _repeat(self, work: Callable[[], Awaitable[T]], failures: list[Exception]) -> T:
        wait = SHORTEST_WAIT_S
        while True:
            try:
                return await work()
            except (KafkaAway, KafkaError) as error:
                if isinstance(error, BrokerResponseError) and (reason := not_allowed(error.errno)):
                    raise TopicsRefused(f"topic {self._topic} may not be used: {reason}") from None
                failures.append(error)
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 -- spreads load
            wait = min(2 * wait, LONGEST_WAIT_S)

    async def _places(self, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], SourcePlace]:
        for _ in range(ATTEMPTS):  # once more each: the topics that were numbered must still be the ones there are
            numbered = await self._identify(wanted)
            if not (missing := self._missing(numbered.values())):
                return {place: self._place_of(each) for place, each in numbered.items()}
            await self._give_out(missing)
        raise TopicsRefused(
            f"topic {self._topic} loses what it acknowledged, or is made anew all the time: {NEW_TOPIC}"
        )

    async def _known(self, topics: Sequence[str]) -> KnownSources:
        async with asking(self._settings, "spanpulse-sources") as asked:
            described = await describe(asked, topics)
        places = [(topic, partition) for topic, one in described.items() for partition in range(one.partitions)]
        numbered = await self._identify(places)
        async with self._reading() as reader:
            await self._read(reader)
        held = {place: self._table.number(each) for place, each in numbered.items()}
        found = {number: place for place, number in held.items() if number is not None}
        return KnownSources(found, len(held) - len(found))

    async def _found(self, base: int) -> int:
        await self._identify([])
        async with self._reading() as reader:
            await self._read(reader)
            if self._table.base is None:
                await self._read(reader, await self._write([(BASE_KEY, base_value(base))]) + 1)
        held = self._table.base
        assert held is not None
        if base > (following := held + self._table.read):
            raise TopicsRefused(
                f"topic {self._topic} would give out {following} next, but the database has sources up to {base - 1}, "
                f"so this is not the topic that numbered them: {NEW_TOPIC}"
            )
        return held

    async def _identify(self, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Numbered]:
        """Look up the ids of the topics as they are now; a sources topic that was made anew is read anew."""
        ids = await topic_ids(self._settings, {self._topic, *(topic for topic, _ in wanted)})
        for topic in (self._topic, *(topic for topic, _ in wanted)):
            if topic not in ids:
                raise TopicsRefused(f"topic {topic} is missing: run `spanpulse init`")
        if ids[self._topic] != self._incarnation:
            self._incarnation, self._table = ids[self._topic], SourceTable()
        return {(topic, partition): Numbered(topic, ids[topic], partition) for topic, partition in wanted}

    async def _give_out(self, numbered: Iterable[Numbered]) -> None:
        """Read what others gave out, and write a record for each that has none yet."""
        async with self._reading() as reader:
            await self._read(reader)
            if self._table.base is None:
                raise TopicsRefused(f"topic {self._topic} has no base: run `spanpulse init`")
            if missing := self._missing(numbered):
                await self._read(reader, await self._write(self._table.records(missing, self._shards)) + 1)

    def _missing(self, numbered: Iterable[Numbered]) -> list[Numbered]:
        return [each for each in numbered if self._table.number(each) is None]

    def _place_of(self, numbered: Numbered) -> SourcePlace:
        place = self._table.place(numbered)
        assert place is not None
        return place

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AIOKafkaConsumer]:
        options = {
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "fetch_max_wait_ms": 50,  # a broker that still waits for more records answers TLS's goodbye only afterwards
        }
        consumer = AIOKafkaConsumer(**await self._options(), **options)
        try:
            await consumer.start()
            if (await consumer.beginning_offsets([self._place]))[self._place] > 0:
                raise TopicsRefused(f"topic {self._topic} lost its first records: {NEW_TOPIC}")
            consumer.assign([self._place])
            consumer.seek(self._place, self._table.read)
            yield consumer
        finally:
            with suppress(KafkaError), own_cancellations("closed"):
                await consumer.stop()

    async def _read(self, reader: AIOKafkaConsumer, least: int = 0) -> None:
        """Read to the topic's end, and to the offset ``least`` where a broker does not yet count so far."""
        end = max(least, (await reader.end_offsets([self._place]))[self._place])
        while await reader.position(self._place) < end:  # which passes over marks of transactions
            for record in (await reader.getmany(self._place, timeout_ms=1000)).get(self._place, ()):
                self._table.add(record.offset, record.key, record.value)

    async def _write(self, records: Iterable[tuple[bytes, bytes]]) -> int:
        """Write records and return the highest offset, once every replica in sync has them."""
        producer = AIOKafkaProducer(**await self._options(), acks="all", enable_idempotence=True)
        try:
            await producer.start()
            sent = [await producer.send(self._topic, value, key=key, partition=0) for key, value in records]
            offsets: list[int] = [(await each).offset for each in sent]
        finally:
            with suppress(KafkaError), own_cancellations("closed"):
                await producer.stop()
        return max(offsets)

    async def _options(self) -> dict[str, Any]:
        options = await reaching(self._settings, "spanpulse-sources")
        return {**options, "request_timeout_ms": int(min(self._settings.kafka_timeout, LONGEST_REQUEST_S) * 1000)}
