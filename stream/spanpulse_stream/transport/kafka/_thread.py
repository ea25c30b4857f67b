"""The thread in which aiokafka runs, and what the driver's consumer asks of it.

Heartbeats go on there while the main loop is busy. Guarantee: what is asked is answered, or raises, also when the
thread ends meanwhile; a rebalance never waits for a main loop that stops; whatever ends the thread, and whichever of
the two loops ends first, the main loop hears of it and can stop. Not guaranteed: that the group is left at the end; a
coordinator that does not answer is not waited for, and the session times out.
"""

import asyncio
import logging
from collections.abc import Collection, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import ConsumerStoppedError, IncompatibleBrokerVersion, KafkaError
from aiokafka.protocol.admin import DescribeConfigsRequest
from faust.transport.consumer import ensure_TPset
from faust.transport.drivers import aiokafka as driver

from spanpulse_stream.kafka import own_cancellations
from spanpulse_stream.partitions import TP
from spanpulse_stream.transport.kafka._errors import Stale
from spanpulse_stream.transport.kafka._fetch import Fetched, fetch
from spanpulse_stream.transport.kafka._progress import Starts
from spanpulse_stream.transport.kafka._session import Session
from spanpulse_stream.transport.kafka._start import started

__all__ = ["Listener", "Opened", "Thread"]

LOG: Final = logging.getLogger("faust.transport.kafka")
LEAVE_WITHIN_S: Final = 6.0
ANSWER_WITHIN_S: Final = 3.0  # of those who lead partitions
NOBODY: Final = -1  # leads a partition
TOPIC_RESOURCE: Final = 2  # among what has options
RETENTION: Final = ("retention.ms", "retention.bytes")

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Opened:
    """Where partitions start, and which ones are ``closed``: nobody has told yet where those do."""

    starts: Starts
    closed: frozenset[TP]


class Listener(ConsumerRebalanceListener):
    """Tells the main loop of rebalances."""

    def __init__(self, thread: "Thread") -> None:
        self._thread = thread

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Wait until the main loop has given the partitions up; where it stops, until it has, and do not join again."""
        if self._thread.app.should_stop:
            await self._thread.wait()
            raise asyncio.CancelledError
        self._thread.app.on_rebalance_start()
        await self._thread.tell(self._thread.on_partitions_revoked(ensure_TPset(revoked)))

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Begin a session, and wait until the main loop knows."""
        session = self._thread.begin()
        self._thread.app.consumer_generation_id = session.number
        await self._thread.tell(self._thread.on_partitions_assigned(ensure_TPset(assigned), session.number))


