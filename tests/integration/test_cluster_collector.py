"""Messages that the OpenTelemetry Collector's kafka exporter, or any other program, writes to topics of their own.

No headers, any key or none, several resources in one message, every compression, OTLP in protobuf or JSON. What cannot
be read becomes a dead letter with its bytes; what stands around it is stored. The tenant is that of the settings,
whatever a record's headers say.
"""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.codec import has_gzip, has_lz4, has_snappy, has_zstd
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs

from clickhouse_running import ClickHouse, running_clickhouse
from cluster_running import Cluster, NotReady, Role
from cluster_standing import eventually, produce
from kafka_asking import admin_of, delete_topic, options
from kafka_running import Kafka, make_topic
from oracle import corpus_bodies
from otlp.requests import resource_spans, span, traces
from spanpulse_stream.traffic import LoadGenerator

pytestmark = pytest.mark.slow

HOUR_MS = 3600 * 1000
IDS = ("traceId", "spanId", "parentSpanId")
CODECS = ("gzip", "snappy", "lz4", "zstd")


@dataclass
class Topics:
    """A cluster without a gateway: one worker, and topics that others write to."""

    cluster: Cluster
    kafka: Kafka
    worker: Role
    names: dict[str, str]
    spans: int = 0
    """Spans that were written so far."""
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1 << 30)))

    def fresh(self, count: int = 1) -> list[int]:
        """Return numbers of spans that nobody has used, and count on their being stored."""
        self.spans += count
        return [next(self._numbers) for _ in range(count)]

    def one(self, count: int = 2, service: str = "shop") -> bytes:
        """Return a request of new spans."""
        return traces(resource_spans({"service.name": service}, [span(number) for number in self.fresh(count)]))

    def write(self, topic: str, *values: bytes | None, key: bytes | None = None, **more: object) -> None:
        """Write values without headers."""
        headers = more.pop("headers", [])
        produce(self.kafka, self.names[topic], [(key, value, headers) for value in values], **more)

    def stored(self) -> None:
        """Wait until nothing waits, and assert that every span that should be there is, once, and counted."""
        self.cluster.drain()
        assert self.cluster.one("toInt64(count()) FROM span_rows") == self.spans
        assert self.cluster.one("toInt64(uniqExact(trace_id, span_id)) FROM span_rows") == self.spans
        assert self.cluster.one("toInt64(sum(spans)) FROM rollup_service") == self.spans
        assert self.cluster.status()["completeness"]["unaccounted"] == 0
        assert self.worker.running, self.worker.output[-3000:]

    def letters(self) -> list[tuple[str, bytes, str]]:
        """Return signal, bytes and tenant of the dead letters, and forget them."""
        rows = self.cluster.sql("SELECT signal, hex(bytes) AS bytes, tenant FROM dead_letters ORDER BY log_offset")
        self.cluster.clickhouse.client(database="spanpulse").command("TRUNCATE TABLE dead_letters")
        return [(row["signal"], bytes.fromhex(row["bytes"]), row["tenant"]) for row in rows]


@pytest.fixture(scope="module")
def clickhouse() -> Iterator[ClickHouse]:
    with running_clickhouse() as running:
        yield running


@pytest.fixture(scope="module")
def topics(kafka: Kafka, clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topics]:
    mark = f"c{time.time_ns()}"
    names = {name: f"{mark}_{name}" for name in ("spans", "logs", "spans_json", "logs_json")}
    # As brokers make topics that a producer writes to first: with the producer's own times.
    asyncio.run(make_topic(kafka, 2, name=names["spans"], message_timestamp_type="CreateTime"))
    listed = (
        f"{names['spans']}:traces:otlp_proto:acme",
        f"{names['logs']}:logs:otlp_proto",
        f"{names['spans_json']}:traces:otlp_json:beta",
        f"{names['logs_json']}:logs:otlp_json",
    )
    environ = {"SPANPULSE_KAFKA_COLLECTOR_TOPICS": ",".join(listed), "SPANPULSE_KAFKA_PARTITIONS": "2"}
    with Cluster(tmp_path_factory.mktemp("collector"), kafka, clickhouse, environ) as cluster:
        said = cluster.init()
        assert f"topic {names['spans']} changed: message.timestamp.type from CreateTime to LogAppendTime" in said
        yield Topics(cluster, kafka, cluster.role("worker").start(), names)


