"""The consumer half of the driver: all partitions of the log's topics, in order, as fast as the agents take them.

Guarantee: each partition's messages come in order and without a gap from its committed offset on; Faust's own
commits never pass a message that was not acknowledged, and never end a claim. Not guaranteed: that a message comes
once; after a restart everything behind the committed offset comes again.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final

from faust.transport import consumer
from faust.types import TP, ConsumerMessage

from spanpulse_stream.log import LocalLog, Record
from spanpulse_stream.transport._keys import partition_of_key

__all__ = ["Consumer"]

AHEAD_MESSAGES: Final = 16  # a partition's messages read but not yet delivered
AHEAD_BYTES: Final = 4 * 1024 * 1024
LOG_APPEND_TIME: Final = 1  # Kafka's timestamp type
DRAIN_S: Final = 10.0  # for agents to acknowledge what they have taken, before a stop goes on without them


class Consumer(consumer.Consumer):
    """Reads the log for the agents of one app; there is no other member in its group."""

    def __init__(self, transport: Any, *args: Any, **kwargs: Any) -> None:
        self._source: LocalLog = transport.log
        self._assigned: set[TP] = set()
        self._positions: dict[TP, int] = {}
        self._ahead: dict[TP, deque[Record]] = {}
        self._crowded: set[str] = set()  # topics whose agent has enough to do
        self._wake = asyncio.Event()
        self._unsubscribe: Callable[[], None] = _nothing
        super().__init__(transport, *args, **kwargs)

    async def on_start(self) -> None:
        """Listen to the log."""
        loop = asyncio.get_running_loop()
        self._unsubscribe = self._source.subscribe(lambda _grown: loop.call_soon_threadsafe(self._wake.set))

    async def on_stop(self) -> None:
        """Settle what is open, and listen no longer."""
        await super().on_stop()
        self._unsubscribe()

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Take all partitions of ``topics``; Faust hears of it as of a rebalance."""
        wanted = {TP(topic, partition) for topic in topics for partition in range(self.topic_partitions(topic) or 0)}
        if wanted != self._assigned:
            self.add_future(self._rebalance(wanted))

    async def _rebalance(self, assigned: set[TP]) -> None:
        self.app.on_rebalance_start()
        if self._assigned:
            await self.on_partitions_revoked(self._assigned)
        self._assigned = assigned
        self.app.consumer_generation_id += 1
        await self.on_partitions_assigned(set(assigned), self.app.consumer_generation_id)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 -- Faust's
        """Yield messages of the partitions that may flow, in turn, waiting up to ``timeout`` seconds for the first."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        await self._read_ahead(timeout)
        generation = self.app.consumer_generation_id
        while ready := [tp for tp in self._flowing() if self._ahead.get(tp)]:
            for tp in ready:
                if not self.flow_active or generation != self.app.consumer_generation_id:
                    return
                if tp.topic not in self._crowded and (records := self._ahead.get(tp)):
                    record = records.popleft()
                    self._positions[tp] = record.offset + 1
                    yield tp, self._to_message(tp, record)

    async def _read_ahead(self, timeout: float) -> None:  # noqa: ASYNC109 -- Faust's
        self._wake.clear()
        if not await self._fill():
            await self.wait(self._wake, timeout=timeout)
            await self._fill()

    async def _fill(self) -> bool:
        """Read what is there for the partitions that have nothing ahead; tell whether any has."""
        for tp in self._flowing():
            end = self.highwater(tp)
            self.app.monitor.track_tp_end_offset(tp, end)
            if not self._ahead.get(tp) and (start := self._positions[tp]) < end:
                records = await asyncio.to_thread(self._read, tp, start)
                if self._positions.get(tp) == start:  # nobody sought meanwhile
                    self._ahead[tp] = deque(records)
        return any(self._ahead.values())

    def _read(self, tp: TP, offset: int) -> list[Record]:
        return self._source.read(*tp, offset, max_messages=AHEAD_MESSAGES, max_bytes=AHEAD_BYTES)

    def _flowing(self) -> list[TP]:
        """Return the partitions that are neither paused nor held back."""
        return [tp for tp in sorted(self._get_active_partitions()) if tp.topic not in self._crowded]

    def on_buffer_full(self, tp: TP) -> None:
        """Hold the whole topic back: its partitions share the agent's buffer, and a full one would stop other agents."""
        self._crowded.add(tp.topic)

    def on_buffer_drop(self, tp: TP) -> None:
        """Let the topic flow again."""
        self._crowded.discard(tp.topic)
        self._wake.set()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Deliver from partitions again."""
        super().resume_partitions(tps)
        self._wake.set()

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

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:  # noqa: ASYNC109, ARG002
        raise NotImplementedError("getmany does all")

    def _new_offset(self, tp: TP) -> int | None:
        """Return the first offset that is not acknowledged, None where that is the committed one."""
        acked = self._acked_index[tp]
        offset = committed = self._committed_offset[tp] or self._source.first_offset(*tp)
        while offset in acked:
            acked.discard(offset)
            offset += 1
        self._acked[tp] = sorted(acked)
        return offset if offset > committed else None

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        for tp, offset in offsets.items():
            if offset > self._source.committed(*tp) and self._source.claimed(*tp) is None:
                await self._source.commit(*tp, offset)
        return True

    async def wait_empty(self) -> None:
        """Tell of the end when the app stops; let agents acknowledge what they hold; commit that.

        What they don't acknowledge in time comes again after the next start.
        """
        if self.app.should_stop and self._assigned:
            await self.app.on_partitions_revoked.send(set(self._assigned))
        deadline = self.loop.time() + DRAIN_S
        while self._unacked_messages and not self.should_stop and self.loop.time() < deadline:
            await self.commit()
            await self._wait_for_ack(timeout=1.0)
            self._clean_unacked_messages()
        await self.commit_and_end_transactions()
        if self.app.should_stop:
            self._assigned = set()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Deliver from the committed offsets on, or from the first offsets kept."""
        await self.seek_wait(
            {tp: max(self._source.committed(*tp), self._source.first_offset(*tp)) for tp in self._assigned}
        )
        return dict(self._positions)

    async def _seek(self, partition: TP, offset: int) -> None:
        self._positions[partition] = offset
        self._ahead.pop(partition, None)
        self._wake.set()

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Deliver from the given offsets on."""
        for tp, offset in partitions.items():
            await self._seek(tp, offset)

    async def seek_to_beginning(self, *partitions: TP) -> None:
        """Deliver from the first offsets kept on."""
        await self.seek_wait(await self.earliest_offsets(*partitions))

    async def position(self, tp: TP) -> int | None:
        """Return the offset of the next message to deliver."""
        return self._positions.get(tp)

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

    def topic_partitions(self, topic: str) -> int | None:  # noqa: ARG002
        """Return the number of partitions, the same for every topic."""
        return self._source.partitions

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Return the partition that a message goes to."""
        return partition if partition is not None else partition_of_key(key, self._source.partitions)

    async def create_topic(self, topic: str, partitions: int, replication: int, **kwargs: Any) -> None:
        """Do nothing: a topic of the log comes into being with its first message."""

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)


def _nothing() -> None:
    return None
