"""The reconciler in a worker: looks at what all partitions stored, and sends what should be decided to each of them.

The worker that has partition 0 of the own topic does it, so that it is one at a time; another one that has not heard of
it yet only sends again what changes nothing twice. It has a database client of its own and works in a thread: where
ClickHouse or Kafka is away it waits for its next turn, and a worker neither ends for it nor takes fewer batches. Not
guaranteed: that a decision which was sent is applied soon; its partition may be behind.
"""

import asyncio
import logging
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeVar, cast

from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse import SinkError
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster._database import server_config
from spanpulse_stream.decisions import HEADERS, Decisions, Encoding, Finding, Look, NoDecisions, Reconciler
from spanpulse_stream.kafka import (
    KafkaAway,
    KafkaMisconfigured,
    KafkaUnusable,
    KnownSources,
    LogSources,
    Outgoing,
    OwnTopics,
    Sender,
    TopicsRefused,
    read_topics,
)
from spanpulse_stream.observe import Metrics, catalog
from spanpulse_stream.partitions import TP
from spanpulse_stream.settings import Settings
from spanpulse_stream.usage import warm_up_union

__all__ = ["Reconciling"]

T = TypeVar("T")

LOG: Final = logging.getLogger(__name__)
KEY: Final = b"spanpulse.decisions"
SEND_WITHIN_S: Final = 20.0
SOURCES_EVERY_S: Final = 60.0
UNNUMBERED_EVERY_S: Final = 5.0
REFUSED_FOR_S: Final = 600.0
LONGEST_READ_S: Final = 15.0  # a worker that stops waits for as long
MOST_WAITING: Final = 50  # messages: more are a backlog
OF_A_MESSAGE: Final = 250  # decisions: with the longest texts about 1 MiB
EXPECTED: Final = (ClickHouseError, SinkError, KafkaUnusable, KafkaMisconfigured)
"""What goes wrong while something is away, or not as it should be."""


class _Message(NamedTuple):
    """A message, and what it tells."""

    outgoing: Outgoing
    findings: list[Finding]