def as_json(body: bytes, message: type = ExportTraceServiceRequest) -> bytes:
    """Return a request as OTLP/JSON: ids are hex, enums numbers."""
    found = MessageToDict(message.FromString(body), use_integers_for_enums=True)
    groups = [*found.get("resourceSpans", []), *found.get("resourceLogs", [])]
    scopes = [scope for group in groups for scope in (*group.get("scopeSpans", []), *group.get("scopeLogs", []))]
    for record in (record for scope in scopes for record in (*scope.get("spans", []), *scope.get("logRecords", []))):
        record |= {name: base64.b64decode(record[name]).hex() for name in IDS if name in record}
    return json.dumps(found).encode()


def scopes_of(bodies: list[bytes]) -> Iterator[ScopeLogs]:
    for body in bodies:
        for group in ExportLogsServiceRequest.FromString(body).resource_logs:
            yield from group.scope_logs


def test_every_codec_is_here() -> None:
    assert all([has_gzip(), has_snappy(), has_lz4(), has_zstd()])


def test_any_key_and_every_compression_in_both_encodings(topics: Topics) -> None:
    written = [body for _, body in corpus_bodies("logs")][: len(CODECS) + 2]
    logs = iter(written)
    for codec in (None, *CODECS):
        topics.write("spans", topics.one(), topics.one(3), compression_type=codec)
        topics.write("spans", topics.one(), key=bytes(range(16)), compression_type=codec)
        topics.write("spans_json", as_json(topics.one()), compression_type=codec)
        topics.write("logs", next(logs), compression_type=codec)
    topics.write("logs_json", as_json(next(logs), ExportLogsServiceRequest))
    several = [{"service.name": f"shop-{number}", "host.name": "a"} for number in range(3)]
    topics.write("spans", traces(*(resource_spans(each, [span(n) for n in topics.fresh(2)]) for each in several)))
    topics.stored()
    records = sum(len(scope.log_records) for scope in scopes_of(written))
    assert topics.cluster.one("toInt64(sum(stored)) FROM batches WHERE signal = 'logs'") == records > 0
    assert {row["tenant"] for row in topics.cluster.sql("SELECT DISTINCT tenant FROM span_rows")} == {"acme", "beta"}
    assert topics.cluster.one("toInt64(uniqExact(service_name)) FROM span_rows WHERE service_name LIKE 'shop-%'") == 3
    assert topics.letters() == []


def test_the_unreadable_is_set_aside_with_its_bytes(topics: Topics) -> None:
    garbage = [b"garbage \xff\xfe", b"\x0a\xff\xff\xff\xff\x0f", topics.one(5)[:-9]]
    topics.spans -= 5
    broken = [b'{"resourceSpans": [', b"[]", b"not json at all", b"\xff\xfe\x00", b'"' * 99, b"[" * 50_000, b"7"]
    for value in garbage:
        topics.write("spans", topics.one(), value, topics.one())
    for value in broken:
        topics.write("spans_json", as_json(topics.one()), value, as_json(topics.one()))
    topics.write("logs", b"\xff\xff\xff", corpus_bodies("logs")[-1][1], partition=0)
    topics.write("logs_json", b"{]", partition=1)
    topics.write("spans", b"")
    topics.write("spans", None, key=b"a tombstone")
    topics.stored()
    letters = topics.letters()
    for signal, tenant, values in (("traces", "acme", garbage), ("traces", "beta", broken)):
        found = [data for of, data, whose in letters if (of, whose) == (signal, tenant)]
        assert sorted(found) == sorted(values), (signal, tenant)
    assert sorted(data for of, data, _ in letters if of == "logs") == [b"{]", b"\xff\xff\xff"]


async def in_transactions(topics: Topics, given_up: bytes, *kept: bytes) -> None:
    """Write each of ``kept`` in a transaction of its own, behind one that is given up."""
    name = topics.names["spans"]
    client = {**topics.kafka.client_options(), "transactional_id": name}
    async with AIOKafkaProducer(**client) as producer:
        for value in kept:
            await producer.begin_transaction()
            await producer.send_and_wait(name, given_up, partition=0)
            await producer.abort_transaction()
            async with producer.transaction():
                await producer.send_and_wait(name, value, partition=0)


