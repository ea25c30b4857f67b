"""`spanpulse worker`: takes partitions of the topics, computes batches of them and writes each once to ClickHouse.

As many as there are partitions share the work. What ends a worker loses nothing: another one, or the next start, reads
the claim and replays it. A database that is away is waited for (`clickhouse_patience`), and Kafka is not read
meanwhile; a Kafka that is away is waited for as well (`kafka_patience`). Whatever else fails ends the process with code
1. Not guaranteed: that `stop` finishes what waits in Kafka; it finishes the batches that are being written, within
seconds.
"""

import asyncio
import secrets
import threading
import time
from typing import Any, ClassVar

import pyarrow as pa

from spanpulse_sinks.clickhouse import WriteFailed
from spanpulse_stream.cluster._database import connect_shards, shard_configs
from spanpulse_stream.cluster._folder import check_folder
from spanpulse_stream.cluster._follow import Following
from spanpulse_stream.cluster._owner import own_database
from spanpulse_stream.cluster._placing import place_of
from spanpulse_stream.cluster._process import ClusterProcess, Progress
from spanpulse_stream.cluster._publishing import Publisher
from spanpulse_stream.cluster._reading import reading
from spanpulse_stream.cluster._reconcile import Reconciling
from spanpulse_stream.cluster._repeating import Repeating
from spanpulse_stream.cluster._shared import Shared
from spanpulse_stream.cluster._used_prices import UsedPrices
from spanpulse_stream.cluster._watch import WorkerWatch
from spanpulse_stream.cluster._watching import Watching
from spanpulse_stream.kafka import KafkaUnusable, LogSources, check_topics, connection, read_topics, wait_for_brokers
from spanpulse_stream.observe import Health, catalog
from spanpulse_stream.partitions import TP
from spanpulse_stream.pipeline import Enricher, PartitionSteps, PriceBooks, Steps, Tools
from spanpulse_stream.process import Recorder, map_large_blocks, warm_up
from spanpulse_stream.settings import Settings, SettingsError
from spanpulse_stream.transport import KafkaClaims, failed, make_kafka_app

__all__ = ["WorkerProcess"]

BUFFERED_BYTES = 4 * 1024 * 1024
RECORD_BYTES = 900  # batches of smaller records are closed by number: one takes 12 KB while it is computed and written
LONGEST_WAIT_S = 5.0
PUBLISH_WITHIN_S = 5.0  # when the worker stops
LEAST_STALLED_S = 30.0  # with a backlog a round over many partitions takes a while


