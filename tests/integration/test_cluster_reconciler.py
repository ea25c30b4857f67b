"""What came through two partitions, on a real cluster: stored twice or counted twice for a moment, and then once.

A worker is restarted and killed meanwhile. What holds in the end: the view `spans` has every span once, all rollups
have what it has, and an audit finds nothing.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from clickhouse_running import ClickHouse, running_clickhouse
from cluster_running import Cluster, Role
from cluster_standing import eventually, produce
from kafka_running import Kafka
from otlp.requests import PROTOBUF, attributes, resource_spans, traces
from spanpulse_stream.cluster import audit_cluster
from spanpulse_stream.traffic import LoadGenerator

pytestmark = pytest.mark.slow

PARTITIONS = 3
ENCODINGS = ("otlp_proto", "otlp_json")
ENVIRON = {"SPANPULSE_KAFKA_PARTITIONS": str(PARTITIONS), "SPANPULSE_RECONCILE_EVERY": "0.5"}
MONEY = "toString(sum(cost)) AS cost, toInt64(sum(input_tokens)) AS i, toInt64(sum(output_tokens)) AS o"


@dataclass
class Apart:
    """A cluster with one worker, to whose partitions anybody writes. ``kept``: spans that should be there."""

    cluster: Cluster
    kafka: Kafka
    worker: Role
    gateway: Role
    protobuf: str
    json: str
    load: LoadGenerator = field(default_factory=LoadGenerator)
    kept: int = 0

    def write(self, topic: str, value: bytes, *partitions: int) -> None:
        """Write an export to partitions, as who knows nothing of keys."""
        for partition in partitions:
            produce(self.kafka, topic, [(None, value, [])], partition=partition)

    def send(self, instance: str, *spans: Span, scope: str = "opentelemetry.instrumentation.openai") -> None:
        """Send spans of a process through the gateway."""
        resource = {"service.name": "shop", "service.instance.id": instance}
        body = traces(resource_spans(resource, list(spans), scope=scope))
        answer = httpx.post(f"{self.gateway.otlp}/v1/traces", content=body, headers={"content-type": PROTOBUF})
        assert answer.status_code == httpx.codes.OK
        self.kept += len(spans)

    def source(self, number: int) -> int | None:
        """Return which log source stored a span, None while none has."""
        found = self.cluster.sql(f"SELECT log_source FROM span_rows WHERE span_id = '{number:016x}'")
        return int(found[0]["log_source"]) if found else None

    def messages(self) -> int:
        """Return how many messages all topics that are read hold."""

        async def ends() -> int:
            async with AIOKafkaConsumer(**self.kafka.client_options()) as consumer:
                names = (f"{self.cluster.settings.kafka_topic_prefix}.otlp", self.protobuf, self.json)
                places = [TopicPartition(name, number) for name in names for number in range(PARTITIONS)]
                return sum((await consumer.end_offsets(places)).values())

        return asyncio.run(ends())

    def shown(self) -> int:
        """Return how many spans the view shows."""
        return int(self.cluster.one("toInt64(count()) FROM spans"))

    def once(self) -> None:
        """Wait until every span is there once, and assert that all else says the same."""
        self.cluster.drain()  # all copies are stored; what was decided about them comes after
        eventually(
            lambda: self.shown() == self.kept and self.requests() == self.counted(),
            told=lambda: f"{self.shown()} of {self.kept}, {self.requests()}\n{self.worker.output[-4000:]}",
        )
        self.cluster.drain()
        assert self.cluster.one("toInt64(uniqExact(trace_id, span_id)) FROM spans") == self.kept
        assert self.cluster.one("toInt64(sum(spans)) FROM rollup_service") == self.kept
        for rollup, which in (("rollup_minute", "1"), ("rollup_quarter", "1"), ("rollup_user", "user_id != ''")):
            of_spans = self.cluster.sql(f"SELECT {MONEY} FROM spans WHERE counted AND {which}")
            assert self.cluster.sql(f"SELECT {MONEY} FROM {rollup}") == of_spans, rollup
        assert self.cluster.status()["completeness"]["unaccounted"] == 0
        assert audit_cluster(self.cluster.settings, {}, lambda _progress: None)["findings"] == []
        assert self.worker.running

    def counted(self) -> int:
        """Return how many calls count."""
        return int(self.cluster.one("toInt64(countIf(counted)) FROM spans"))

    def requests(self) -> int:
        """Return how many calls the rollups count."""
        return int(self.cluster.one("toInt64(sum(requests)) FROM rollup_minute"))

    def metric(self, name: str) -> float:
        """Return the sum of a metric of the worker."""
        lines = httpx.get(f"{self.worker.web}/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(f"spanpulse_{name}"))


@pytest.fixture(scope="module")
def clickhouse() -> Iterator[ClickHouse]:
    with running_clickhouse() as running:
        yield running


@pytest.fixture(scope="module")
def apart(kafka: Kafka, clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    mark = f"r{time.time_ns()}"
    names = (f"{mark}_spans", f"{mark}_json")
    listed = ",".join(f"{name}:traces:{encoding}" for name, encoding in zip(names, ENCODINGS, strict=True))
    environ = {**ENVIRON, "SPANPULSE_KAFKA_COLLECTOR_TOPICS": listed}
    with Cluster(tmp_path_factory.mktemp("apart"), kafka, clickhouse, environ) as cluster:
        cluster.init()
        worker, gateway = cluster.role("worker").start(wait=False), cluster.role("gateway").start()
        worker.wait_ready()
        yield Apart(cluster, kafka, worker, gateway, *names)


def call(number: int, response_id: str, start: int, **more: str | int) -> Span:
    """Return a span of a model call that tells its usage."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.response.id": response_id,
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 200,
        **more,
    }
    return Span(
        trace_id=number.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        name="chat gpt-5",
        start_time_unix_nano=start,
        end_time_unix_nano=start + 1_000_000_000,
        attributes=attributes(told),
    )


