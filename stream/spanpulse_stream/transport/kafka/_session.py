"""One assignment of partitions by the group, and the calls to its coordinator that hold for it alone.

aiokafka commits under whatever generation it has when a request goes out, so a commit that waits through a rebalance
would pass as the new generation's. Guarantee: a commit or read that is asked for under one assignment is made under
it, or raises; each call is one attempt, but for `bounds`, which asks until its time is over. Everything here runs in
the consumer's thread.
"""

# ruff: noqa: SLF001 -- aiokafka has no public way to commit in one attempt, or under one generation

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from spanpulse_stream.partitions import TP
from spanpulse_stream.transport.kafka._errors import Stale, passes

__all__ = ["Session"]


@dataclass(frozen=True)
class Session:
    """The ``number``-th assignment of this consumer; Kafka's generation may be the same for several of them.

    ``stands``: where each partition is read on, as we left it; aiokafka is elsewhere only where it began again.
    """

    number: int
    consumer: AIOKafkaConsumer
    generation: int
    member: str
    assignment: Any
    stands: dict[TopicPartition, int] = field(default_factory=dict)

    @classmethod
    def begin(cls, number: int, consumer: AIOKafkaConsumer) -> "Session":
        """Return the session of the assignment that the consumer has just got."""
        coordinator = consumer._coordinator
        assignment = consumer._subscription.subscription.assignment
        return cls(number, consumer, coordinator.generation, coordinator.member_id, assignment)

    @property
    def is_current(self) -> bool:
        """Whether the group may still take this member for what it was."""
        coordinator = self.consumer._coordinator
        return bool(coordinator.generation == self.generation and coordinator.member_id == self.member)

    @property
    def may_read(self) -> bool:
        """Whether what has been fetched belongs to this assignment."""
        subscription = self.consumer._subscription.subscription
        return bool(
            subscription is not None
            and subscription.assignment is self.assignment
            and not self.consumer._subscription.reassignment_in_progress
        )

    async def commit(self, offsets: Mapping[TP, tuple[int, str]]) -> None:
        """Commit offsets with their metadata. Raises Stale, or what the broker answered as a KafkaError."""
        coordinator = self.consumer._coordinator
        wanted = {TopicPartition(*tp): OffsetAndMetadata(*what) for tp, what in offsets.items()}
        await coordinator.ensure_coordinator_known()
        if not self.is_current or not self.assignment.tps >= wanted.keys():
            raise Stale
        await coordinator._do_commit_offsets(self.assignment, wanted)  # the request is made before it waits

    async def committed(self) -> dict[TP, tuple[int, str]]:
        """Return the committed offsets with their metadata, of partitions that have one. Raises as `commit`."""
        coordinator = self.consumer._coordinator
        await coordinator.ensure_coordinator_known()
        found = await coordinator._do_fetch_commit_offsets(list(self.assignment.tps))
        if not self.is_current:
            raise Stale
        return {TP(*tp): (what.offset, what.metadata) for tp, what in found.items()}

    async def bounds(self, tps: Collection[TP], within: float) -> dict[TP, tuple[int, int]]:
        """Return the first offset that is kept and the one behind the last message, by partition.

        Left out are those whose leaders do not answer ``within`` seconds. Raises what no other attempt helps.
        """
        leader, asked = self.consumer._client.cluster.leader_for_partition, defaultdict[Any, list[TopicPartition]](list)
        for tp in sorted(tps):
            asked[leader(tp)].append(TopicPartition(*tp))
        answers = await asyncio.gather(*(self._bounds(each, within) for each in asked.values()))
        return {tp: bounds for answer in answers for tp, bounds in answer.items()}

    async def _bounds(self, tps: list[TopicPartition], within: float) -> dict[TP, tuple[int, int]]:
        """Ask one leader; aiokafka answers for all of them or for none."""
        try:
            async with asyncio.timeout(within):
                first = await self.consumer.beginning_offsets(tps)
                ends = await self.consumer.end_offsets(tps)
        except Exception as error:
            if not passes(error):
                raise
            return {}
        return {TP(*tp): (first[tp], ends[tp]) for tp in tps}

    def seek(self, tp: TP, offset: int) -> None:
        """Fetch a partition from ``offset`` on. Raises Stale."""
        if not self.may_read:
            raise Stale
        self.stands[TopicPartition(*tp)] = offset
        state = self.assignment.state_value(TopicPartition(*tp))
        if not (state.has_valid_position and state.position == offset):
            self.consumer.seek(TopicPartition(*tp), offset)
