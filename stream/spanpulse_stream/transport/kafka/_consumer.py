"""The consumer half of the Kafka driver: one member of a consumer group, with claims.

Guarantee: each partition's messages come in order from its committed offset on, or from the first one kept; none
comes twice in one assignment; a partition whose leader does not answer holds up no other, and is opened once it does;
what Kafka deleted before it was read is logged as an error, and counted, once; commits, Faust's own too, never pass a
message that an agent did not acknowledge, never go back, never lie inside a claimed range, and are refused when the
partition was given to another member. Not guaranteed: that a message comes once; after a restart or a rebalance
everything behind the committed offset comes again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from aiokafka.errors import ConsumerStoppedError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from faust.types.tuples import ack_lock
from mode.utils.futures import notify

from spanpulse_stream.transport._careful import CarefulConsumer
from spanpulse_stream.transport.kafka._answers import Answers, ask_whether_kafka_answers
from spanpulse_stream.transport.kafka._committer import Committer
from spanpulse_stream.transport.kafka._errors import Stale, TopicGone, passes
from spanpulse_stream.transport.kafka._intake import Intake
from spanpulse_stream.transport.kafka._ledger import Ledger, Losses
from spanpulse_stream.transport.kafka._thread import Listener, Thread

__all__ = ["Consumer"]

LOG: Final = logging.getLogger("faust.transport.kafka")
LOST: Final = logging.getLogger(__name__)  # of which each one is logged, however many there are
OPEN_WITHIN_S: Final = 15.0
OPEN_AGAIN_S: Final = 3.0
LATER_WITHIN_S: Final = 10.0  # nobody waits for it, so a slow leader is given more time than at the beginning
OPENING: Final = "opening"
FLUSH_WITHIN_S: Final = 2.0
TRY_AGAIN_S: Final = 0.5
LOOK_EVERY_S: Final = 1.0
ASK_EVERY_S: Final = 3.0


class Consumer(CarefulConsumer, driver.Consumer):
    """Reads topics for the agents of one app, as one member of the app's group."""

    logger = LOG
    RebalanceListener = Listener
    _thread: Thread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.answers = Answers()
        """What Kafka does not answer."""
        cluster = self.transport.cluster
        committer = Committer(self._thread, lambda: self.app.should_stop, cluster.patience, self.answers)
        self.losses = Losses(self._on_lost)
        """What Kafka deleted before it was read."""
        self.ledger = Ledger(committer, self.app.monitor.on_tp_commit, self.losses.lost)
        self._intake = Intake(self._thread, self.losses.lost)

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon)

    async def on_started(self) -> None:
        """Look for errors from now on."""
        await super().on_started()
        self.add_future(self._look_for_errors())
        self.add_future(self._ask_whether_kafka_answers())
        self.add_future(self._open_what_is_closed())

    async def _look_for_errors(self) -> None:
        """End the app where the group refuses this member; one without partitions would not hear of it."""
        while not self.should_stop:
            await self.sleep(LOOK_EVERY_S)
            try:
                await self._thread.ask(self._thread.check())
            except ConsumerStoppedError:
                return
            except Exception as error:
                if not passes(error):
                    raise

    async def _ask_whether_kafka_answers(self) -> None:
        """Ask the brokers for a sign of life, now and then."""

        async def ask() -> str | None:
            return await self._thread.ask(self._thread.trouble())

        while not self.should_stop:
            await self.sleep(ASK_EVERY_S)
            try:
                await ask_whether_kafka_answers(self.answers, ask, self._thread.brokers)
            except ConsumerStoppedError:
                return

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 -- Faust's
        """Yield what has been fetched of partitions that may flow; else wait ``timeout`` seconds for it."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        session, idle = self.app.consumer_generation_id, True
        if not await self._is_open(session):
            await self.sleep(TRY_AGAIN_S)
            return
        self.wake.clear()
        tps = sorted(self._get_active_partitions() & self.ledger.progress.keys())
        for tp in tps:
            progress = self.ledger.of(tp)
            while self.may_flow(tp, session) and (record := self._intake.take(tp)):
                idle = False
                if not progress.deliver(record.offset):
                    raise TopicGone(f"{tp.topic} {tp.partition} begins again at {record.offset}: it was made anew")
                yield tp, self._message(tp, record, session)
            progress.pass_to(self._intake.position(tp) or 0)
        if idle:
            await self._fill(session, [tp for tp in tps if self.may_flow(tp, session)], timeout)

    async def _is_open(self, session: int) -> bool:
        """Tell whether the session's partitions are known and fetched, after seeing to it."""
        if self.ledger.session == session:
            return True
        await self._intake.clear()
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                opened = await self._thread.ask(self._thread.open(session))
        except Stale:
            return False  # another rebalance has begun
        except Exception as error:
            if not passes(error):
                raise
            LOG.warning("the committed offsets have to wait for Kafka: %r", error)
            return False
        if session != self.app.consumer_generation_id or not self.flow_active:
            return False
        self._read_offset.clear()
        self.ledger.begin(session, opened.starts, opened.closed)
        self._say_what_is_closed()
        return True

    async def _open_what_is_closed(self) -> None:
        """Open partitions whose leaders did not answer when the session began; those that did flow meanwhile."""
        while not self.should_stop:
            await self.sleep(OPEN_AGAIN_S)
            if self.ledger.closed:
                await self._open_more(self.ledger.session, self.ledger.closed)

    async def _open_more(self, session: int, closed: Collection[TP]) -> None:
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                opened = await self._thread.ask(self._thread.open(session, closed, LATER_WITHIN_S))
        except (Stale, ConsumerStoppedError):
            return
        except Exception as error:
            if not passes(error):
                raise
            return
        self.ledger.open(session, opened.starts)
        self._say_what_is_closed()
        self.wake.set()

    def _say_what_is_closed(self) -> None:
        if not self.ledger.closed:
            self.answers.came(OPENING)
            return
        closed = ", ".join(f"{tp.topic}/{tp.partition}" for tp in sorted(self.ledger.closed))
        self.answers.owed(OPENING, f"who leads {closed} does not tell from where on to read")
        LOG.warning("%s: the leader does not tell from where on to read; the other partitions are read", closed)

    def _on_lost(self, tp: TP, first: int, kept: int) -> None:
        self.add_future(self._say_what_is_lost(tp, first, kept))

    async def _say_what_is_lost(self, tp: TP, first: int, kept: int) -> None:
        """Log what is lost, with the retention that was too short for it."""
        retention = "not known"
        try:
            with suppress(ConsumerStoppedError):
                retention = await self._thread.ask(self._thread.retention(tp.topic))
        finally:  # also where the app ends meanwhile
            LOST.error(
                "%s/%d: Kafka deleted offsets %d to %d before they were read: they are lost; retention is %s",
                *(*tp, first, kept - 1, retention),
            )

    async def _fill(self, session: int, tps: list[TP], timeout: float) -> None:  # noqa: ASYNC109 -- as getmany's
        try:
            await self._intake.fill(session, tps, self.wake, timeout)
        except Stale:
            return
        except Exception as error:
            if not passes(error):
                raise
            LOG.warning("messages have to wait for Kafka: %r", error)
            await self.sleep(TRY_AGAIN_S)
        for tp in tps:
            if (end := self._intake.ends.get(tp)) is not None:
                self.app.monitor.track_tp_end_offset(tp, end)

    def _message(self, tp: TP, record: Any, session: int) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.offset,
            record.timestamp / 1000,
            record.timestamp_type,
            list(record.headers),
            record.key,
            record.value,
            record.checksum,
            tp=tp,
            generation_id=session,
        )

    async def perform_seek(self) -> None:
        """Do nothing: `getmany` begins where it has to."""

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: the ledger knows what was delivered."""

    def ack(self, message: Any) -> bool:
        """Mark a message as acknowledged, if that counts."""
        with ack_lock:
            if message.acked or not self.counts(message) or message.tp not in self.ledger.progress:
                return False
            message.acked = True
            self._unacked_messages.discard(message)
            self.ledger.of(message.tp).acknowledge(message.offset)
            notify(self._waiting_for_ack)
            return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (tp for tp in self.ledger.progress if topics is None or tp in topics or tp.topic in topics)

    async def _commit_tps(self, tps: Iterable[TP], start_new_transaction: bool) -> bool:  # noqa: ARG002 -- there are no transactions
        tps = list(tps)
        try:
            async with asyncio.timeout(FLUSH_WITHIN_S):
                await self.app.producer.flush()  # what agents sent comes before what they acknowledged
            return await self.ledger.commit_acknowledged(tps)
        except TimeoutError:
            return False
        except (KafkaError, TopicGone) as error:
            await self.crash(error)
            return False

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit what was acknowledged, and let go of everything."""
        await super().on_partitions_revoked(revoked)
        self.ledger.end()
        self._say_what_is_closed()
        self._unacked_messages.clear()

    def highwater(self, tp: TP) -> int | None:
        """Return the offset that the next message will get, as it was heard last; None before that."""
        return self._intake.ends.get(tp)

    def readable(self, tp: TP) -> int | None:
        """Return the offset up to which messages may be read: that of the first open transaction, or `highwater`."""
        return self._intake.readable.get(tp, self.highwater(tp))

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Return where the partitions stand; `getmany` has begun there."""
        return {tp: progress.position for tp, progress in self.ledger.progress.items()}

    def close(self) -> None:
        """Do nothing: the thread closes what it opened."""