def export_in_json(first: int) -> bytes:
    """Return an export of a call and the span around it, which knows the user."""
    now = time.time_ns()
    times = {"startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 10**9), "traceId": f"{first:032x}"}
    told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5", "gen_ai.response.id": f"resp_{first:020}"}
    texts = [{"key": key, "value": {"stringValue": value}} for key, value in told.items()]
    inner = {
        **times,
        "spanId": f"{first:016x}",
        "parentSpanId": f"{first + 1:016x}",
        "name": "chat",
        "attributes": texts,
    }
    user = [{"key": "user.id", "value": {"stringValue": "ann"}}]
    outer = {**times, "spanId": f"{first + 1:016x}", "name": "turn", "attributes": user}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [inner, outer]}]}]}).encode()


def test_an_export_that_reached_two_partitions_is_there_once(apart: Apart) -> None:
    apart.write(apart.protobuf, apart.load.request(time.time_ns()), 0, 1, 2)
    apart.kept += apart.load.spans_per_request
    apart.write(apart.json, export_in_json(1 << 40), 2, 1)
    apart.kept += 2
    apart.once()
    rows = apart.cluster.one("toInt64(count()) FROM span_rows")
    assert rows == 3 * apart.load.spans_per_request + 4
    assert apart.cluster.one("toInt64(countIf(dropped)) FROM span_updates") == rows - apart.kept
    assert apart.cluster.one("toInt64(countIf(user_id = 'ann')) FROM spans WHERE kind = 'llm'") == 1


def test_a_call_that_an_application_and_its_proxy_tell_of_counts_once(apart: Apart) -> None:
    """And what the application's span knows of its user comes from a third partition. The worker is restarted."""
    now, first = time.time_ns(), 1 << 41
    for number in range(8):
        apart.send(f"pod-{number}", call(first + number, f"chatcmpl-probe{number:018}", now))
    apart.once()
    by_source = {apart.source(first + number): f"pod-{number}" for number in range(8)}
    one, other, third = list(by_source.values())[:3]
    before = apart.counted()
    apart.send(one, call(first + 100, "chatcmpl-9h70000000000000000000001", now))
    apart.cluster.drain()
    assert apart.worker.stop() == 0
    apart.send(other, call(first + 101, "chatcmpl-9h70000000000000000000001", now + 10**6))
    apart.worker.start()
    eventually(lambda: apart.shown() == apart.kept and apart.counted() == before + 1)
    apart.once()
    assert apart.counted() == before + 1
    inner = call(first + 200, "chatcmpl-9h70000000000000000000002", now)
    inner.parent_span_id = (first + 201).to_bytes(8, "big")
    outer = call(first + 201, "", now, **{"user.id": "bob", "gen_ai.operation.name": "invoke_agent"})
    outer.trace_id = inner.trace_id
    apart.send(other, inner)
    apart.send(third, outer)
    eventually(lambda: apart.cluster.one("toInt64(countIf(user_id = 'bob')) FROM spans WHERE counted") == 1)
    apart.once()
    reasons = {row["reason"] for row in apart.cluster.sql("SELECT DISTINCT reason FROM span_updates")}
    assert {"duplicate", "response_id", "context"} <= reasons


def test_a_worker_that_is_killed_behind_what_it_sent(apart: Apart) -> None:
    """What it sent is applied once, and what the next one sends again changes nothing."""
    apart.cluster.drain()
    held = apart.messages()
    apart.write(apart.protobuf, apart.load.request(time.time_ns()), 0, 1)
    apart.kept += apart.load.spans_per_request
    eventually(lambda: apart.messages() > held + 2)
    apart.worker.kill()
    apart.worker.start()
    apart.once()
    updates = apart.cluster.one("toInt64(count()) FROM span_updates")
    eventually(lambda: apart.metric("reconcile_spans_total") >= 2 * apart.load.spans_per_request)
    sent = apart.metric("reconcile_decisions_total")
    looked = apart.metric("reconcile_seconds_count")
    eventually(lambda: apart.metric("reconcile_seconds_count") >= looked + 3)
    apart.once()
    assert apart.metric("reconcile_decisions_total") == sent, "there is nothing more to say"
    assert apart.metric("reconcile_behind_seconds") == 0
    assert apart.cluster.one("toInt64(count()) FROM span_updates") == updates
    places = "log_source, target_log_offset, target_ordinal"
    assert apart.cluster.one(f"toInt64(uniqExact({places})) FROM span_updates WHERE dropped") == apart.cluster.one(
        "toInt64(countIf(dropped)) FROM span_updates"
    )