class WorkerProcess(ClusterProcess):
    """The stream processors of a cluster."""

    name: ClassVar[str] = "worker"

    def __init__(self, settings: Settings, progress: Progress) -> None:
        super().__init__(settings, progress)
        self._stopping = threading.Event()
        self._publisher: Publisher | None = None  # until the worker joins the group

    async def begin(self) -> None:
        """Wait for Kafka and ClickHouse, then take partitions.

        Raises KafkaMisconfigured, KafkaUnusable, SettingsError, SinkError, ServerUnreachable, OverrideError,
        CannotListen.
        """
        settings = self.settings
        self.health = Health(time.monotonic, max(settings.stalled_after, LEAST_STALLED_S))
        connection(settings, "spanpulse-worker")  # mistakes are told before anything is waited for or compiled
        shard_configs(settings)
        check_folder(settings.data)
        await self.serve_web()
        map_large_blocks()
        pa.set_memory_pool(pa.system_memory_pool())  # what it frees can be given back; its own pools keep a third more
        compiled = asyncio.create_task(asyncio.to_thread(warm_up))
        repeating = Repeating(self.health, self._wait)
        patience = settings.clickhouse_patience
        shards = await connect_shards(settings, self.progress, repeating.patience(patience))
        for shard in shards:
            self.stack.push_async_callback(asyncio.to_thread, shard.close)
        await wait_for_brokers(settings, self.progress)
        if problems := await check_topics(settings):
            raise KafkaUnusable("; ".join(problems))
        if (highest := await LogSources(settings).highest_shard()) >= len(shards):
            raise SettingsError(f"shard {highest + 1} has partitions, and clickhouse_shards lacks it: name all shards")
        await own_database(settings, shards[0])
        used = UsedPrices(shards[0], settings.data / "prices")
        books = await asyncio.to_thread(PriceBooks, settings.prices, settings.data / "prices", fetch=used.fetch)
        await asyncio.to_thread(used.publish, books.current.version, f"worker {self.version}")
        following = Following(settings, Shared(shards[0]), books)
        await asyncio.to_thread(following.once)
        self.keep(following.run())
        await compiled
        writers = [repeating.writer(shard, most=LONGEST_WAIT_S, patience=patience) for shard in shards]
        written, seed = Recorder(self.metrics).written, secrets.randbits(64)
        tools = [Tools(*each, books, written, seed, shared=True) for each in zip(shards, writers, strict=True)]
        await self._take_part(tools, following)

    async def stop(self) -> None:
        """Stop every part; a write that waits for the database gives up first."""
        self._stopping.set()
        if self._publisher is not None:
            asyncio.get_running_loop().call_later(PUBLISH_WITHIN_S, self._publisher.give_up)
        await super().stop()

    async def _take_part(self, shards: list[Tools], following: Following) -> None:
        """Join the group. ``shards``: what writes to each."""
        settings = self.settings
        app = make_kafka_app(settings, buffered_bytes=BUFFERED_BYTES)
        claims, sources = KafkaClaims(app), LogSources(settings)
        publisher = self._publisher = Publisher(settings, self.metrics)
        self.stack.push_async_callback(publisher.stop)

        async def partition(tp: TP) -> PartitionSteps:
            source, shard = await place_of(sources, tp, settings.kafka_patience, self._stopping.is_set)
            if shard >= len(shards):
                raise SettingsError(f"{tp.topic}/{tp.partition} is on shard {shard + 1}: clickhouse_shards lacks it")
            tools = shards[shard]
            await asyncio.to_thread(tools.writer.distrust, source)
            return PartitionSteps(source, tools)

        def skipped(tp: TP, messages: int) -> None:
            self.metrics.add(catalog.PIPELINE_SKIPPED, messages, tp.topic)

        enricher = Enricher(
            claims,
            Steps(partition, lambda: following.versions, app.crash, skipped, publisher.publish),
            most_records=min(settings.batch_records, settings.worker_batch_bytes // RECORD_BYTES),
            most_bytes=settings.worker_batch_bytes,
            read=reading(settings),
        )

        async def enrich(stream: Any) -> None:
            await enricher.run(stream, within=settings.batch_within)

        topic = app.topic(*read_topics(settings), key_serializer="raw", value_serializer="raw")
        app.agent(topic, name="enrich")(enrich)
        self.stack.push_async_callback(app.stop)
        await app.start()
        self.keep(self._until_ended(app))
        watch = WorkerWatch(app, claims, self.metrics, self.health, request_s=settings.clickhouse_timeout)
        watch.kafka = lambda: app.consumer.answers.trouble or publisher.trouble
        self.keep(watch.run())
        self._reconcile(app, watch)
        await self._watch_deltas()

    def _reconcile(self, app: Any, watch: WorkerWatch) -> None:
        """Look after what partitions do not see alone, while this worker is the one to do so."""
        if self.settings.reconcile_every > 0:
            reconciling = Reconciling(self.settings, self.metrics, app, lambda: watch.waiting)
            self.stack.push_async_callback(reconciling.stop)
            self.keep(reconciling.run())

    async def _watch_deltas(self) -> None:
        """Join the group of those who watch what all batches add."""
        watching = Watching(self.settings, self.metrics)
        self.stack.push_async_callback(watching.app.stop)
        await watching.app.start()
        self.keep(self._until_ended(watching.app))
        self.keep(watching.measure())

    async def _until_ended(self, app: Any) -> None:
        reason = await failed(app)
        self.fail(reason or RuntimeError("the stream processors stopped by themselves"))

    def _wait(self, seconds: float) -> None:
        """Wait before ClickHouse is asked again, in the thread that asks."""
        if self._stopping.wait(seconds):
            raise WriteFailed("the worker stops before ClickHouse takes the batch; the next one replays it")
