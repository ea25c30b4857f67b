"""What both drivers' consumers do unlike Faust's.

Guarantee: what an agent did not acknowledge is not committed, also when the agent raises, its app crashes, or Faust
skips a message; a stop or a rebalance waits for agents no longer than the app allows; an agent that has enough to do
stops no other. Not guaranteed: anything about offsets; the drivers keep those.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from faust.transport import consumer
from faust.types import TP

__all__ = ["CarefulConsumer"]

LOOK_EVERY_S: Final = 0.25  # whether an agent can still acknowledge


class CarefulConsumer(consumer.Consumer):
    """The base of a driver's consumer. ``wake`` is set when there may be something to deliver again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.wake = asyncio.Event()
        self._crowded: set[str] = set()  # topics whose agent has enough to do
        super().__init__(*args, **kwargs)

    def may_flow(self, tp: TP, generation: int) -> bool:
        """Tell whether a message that was read in a generation may be delivered now."""
        return bool(
            self.flow_active and generation == self.app.consumer_generation_id and tp.topic not in self._crowded
        )

    def on_buffer_full(self, tp: TP) -> None:
        """Hold back what shares the agent's queue: a full one would stop other agents."""
        self._crowded |= self._queued_with(tp.topic)

    def on_buffer_drop(self, tp: TP) -> None:
        """Let it flow again."""
        self._crowded -= self._queued_with(tp.topic)
        self.wake.set()

    def _queued_with(self, topic: str) -> set[str]:
        channels = self.app.topics._topic_name_index.get(topic, ())  # noqa: SLF001 -- there is no other way to it
        return {topic}.union(*(channel.topics for channel in channels))

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Deliver from partitions again."""
        super().resume_partitions(tps)
        self.wake.set()

    async def verify_all_partitions_active(self) -> None:
        """Do nothing: who watches the committed offsets knows better who is stuck, and this wakes up often."""

    def counts(self, message: Any) -> bool:
        """Tell whether an acknowledgement counts: not of what Faust skipped, or gave out before a rebalance."""
        return bool(message.tracked and message.generation_id == self.app.consumer_generation_id)

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what agents acknowledged; nothing after a crash, for Faust goes on to acknowledge for the dead."""
        return not self.app.crashed and bool(await super().commit(topics, start_new_transaction))

    async def on_task_error(self, exc: BaseException) -> None:
        """Commit nothing when an agent raised: it is dead, and the app does not know yet."""

    async def wait_empty(self) -> None:
        """Let agents acknowledge what they have taken, as long as the app allows, and commit that."""
        deadline = self.loop.time() + self.app.drain
        while self._unacked_messages and not self._hopeless() and (left := deadline - self.loop.time()) > 0:
            await self._wait_for_ack(min(left, LOOK_EVERY_S))
            self._clean_unacked_messages()
        await self.commit_and_end_transactions()

    async def _wait_for_ack(self, timeout: float) -> None:  # noqa: ASYNC109 -- Faust's
        self._waiting_for_ack = self.loop.create_future()
        await asyncio.wait({self._waiting_for_ack}, timeout=timeout)
        self._waiting_for_ack = None

    def _hopeless(self) -> bool:
        """Tell whether nobody is left to acknowledge anything."""
        return bool(self.should_stop or self.app.crashed)
