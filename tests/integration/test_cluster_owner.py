"""One database belongs to one log; and a batch that was left half written is finished, though its claim is gone.

A group that expires, is renamed or whose offsets a tool sets takes the claim with it. What was begun is told by the
database then: by its sums, or by the rows of the tables that were written.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from clickhouse_running import running_clickhouse
from cluster_running import Cluster, NotReady, Role
from cluster_standing import eventually, produce
from kafka_asking import delete_topic
from kafka_running import Kafka
from spanpulse_stream.cluster import audit_cluster
from spanpulse_stream.kafka import OwnTopics
from spanpulse_stream.traffic import LoadGenerator

pytestmark = pytest.mark.slow

SPANS = 512  # of a request
GROUP, PREFIX = "SPANPULSE_KAFKA_GROUP", "SPANPULSE_KAFKA_TOPIC_PREFIX"
REFUSED = "is written by workers with"


@dataclass
class Log:
    """A cluster with one partition; what was sent to it."""

    cluster: Cluster
    load: LoadGenerator
    requests: int = 0
    poison: int = 0

    def send(self, requests: int, *, poison: bool = False) -> None:
        """Append requests, and behind them a message that nobody can read."""
        values = [self.load.request(time.time_ns()) for _ in range(requests)] + [b"garbage \xff"] * poison
        topic = OwnTopics.of(self.cluster.settings).otlp
        produce(self.cluster.kafka, topic, [(None, value, [("signal", b"traces")]) for value in values], linger_ms=50)
        self.requests, self.poison = self.requests + requests, self.poison + poison

    def change(self, name: str, value: str) -> None:
        """Give every process that is started from now on another setting."""
        self.cluster.own[name] = self.cluster.environ[name] = value

    def half(self, worker: Role, table: str) -> None:
        """Kill a worker between two tables of a batch, the last message of which cannot be read."""
        faults = self.cluster.clickhouse.faults
        held = faults.add("hang", kind="insert", pattern=f"INSERT INTO ({table})")
        self.send(3, poison=True)
        held.wait_waiting()
        worker.kill()
        faults.clear()
        self.send(2)

    def whole(self) -> None:
        """Assert that all is there once, and that sums agree with it."""
        self.cluster.drain(60)
        ids = "toInt64(count()) AS n, toInt64(uniqExact(trace_id, span_id)) AS ids"
        (found,) = self.cluster.sql(f"SELECT {ids} FROM span_rows")
        assert (found["n"], found["ids"]) == (self.requests * SPANS, self.requests * SPANS)
        assert self.cluster.one("toInt64(sum(spans)) FROM rollup_service") == self.requests * SPANS
        assert self.cluster.one("toInt64(count()) FROM dead_letters") == self.poison
        assert audit_cluster(self.cluster.settings, {}, lambda _progress: None)["findings"] == []


@pytest.fixture(scope="module")
def log(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    environ = {"SPANPULSE_KAFKA_PARTITIONS": "1", "SPANPULSE_RECONCILE_EVERY": "0"}
    with (
        running_clickhouse() as clickhouse,
        Cluster(tmp_path_factory.mktemp("owner"), kafka, clickhouse, environ) as cluster,
    ):
        cluster.init()
        yield Log(cluster, LoadGenerator(7))


def refuses(log: Log, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        log.cluster.init()
    with pytest.raises(NotReady, match=rf"exit code 2(.|\n)*{told}"):
        log.cluster.role("worker").start()


@pytest.mark.parametrize("table", ["span_rows", "rollup_service"])
def test_a_half_written_batch_is_finished_by_another_group(log: Log, table: str) -> None:
    worker = log.cluster.role("worker").start()
    log.send(2)
    log.whole()
    log.half(worker, table)
    log.change(GROUP, f"another-{table}")
    if table == "span_rows":
        refuses(log, f"{REFUSED} kafka_group")
    assert f"written by group another-{table}" in log.cluster.init("--replace-log")
    other = log.cluster.role("worker").start()
    log.whole()
    assert "are half written and unclaimed; finishing them" in other.output
    assert other.stop() == 0


def test_a_half_written_batch_is_finished_where_a_tool_set_the_offset(log: Log) -> None:
    worker = log.cluster.role("worker").start()
    log.send(1)
    log.whole()
    log.half(worker, "scores|rollup_quarter")
    place = TopicPartition(OwnTopics.of(log.cluster.settings).otlp, 0)

    async def set_back() -> bool:
        options = {"group_id": log.cluster.settings.kafka_group, "enable_auto_commit": False}
        async with AIOKafkaConsumer(**log.cluster.kafka.client_options(), **options) as consumer:
            consumer.assign([place])
            try:
                await consumer.commit({place: 0})
            except Exception:  # noqa: BLE001 -- the dead worker is a member yet
                return False
            return True

    eventually(lambda: asyncio.run(set_back()))
    assert worker.start().running
    log.whole()
    assert re.search("offsets 0 to .* which were not committed(.|\n)*finishing them", worker.output)
    assert worker.stop() == 0


def test_two_logs_do_not_write_to_one_database(log: Log) -> None:
    before = log.cluster.own[PREFIX]
    log.change(PREFIX, "others")
    with pytest.raises(AssertionError, match=f"{REFUSED} kafka_topic_prefix {before}"):
        log.cluster.init()
    log.change(PREFIX, before)
    asyncio.run(delete_topic(log.cluster.kafka, OwnTopics.of(log.cluster.settings).sources))
    refuses(log, "(is missing|that one was deleted, or is of another Kafka)")
    assert "is now written by" in log.cluster.init("--replace-log")
    worker = log.cluster.role("worker").start()
    log.send(2)
    log.whole()
    assert worker.stop() == 0