def test_what_transactions_leave_between_the_messages(topics: Topics) -> None:
    """Offsets of their marks, and of what was given up, hold nothing; records behind them are counted all the same."""
    never = traces(resource_spans({}, [span(next(topics._numbers))]))
    garbage = b"garbage \xff in a transaction"
    topics.worker.freeze()  # so that one batch has all of them
    asyncio.run(in_transactions(topics, never, topics.one(), garbage, topics.one(3), topics.one()))
    topics.worker.thaw()
    topics.stored()
    assert [data for _, data, _ in topics.letters()] == [garbage]


def test_headers_that_lie_are_not_read(topics: Topics) -> None:
    lies = [("tenant", b"evil"), ("signal", b"logs"), ("records", b"9" * 5000)]
    topics.write("spans", topics.one(), topics.one(), headers=lies)
    topics.write("spans_json", as_json(topics.one()), headers=[("signal", b"\xff"), ("records", b"999999")])
    topics.stored()
    assert topics.cluster.one("toInt64(count()) FROM span_rows WHERE tenant = 'evil'") == 0
    assert topics.letters() == []


def test_messages_far_over_the_normal_size(topics: Topics) -> None:
    load = LoadGenerator(5)
    large = [b"".join(load.request(time.time_ns()) for _ in range(count)) for count in (8, 20)]
    topics.spans += 28 * 512
    assert len(large[0]) > 6_000_000
    topics.write("spans", topics.one(), large[0], topics.one())
    topics.write("spans", topics.one(), large[1], topics.one(), compression_type="zstd", max_request_size=64 << 20)
    topics.stored()


def test_times_of_producers_are_not_believed(topics: Topics) -> None:
    assert asyncio.run(options(topics.kafka, topics.names["spans"]))["message.timestamp.type"] == "LogAppendTime"
    for wrong in (-HOUR_MS, HOUR_MS):
        topics.write("spans", topics.one(), timestamp_ms=round(time.time() * 1000) + wrong)
    topics.stored()
    assert topics.cluster.one("toInt64(max(abs(dateDiff('second', received_at, now64(3))))) FROM span_rows") < 1800


def test_a_topic_that_is_deleted_and_made_again_is_read_from_its_start(topics: Topics) -> None:
    """Its offsets begin at 0 again, below what was committed of the one before."""
    for _ in range(20):
        topics.write("spans_json", as_json(topics.one()), partition=0)
    topics.stored()
    asyncio.run(delete_topic(topics.kafka, topics.names["spans_json"]))
    topics.cluster.init()
    for _ in range(5):
        topics.write("spans_json", as_json(topics.one()), partition=0)
    eventually(
        lambda: topics.cluster.one("toInt64(count()) FROM span_rows") == topics.spans,
        told=lambda: f"{topics.cluster.one('count() FROM span_rows')} of {topics.spans} {topics.worker.output[-2000:]}",
    )


def test_a_topic_that_is_made_later(kafka: Kafka, topics: Topics) -> None:
    """Without it a worker says what to do; when it is there, it is read."""
    name = f"{topics.names['spans']}_later"
    listed = topics.cluster.own["SPANPULSE_KAFKA_COLLECTOR_TOPICS"] + f",{name}:traces:otlp_proto:late"
    topics.names["later"] = name
    topics.cluster.own["SPANPULSE_KAFKA_COLLECTOR_TOPICS"] = listed
    topics.cluster.environ["SPANPULSE_KAFKA_COLLECTOR_TOPICS"] = listed
    assert topics.worker.stop() == 0
    topics.worker = topics.cluster.role("worker")
    with pytest.raises(NotReady, match=rf"exit code [1-9](.|\n)*topic {name} is missing: run `spanpulse init`"):
        topics.worker.start()
    assert f"topic {name} made" in topics.cluster.init()
    topics.worker.start()
    topics.write("later", topics.one())
    topics.stored()
    assert topics.cluster.one("toInt64(count()) FROM span_rows WHERE tenant = 'late'") == 2

    async def there() -> bool:
        async with admin_of(kafka) as admin:
            return name in await admin.list_topics()

    assert asyncio.run(there())
