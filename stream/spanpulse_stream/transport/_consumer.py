"""The consumer half of the driver: all partitions of the log's topics, in order, as fast as the agents take them.

Guarantee: each partition's messages come in order and without a gap from its committed offset on; Faust's own
commits never pass a message that an agent did not acknowledge. Not guaranteed: that a message comes once; after a
restart or a rebalance everything behind the committed offset comes again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final

from faust.types import TP, ConsumerMessage

from spanpulse_stream.log import LocalLog, Record
from spanpulse_stream.transport._careful import CarefulConsumer
from spanpulse_stream.transport._keys import partition_of_key
from spanpulse_stream.transport._reader import PartitionReader

__all__ = ["Consumer"]

LOG_APPEND_TIME: Final = 1  # Kafka's timestamp type


class Consumer(CarefulConsumer):
    """Reads the log for the agents of one app; there is no other member in its group."""

    logger = logging.getLogger("faust.transport.log")

    def __init__(self, transport: Any, *args: Any, **kwargs: Any) -> None:
        self._source: LocalLog = transport.log
        self._reader = PartitionReader(transport.log)
        self._assigned: set[TP] = set()
        self._unsubscribe: Callable[[], None] = _nothing
        super().__init__(transport, *args, **kwargs)

    async def on_start(self) -> None:
        """Listen to the log."""
        loop = asyncio.get_running_loop()

        def grown(_partitions: frozenset[tuple[str, int]]) -> None:
            loop.call_soon_threadsafe(self.wake.set)

        self._unsubscribe = self._source.subscribe(grown)

    async def on_stop(self) -> None:
        """Commit what was acknowledged, and listen no longer."""
        try:
            await super().on_stop()
        finally:
            self._unsubscribe()

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Take all partitions of ``topics``; Faust hears of it as of a rebalance."""
        wanted = {TP(topic, partition) for topic in topics for partition in range(self._source.partitions)}
        if wanted != self._assigned:
            self.add_future(self._rebalance(wanted))

    async def _rebalance(self, assigned: set[TP]) -> None:
        await asyncio.to_thread(self._declare, assigned)
        self.app.on_rebalance_start()
        if self._assigned:
            await self.commit()
            await self.on_partitions_revoked(self._assigned)
        self._assigned = assigned
        self.app.consumer_generation_id += 1
        await self.on_partitions_assigned(set(assigned), self.app.consumer_generation_id)

    def _declare(self, tps: set[TP]) -> None:
        """Make topics that are new, which waits for the disk; everything else about an offset is in memory."""
        for tp in tps:
            self._source.end_offset(*tp)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 -- Faust's
        """Yield a chunk of each partition that may flow; where there is none, wait ``timeout`` seconds for one."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        generation, idle = self.app.consumer_generation_id, True
        self.wake.clear()
        for tp in sorted(self._get_active_partitions()):
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            if self.may_flow(tp, generation) and await self._reader.ready(tp):
                while self.may_flow(tp, generation) and (record := self._reader.take(tp)):
                    idle = False
                    yield tp, self._to_message(tp, record)
        if idle:
            await self.wait(self.wake, timeout=timeout)

    def _to_message(self, tp: TP, record: Record) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.offset,
            record.appended_at / 1000,
            LOG_APPEND_TIME,
            list(record.headers),
            record.key,
            record.value,
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:  # noqa: ASYNC109
        raise NotImplementedError("getmany does all")

    def ack(self, message: Any) -> bool:
        """Mark a message as acknowledged, if that counts."""
        return self.counts(message) and bool(super().ack(message))

    def _new_offset(self, tp: TP) -> int | None:
        """Return the first offset that is not acknowledged, None where that is the committed one."""
        offset = committed = self._source.committed(*tp)
        acked = {each for each in self._acked[tp] if each >= committed}
        while offset in acked:
            acked.discard(offset)
            offset += 1
        self._acked[tp], self._acked_index[tp] = sorted(acked), acked
        return offset if offset > committed else None

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        for tp, offset in offsets.items():
            await self._source.commit(tp.topic, tp.partition, offset)
        return True

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Deliver from the committed offsets on, or from the first offsets kept."""
        await self.seek_wait(
            {tp: max(self._source.committed(*tp), self._source.first_offset(*tp)) for tp in self._assigned}
        )
        return self._reader.positions

    async def _seek(self, partition: TP, offset: int) -> None:
        self._reader.seek(partition, offset)
        self.wake.set()

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Deliver from the given offsets on."""
        for tp, offset in partitions.items():
            await self._seek(tp, offset)

    async def seek_to_beginning(self, *partitions: TP) -> None:
        """Deliver from the first offsets kept on."""
        await self.seek_wait(await self.earliest_offsets(*partitions))

    async def position(self, tp: TP) -> int | None:
        """Return the offset of the next message to deliver."""
        return self._reader.positions.get(tp)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the first offsets kept."""
        return {tp: self._source.first_offset(*tp) for tp in partitions}

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the offsets that the next messages will get."""
        return {tp: self.highwater(tp) for tp in partitions}

    def highwater(self, tp: TP) -> int:
        """Return the offset that the next message will get."""
        return self._source.end_offset(*tp)

    def assignment(self) -> set[TP]:
        """Return the partitions of the app: all of its topics."""
        return set(self._assigned)

    def topic_partitions(self, topic: str) -> int | None:  # noqa: ARG002 -- the same for every topic
        """Return the number of partitions."""
        return self._source.partitions

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:  # noqa: ARG002 -- the same for every topic
        """Return the partition that a message goes to."""
        return partition if partition is not None else partition_of_key(key, self._source.partitions)

    async def create_topic(self, topic: str, partitions: int, replication: int, **kwargs: Any) -> None:
        """Do nothing: a topic of the log comes into being when it is asked for."""

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)


def _nothing() -> None:
    return None