class Thread(driver.AIOKafkaConsumerThread):
    """Runs an AIOKafkaConsumer; its sessions are numbered."""

    logger = LOG

    def __post_init__(self) -> None:
        """Prepare what Faust's does not."""
        super().__post_init__()
        self._numbers = count(1)
        self._session: Session | None = None

    async def on_start(self) -> None:
        """Start the consumer, once a broker answers."""
        self.time_started = monotonic()
        cluster = self.transport.cluster
        options = cluster.consumer_options(self.app.conf.id)
        self._consumer = await started(
            lambda: AIOKafkaConsumer(**options), cluster.brokers, sleep=self.sleep, stopping=lambda: self.should_stop
        )

    async def on_thread_stop(self) -> None:
        """Leave the group."""
        if self._method_queue is not None:
            await self._method_queue.stop()
        if self._consumer is not None:
            with suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(LEAVE_WITHIN_S):
                    with own_cancellations("closed"):
                        await self._consumer.stop()

    def _start_thread(self) -> None:
        """Run the thread; the main loop waits for its end, however it comes."""
        try:
            super()._start_thread()
        finally:
            self.set_shutdown()

    def set_shutdown(self) -> None:
        """Tell the main loop that the thread has ended, unless that loop has."""
        with suppress(RuntimeError):
            super().set_shutdown()

    def _stopped_set(self) -> None:
        """Tell the thread to stop; one that has ended by itself has nobody left who would wait for that."""
        try:
            super()._stopped_set()
        except RuntimeError:
            self._stopped.set()

    def on_crash(self, msg: str, *fmt: Any, **_kwargs: Any) -> None:
        """Say why the thread ended; Faust's prints it."""
        LOG.error(msg.format(*fmt))

    def begin(self) -> Session:
        """Begin the session of the assignment that has just come."""
        self._session = Session.begin(next(self._numbers), self._ensure_consumer())
        return self._session

    async def tell(self, telling: Coroutine[Any, Any, None]) -> None:
        """Have the main loop hear of a rebalance, and wait until it has done what that takes, unless it stops."""
        told, stopped = asyncio.ensure_future(telling), asyncio.ensure_future(self._stopped.wait())
        await asyncio.wait({told, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if told.done():
            told.result()

    async def ask(self, asked: Coroutine[Any, Any, Answer]) -> Answer:
        """Run something in the thread, from the main loop. Raises ConsumerStoppedError where it has ended."""
        if self._consumer is None or self.should_stop or self.thread_loop.is_closed():
            asked.close()
            raise ConsumerStoppedError
        try:
            running = asyncio.run_coroutine_threadsafe(asked, self.thread_loop)
        except RuntimeError:  # it was closed this moment
            asked.close()
            raise ConsumerStoppedError from None
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise ConsumerStoppedError from None

    async def fetch(self, number: int, tps: Collection[TP], within: float) -> Fetched:
        """Return records of a session. Raises Stale, KafkaError, ConsumerStoppedError."""
        return await fetch(self._of(number), tps, within)

    async def check(self) -> None:
        """Raise what the group's coordinator refused for good, such as a member without permission."""
        self._ensure_consumer()._coordinator.check_errors()  # noqa: SLF001 -- aiokafka raises it only where it fetches

    @property
    def brokers(self) -> int:
        """How many brokers are known."""
        return 0 if self._consumer is None else len(self._consumer._client.cluster.brokers())  # noqa: SLF001

    async def trouble(self) -> str | None:
        """Ask for a sign of life; return what is wrong with Kafka, None for nothing."""
        client = self._ensure_consumer()._client  # noqa: SLF001 -- aiokafka tells nobody that its fetches fail
        if not await client.force_metadata_update():
            return "no broker of Kafka can be reached"
        held = () if self._session is None else self._session.assignment.tps
        alone = [f"{tp.topic}/{tp.partition}" for tp in held if client.cluster.leader_for_partition(tp) == NOBODY]
        return f"no broker of Kafka leads {', '.join(sorted(alone))}" if alone else None

    async def commit(self, number: int, offsets: Mapping[TP, tuple[int, str]]) -> None:
        """Commit offsets with their metadata, in one attempt. Raises Stale, KafkaError."""
        await self._of(number).commit(offsets)

    async def open(self, number: int, tps: Collection[TP] | None = None, within: float = ANSWER_WITHIN_S) -> Opened:
        """Return where partitions of a session start, all or some, and fetch them from there on.

        A partition whose leader does not answer ``within`` seconds is left closed, and holds up no other.
        A commit behind the end of the log is one of a topic that was deleted since, and counts as none.
        Raises Stale, KafkaError.
        """
        session = self._of(number)
        committed = await session.committed()
        wanted = {TP(*tp) for tp in session.assignment.tps} if tps is None else set(tps)
        bounds = await session.bounds(wanted, within)
        starts = {tp: _start(tp, *found, committed.get(tp)) for tp, found in bounds.items()}
        for tp, (offset, _) in starts.items():
            session.seek(tp, offset)
        return Opened(starts, frozenset(wanted - starts.keys()))

    async def retention(self, topic: str) -> str:
        """Return how long a topic is kept, for a person; that it is not known, where nobody says so in time."""
        client = self._ensure_consumer()._client  # noqa: SLF001 -- aiokafka's consumer has no public way to ask
        request = DescribeConfigsRequest([(TOPIC_RESOURCE, topic, list(RETENTION))])
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                answer = await client.send(client.get_random_node(), request)
        except (OSError, KafkaError, IncompatibleBrokerVersion, NotImplementedError):  # the first is a timeout as well
            return "not known"
        kept = {entry[0]: entry[1] for *_, entries in answer.resources for entry in entries}
        return ", ".join(f"{name}={kept[name]}" for name in RETENTION if name in kept) or "not known"

    def _of(self, number: int) -> Session:
        if self._session is None or self._session.number != number:
            raise Stale
        return self._session


def _start(tp: TP, first: int, end: int, committed: tuple[int, str] | None) -> tuple[int, tuple[int, str] | None]:
    """Return where a partition starts that is kept from ``first`` to ``end``, and what is committed of it, if it is."""
    if committed is None:
        return first, None
    if committed[0] > end:
        shown = (*tp, end, committed[0])
        LOG.error("%s %d ends at %d, and %d is committed: it was made anew, and is read from its start", *shown)
        return first, None
    return max(first, committed[0]), committed
