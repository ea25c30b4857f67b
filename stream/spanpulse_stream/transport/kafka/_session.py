"""One assignment of partitions by the group, and the calls to its coordinator that hold for it alone.

aiokafka commits under whatever generation it has when a request goes out, so a commit that waits through a rebalance
would pass as the new generation's. Guarantee: a commit or read that is asked for under one assignment is made under
it, or raises; each call is one attempt. Everything here runs in the consumer's thread.
"""

# ruff: noqa: SLF001 -- aiokafka has no public way to commit in one attempt, or under one generation

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from spanpulse_stream.partitions import TP
from spanpulse_stream.transport.kafka._errors import Stale

__all__ = ["Session"]


@dataclass(frozen=True)
class Session:
    """The ``number``-th assignment of this consumer; Kafka's generation may be the same for several of them."""

    number: int
    consumer: AIOKafkaConsumer
    generation: int
    member: str
    assignment: Any

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

    async def first_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Return the first offsets that are kept of partitions. Raises KafkaError."""
        found = await self.consumer.beginning_offsets([TopicPartition(*tp) for tp in tps])
        return {TP(*tp): offset for tp, offset in found.items()}

    async def ends(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Return the offsets behind the last messages of partitions. Raises KafkaError."""
        found = await self.consumer.end_offsets([TopicPartition(*tp) for tp in tps])
        return {TP(*tp): offset for tp, offset in found.items()}

    def seek(self, tp: TP, offset: int) -> None:
        """Fetch a partition from ``offset`` on. Raises Stale."""
        if not self.may_read:
            raise Stale
        state = self.assignment.state_value(TopicPartition(*tp))
        if not (state.has_valid_position and state.position == offset):
            self.consumer.seek(TopicPartition(*tp), offset)