class Reconciling:
    """Made in the loop that runs ``app``, the stream processors of the worker. `run` it, and `stop` it at the end.

    ``waiting`` returns how many messages wait for the worker.
    """

    def __init__(self, settings: Settings, metrics: Metrics, app: Any, waiting: Callable[[], int]) -> None:
        self._settings = settings
        self._metrics = metrics
        self._app = app
        self._waiting = waiting
        self._mine_since: float | None = None  # s since 1970
        self._own = TP(OwnTopics.of(settings).otlp, 0)
        self._encodings = {self._own.topic: "otlp_proto"} | {
            entry.split(":")[0]: entry.split(":")[2] for entry in settings.kafka_collector_topics
        }
        self._sources = LogSources(settings)
        self._known = KnownSources({}, 0)
        self._known_until = float("-inf")
        self._sender = Sender(settings, "spanpulse-reconciler", patience=SEND_WITHIN_S)
        self._refused: dict[str, float] = {}  # topics, and until when nothing is sent to them
        self._over = threading.Event()
        self._thread = ThreadPoolExecutor(1, "reconciler")  # batches do not wait for it
        self._database: ServerDatabase | None = None
        self._reconciler: Reconciler | None = None
        self._failing = False

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        await self._in_thread(warm_up_union)
        while True:
            await asyncio.sleep(self._settings.reconcile_every * random.uniform(0.8, 1.2))  # noqa: S311 -- spreads load
            if not self._is_mine():
                self._mine_since = None
                await self._in_thread(self._free)
                continue
            self._mine_since = self._mine_since or time.time()
            if self._waiting() > MOST_WAITING:
                continue
            try:
                await self.once()
            except EXPECTED as error:
                self._fail(error)
            except Exception:
                LOG.exception("the reconciler begins anew")  # what it knows is read again; batches do not need it
                await self._in_thread(self._free)
            else:
                self._failing = False

    async def once(self) -> None:
        """Look once, and send what should be decided. Raises those of EXPECTED."""
        begun = time.perf_counter()
        await self._find_sources()
        look = await self._in_thread(self._look)
        self._metrics.add(catalog.RECONCILE_SPANS, look.spans)
        self._metrics.set(catalog.RECONCILE_BEHIND, look.behind)
        try:
            for message in self._messages(look.findings):
                await self._send(message)
        finally:
            self._metrics.observe(catalog.RECONCILE_SECONDS, time.perf_counter() - begun)

    async def stop(self) -> None:
        """Give up what is under way, and disconnect."""
        self._over.set()
        await self._sender.stop()
        if (database := self._database) is not None:
            await asyncio.to_thread(database.close)  # which ends what the thread is reading
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _is_mine(self) -> bool:
        return self._own in {TP(*tp) for tp in self._app.consumer.assignment()}

    def _fail(self, error: Exception) -> None:
        if not self._failing:
            LOG.warning("the reconciler waits for its next turn: %s", error)
        self._failing = True

    def _free(self) -> None:
        """Let go of everything that is held for a look."""
        database, self._database, self._reconciler = self._database, None, None
        if database is not None:
            database.close()
            self._metrics.set(catalog.RECONCILE_BEHIND, 0)

    async def _find_sources(self) -> None:
        """Learn now and then which partitions there are. Raises what LogSources does while none is known."""
        if time.monotonic() < self._known_until:
            return
        try:
            self._known = await self._sources.known(read_topics(self._settings))
        except KafkaUnusable:
            if not self._known.places:
                raise
        # A partition has a number from its first message on.
        wait = UNNUMBERED_EVERY_S if self._known.unnumbered else SOURCES_EVERY_S
        self._known_until = time.monotonic() + wait

    def _look(self) -> Look:
        """Look once, in a thread."""
        if self._database is None:
            config = server_config(self._settings)
            self._database = ServerDatabase.connect(
                replace(config, readers=1, timeout=min(config.timeout, LONGEST_READ_S))
            )
        if self._reconciler is None:
            self._reconciler = Reconciler(
                self._database,
                self._settings.reconcile_window,
                self._settings.reconcile_reach + time.time() - (self._mine_since or time.time()),
                seed=secrets.randbits(64),
                settle=self._settle,
                over=self._over.is_set,
            )
        return self._reconciler.look(self._known.places)

    def _settle(self, table: str) -> None:
        """Wait for what other replicas took; of several shards each has its own, and no server can wait for all."""
        if self._database is not None and not self._database.config.reads_all:
            self._database.settle(table)

    def _messages(self, findings: Iterable[Finding]) -> Iterator[_Message]:
        """Yield messages, each with decisions about one source."""
        for source, group in groupby(sorted(findings, key=lambda each: each.log_source), lambda each: each.log_source):
            of_source = list(group)
            for start in range(0, len(of_source), OF_A_MESSAGE):
                yield from self._message(source, of_source[start : start + OF_A_MESSAGE])

    def _message(self, source: int, findings: list[Finding]) -> Iterator[_Message]:
        """Yield the message of some decisions. One that no message can hold (a tenant without end) is left out."""
        topic, partition = self._known.places[source]
        encoding = cast(Encoding, self._encodings[topic])
        try:
            value = Decisions(source, tuple(each.decision for each in findings)).encode(encoding)
        except NoDecisions:
            self._metrics.add(catalog.RECONCILE_REFUSED, len(findings) == 1, "unspeakable")
            for each in findings if len(findings) > 1 else ():
                yield from self._message(source, [each])
            return
        yield _Message(Outgoing(topic, KEY, value, HEADERS, partition), findings)

    async def _send(self, message: _Message) -> None:
        """Send a message. Raises KafkaAway."""
        topic, size = message.outgoing.topic, len(message.findings)
        if self._refused.get(topic, 0.0) > time.monotonic():
            return
        try:
            await self._sender.send([message.outgoing])
        except KafkaAway:
            self._metrics.add(catalog.RECONCILE_REFUSED, size, "away")
            raise
        except KafkaUnusable as error:
            self._metrics.add(catalog.RECONCILE_REFUSED, size, "refused")
            self._refused[topic] = time.monotonic() + REFUSED_FOR_S
            hint = "; or set reconcile_every = 0" if isinstance(error, TopicsRefused) else ""
            LOG.warning("decisions cannot be sent, tried again in %.0f s: %s%s", REFUSED_FOR_S, error, hint)
            return
        if self._reconciler is not None:
            self._reconciler.sent(message.findings)
        for each in message.findings:
            self._metrics.add(catalog.RECONCILE_DECISIONS, 1, each.decision.reason)
