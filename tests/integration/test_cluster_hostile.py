"""Messages that no sane program writes: none stops a worker, none is lost, and what comes behind them is stored.

A topic of a Collector's that was there before `spanpulse init`, with stamps of producers; a header's key that is no
UTF-8; a message that is small on the wire and larger than an insert.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka.producer import message_accumulator, producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from clickhouse_running import running_clickhouse
from cluster_running import Cluster, Role
from cluster_standing import produce
from kafka_reading import read_topic
from kafka_running import Kafka, make_topic
from otlp.requests import resource_spans, span, traces
from spanpulse_stream.cluster import audit_cluster
from spanpulse_stream.kafka import OwnTopics
from spanpulse_stream.pipeline._size import LARGEST_MESSAGE

pytestmark = pytest.mark.slow

DAY_MS = 86_400_000
SECOND_NS = 1_000_000_000


class Key(str):
    """A header's key that is encoded to no UTF-8."""

    __slots__ = ()

    def encode(self, *_options: Any) -> bytes:
        return b"\xff\xfekey"


def ended_now(number: int, text: str = "hello") -> bytes:
    """Return a request of one span that ended a moment ago."""
    made = span(number, text)
    made.end_time_unix_nano = time.time_ns() - SECOND_NS
    made.start_time_unix_nano = made.end_time_unix_nano - SECOND_NS
    return traces(resource_spans({"service.name": "shop"}, [made]))


@pytest.fixture(scope="module")
def stamps() -> list[int]:
    """What producers wrote before `spanpulse init`, in ms."""
    return [-1, 0, 1, round(time.time() * 1000) - 400 * DAY_MS]


@pytest.fixture(scope="module")
def topic(kafka: Kafka, stamps: list[int]) -> str:
    made = f"h{time.time_ns()}"
    asyncio.run(make_topic(kafka, 1, name=made, message_timestamp_type="CreateTime"))
    for number, stamp in enumerate(stamps, start=1):
        produce(kafka, made, [(None, ended_now(number), [])], timestamp_ms=stamp)
    produce(kafka, made, [(None, b"garbage \xff", [])], timestamp_ms=0)
    return made


@pytest.fixture(scope="module")
def cluster(kafka: Kafka, topic: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    environ = {
        "SPANPULSE_KAFKA_COLLECTOR_TOPICS": f"{topic}:traces:otlp_proto",
        "SPANPULSE_KAFKA_PARTITIONS": "1",
    }
    folder = tmp_path_factory.mktemp("hostile")
    with running_clickhouse() as clickhouse, Cluster(folder, kafka, clickhouse, environ) as made:
        made.init()
        yield made


@pytest.fixture(scope="module")
def worker(cluster: Cluster) -> Role:
    return cluster.role("worker").start()


def test_stamps_of_producers_lose_nothing(cluster: Cluster, worker: Role, stamps: list[int]) -> None:
    cluster.drain()
    assert worker.running, worker.output[-3000:]
    recent = "toInt64(countIf(received_at > now() - 3600)) FROM span_rows"
    assert cluster.one(recent) == cluster.one("toInt64(count()) FROM span_rows") == len(stamps)
    assert cluster.one("toInt64(sum(spans)) FROM rollup_service") == len(stamps)
    assert cluster.one("toInt64(countIf(received_at > now() - 3600)) FROM dead_letters") == 1
    letters = asyncio.run(read_topic(cluster.kafka, OwnTopics.of(cluster.settings).dead_letter))
    assert [(each.value, dict(each.headers)["reason"]) for each in letters] == [
        (b"garbage \xff", b"received_at_unusable")
    ]
    assert "which cannot be when it came" in worker.output


def test_a_header_whose_key_is_no_text(
    kafka: Kafka, cluster: Cluster, worker: Role, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cluster.one("toInt64(count()) FROM span_rows")
    for module in (message_accumulator, producer):
        monkeypatch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
    strange = [(Key("key"), b"value"), ("tenant", b"evil")]
    for number, codec in enumerate((None, "gzip", "zstd")):
        first = 100 + 10 * number
        records = [(None, ended_now(first + each), strange if each == 1 else []) for each in range(3)]
        produce(kafka, topic, records, compression_type=codec, linger_ms=0)  # type: ignore[arg-type]
    cluster.drain()
    assert worker.running, worker.output[-3000:]
    assert cluster.one("toInt64(count()) FROM span_rows") == before + 9
    assert cluster.one("toInt64(count()) FROM span_rows WHERE tenant = 'evil'") == 0


def test_a_message_that_is_small_on_the_wire_alone(kafka: Kafka, cluster: Cluster, worker: Role, topic: str) -> None:
    before = cluster.one("toInt64(count()) FROM span_rows")
    huge = ended_now(201, "x" * (LARGEST_MESSAGE + 1))
    produce(kafka, topic, [(None, ended_now(200), [])])
    produce(kafka, topic, [(None, huge, [])], compression_type="zstd", max_request_size=1 << 30)
    produce(kafka, topic, [(None, ended_now(202), [])])
    cluster.drain()
    assert worker.running, worker.output[-3000:]
    assert cluster.one("toInt64(count()) FROM span_rows") == before + 2
    [letter] = cluster.sql(
        "SELECT reason, detail, toInt64(length(bytes)) AS kept FROM dead_letters WHERE reason = 'too_large'"
    )
    assert letter["kept"] == 1 << 20
    assert f"{len(huge)} bytes" in letter["detail"]
    assert "their sha256 is" in letter["detail"]
    assert audit_cluster(cluster.settings, {}, lambda _progress: None)["findings"] == []
