"""What goes wrong with a cluster under load, one thing after another: nothing is lost, nothing is doubled.

One cluster stands for all tests, and after each of them everything that was ever acknowledged is counted, in spans and
in every rollup, and audited. A full disk of the gateway is no fault here: a gateway keeps nothing on disk, and what it
has not given to Kafka it has not acknowledged.
"""

import asyncio
import re
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewPartitions
from aiokafka.protocol.admin import DeleteGroupsRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from clickhouse_running import running_clickhouse
from cluster_running import Role
from cluster_standing import Standing, eventually, produce, standing
from cluster_storm import PROTOBUF, Load
from kafka_asking import admin_of
from kafka_running import Kafka
from spanpulse_stream.traffic import LoadGenerator

pytestmark = pytest.mark.slow

AWAY_S = 12.0
FAST_S = 0.1
STILL_S = 4.0
STOP_WITHIN_S = 30.0  # what orchestrators give a process
MIB = 1 << 20
HOUR_NS = 3600 * 10**9


@pytest.fixture(scope="module")
def up(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with (
        running_clickhouse(options={"max_server_memory_usage": 4 << 30}) as clickhouse,
        standing(tmp_path_factory.mktemp("faults"), kafka, clickhouse) as found,
    ):
        yield found


def metric(role: Role, name: str) -> float:
    """Return the sum of a metric over its labels; 0 for one that was not touched yet."""
    text = httpx.get(f"{role.web}/metrics", timeout=20).text
    found = re.findall(rf"^spanpulse_{name}(?:_total)?(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, found))


def rss(role: Role) -> int:
    assert role.process
    return int(psutil.Process(role.process.pid).memory_info().rss)


def acknowledged(load: Load, more: int) -> None:
    """Wait until so many more requests are acknowledged."""
    goal = load.acknowledged + more
    eventually(lambda: load.acknowledged >= goal, told=lambda: f"{load.acknowledged} of {goal}: {load.statuses}")


def letters(up: Standing) -> int:
    return int(up.cluster.one("toInt64(count()) FROM dead_letters"))


def waiting(up: Standing) -> int:
    return sum(each.messages for each in up.cluster.lag())


def test_poison_in_the_middle_of_good_messages_is_set_aside(kafka: Kafka, up: Standing) -> None:
    before = letters(up)
    load = LoadGenerator(100)
    signal, records = ("signal", b"traces"), ("records", b"512")
    poison = [
        (b"garbage \xff\xfe\x00", [signal]),
        (load.request(time.time_ns())[:-7], [signal, records]),
        (b"what is this", [("signal", b"metrics\xff"), records]),
        (b"\x0a\xff", [("records", b"9" * 5000)]),
        (b"\x0a\xfe", [("records", b"999999999999999999999999")]),
    ]
    good = [
        [],
        [signal, ("records", b"999999")],
        [("records", None), ("tenant", None), ("signal", None)],
        [("records", b"9" * 4999), signal],
        [signal, signal, records, records],
    ]
    written = []
    for (value, headers), of_good in zip(poison, good, strict=True):
        written += [(None, load.request(time.time_ns()), of_good), (b"a key", value, headers)]
    written += [(b"tombstone", None, [signal]), (b"", b"", [])]  # a tombstone, and a request of nothing
    with up.load() as sent:
        produce(kafka, up.topic, written, partition=0)
        up.requests += len(good)
        acknowledged(sent, 5)
    found = up.cluster.sql("SELECT hex(bytes) AS bytes, reason FROM dead_letters")
    assert letters(up) == before + len(poison)
    assert {bytes.fromhex(row["bytes"]) for row in found} >= {value for value, _ in poison}
    assert {row["reason"] for row in found} == {"unknown_signal", "truncated", "wrong_wire_type"}


def test_the_sender_of_a_span_too_large_for_kafka_hears_of_it(up: Standing) -> None:
    with up.load() as sent:
        request = ExportTraceServiceRequest.FromString(LoadGenerator(101).request(time.time_ns()))
        spans = request.resource_spans[0].scope_spans[0].spans
        giant = spans.add()
        giant.CopyFrom(spans[0])
        giant.span_id = b"too-long"
        giant.attributes.add(key="text").value.string_value = "x" * (9 * MIB)
        with httpx.Client(timeout=60) as client:
            answer = client.post(f"{up.gateway.otlp}/v1/traces", content=request.SerializeToString(), headers=PROTOBUF)
        assert answer.status_code == httpx.codes.OK
        told = ExportTraceServiceResponse.FromString(answer.content).partial_success
        assert (told.rejected_spans, "larger than a message of Kafka" in told.error_message) == (1, True)
        up.requests += 1
        acknowledged(sent, 5)


def test_kafka_away_for_a_while(kafka: Kafka, up: Standing) -> None:
    with up.load(pause=0.02) as sent:
        acknowledged(sent, 10)
        before, workers = rss(up.gateway), [worker.process for worker in up.workers]
        kafka.freeze(0)
        try:
            begun = time.monotonic()
            eventually(lambda: httpx.get(f"{up.gateway.web}/readyz", timeout=20).status_code == 503)
            while time.monotonic() - begun < AWAY_S:
                assert rss(up.gateway) < before + 300 * MIB
                time.sleep(0.2)
            eventually(lambda: sent.refused > 0)
            for worker in up.workers:
                eventually(lambda w=worker: "kafka_failing" in httpx.get(f"{w.web}/readyz", timeout=20).text)
                assert httpx.get(f"{worker.web}/healthz", timeout=20).status_code == 200
        finally:
            kafka.thaw(0)
        acknowledged(sent, 10)
        for worker in up.workers:
            eventually(lambda w=worker: httpx.get(f"{w.web}/readyz", timeout=20).status_code == 200)
        assert [worker.process for worker in up.workers] == workers
        assert set(sent.statuses) <= {200, 429, 503}
        assert sent.lost == 0
        assert sent.slowest < 19
    assert httpx.get(f"{up.gateway.web}/readyz", timeout=20).status_code == 200


def test_clickhouse_away_for_a_while(up: Standing) -> None:
    """Workers take no more than they hold already, say why they are not ready, and catch up."""
    before = letters(up)
    with up.load(FAST_S) as sent:
        acknowledged(sent, 10)
        processes = [role.process for role in up.workers]
        held = max(map(rss, up.workers))
        up.cluster.clickhouse.faults.refuse(drop=True)
        try:
            eventually(lambda: all("database_failing" in _readiness(role) for role in up.workers))
            lag = waiting(up)
            acknowledged(sent, 60)
            assert waiting(up) >= lag + 40
            assert max(map(rss, up.workers)) < held + 200 * MIB
        finally:
            up.cluster.clickhouse.faults.open()
        eventually(lambda: all(_readiness(role) == "200" for role in up.workers))
    assert letters(up) == before
    assert [role.process for role in up.workers] == processes


def _readiness(role: Role) -> str:
    answer = httpx.get(f"{role.web}/readyz", timeout=20)
    return "200" if answer.status_code == 200 else answer.text


def test_a_read_that_is_repeated_in_a_quiet_hour_is_over_when_it_is_answered(up: Standing) -> None:
    """No batch is written meanwhile that could say so."""
    faults = up.cluster.clickhouse.faults
    eventually(lambda: all(_readiness(role) == "200" for role in up.workers))
    rule = faults.add("reset", kind="select", pattern="FROM shared_state", count=20)
    eventually(lambda: any("database_failing" in _readiness(role) for role in up.workers))
    rule.remove()
    eventually(lambda: all(_readiness(role) == "200" for role in up.workers))


WRONG = [
    {"action": "reset"},
    {"action": "drop_before"},
    {"action": "drop_after"},
    {"action": "slow", "seconds": 0.5},
    {"action": "error_500"},
    {"action": "error_500", "status": 429},
    {"action": "code", "code": 252},  # too many parts
    {"action": "code", "code": 241},  # memory limit
    {"action": "code", "code": 164},  # read only
    {"action": "code", "code": 243},  # no space
    {"action": "code", "code": 159},  # timeout
    {"action": "lie"},
    {"action": "lie", "summary": False},
    {"action": "half"},
    {"action": "half", "code": 241},
]
WRONG_TO_ALL = [{"kind": "select", **WRONG[number]} for number in (2, 4, 7, 11, 13, 14)]


@pytest.mark.parametrize("times", [1, pytest.param(3, marks=pytest.mark.long)])
def test_every_wrong_answer_of_clickhouse(up: Standing, times: int) -> None:
    """The next inserts go wrong in each way there is, then the next reads in some of them."""
    faults = up.cluster.clickhouse.faults
    processes = [role.process for role in up.workers]
    with up.load(FAST_S) as sent:
        acknowledged(sent, 5)
        for wrong in [*({"kind": "insert", **each} for each in WRONG), *WRONG_TO_ALL]:
            rule = faults.add(count=times, **wrong)
            rule.wait_fired(times)
            rule.remove()
    assert [role.process for role in up.workers] == processes, up.cluster.outputs()
    assert all(role.running for role in up.workers)


def test_a_worker_that_is_told_to_stop_ends_in_order(up: Standing) -> None:
    first, said = len(up.cluster.clickhouse.faults.inserts("span_rows")), len(up.workers[0].output)
    with up.load() as sent:
        acknowledged(sent, 20)
        begun = time.monotonic()
        assert up.workers[0].stop() == 0, up.workers[0].output[-3000:]
        took = time.monotonic() - begun
        acknowledged(sent, 20)
        up.workers[0].start()
    assert took < STOP_WITHIN_S
    tokens = [each["token"] for each in up.cluster.clickhouse.faults.inserts("span_rows")[first:]]
    assert len(tokens) - len(set(tokens)) <= 2
    assert "Traceback" not in up.workers[0].output[said:]


def test_a_zombie_whose_insert_comes_late(up: Standing) -> None:
    """A worker sleeps with an insert under way; another takes its partitions over; then all of it arrives."""
    faults = up.cluster.clickhouse.faults
    with up.load() as sent:
        acknowledged(sent, 5)
        held = faults.add("hold", kind="insert", pattern="INSERT INTO span_rows", count=1)
        held.wait_waiting(1)
        sleeping = _holder(up)
        sleeping.freeze()
        try:
            other = next(role for role in up.workers if role is not sleeping)
            eventually(lambda: metric(other, "kafka_partitions") == 4)
            batches = metric(other, "pipeline_batches")
            eventually(lambda: metric(other, "pipeline_batches") > batches + 3)
            assert held.waiting == 1
            held.release()
            held.remove()
            eventually(lambda: faults.counters()["fired"].get("hold", 0) > 0)
        finally:
            sleeping.thaw()
        acknowledged(sent, 10)
        eventually(lambda: not sleeping.running or metric(sleeping, "kafka_partitions") > 0)


def _holder(up: Standing) -> Role:
    """Return the worker whose insert is held: messages wait for it, and it gets nothing done."""
    done = {role.web: metric(role, "pipeline_batches") for role in up.workers}
    begun = time.monotonic()

    def still() -> list[Role]:
        return [
            role
            for role in up.workers
            if metric(role, "pipeline_batches") == done[role.web] and metric(role, "kafka_lag_messages") > 3
        ]

    eventually(lambda: time.monotonic() - begun > STILL_S and len(still()) == 1)
    (found,) = still()
    return found


def test_clocks_that_are_wrong_by_an_hour(kafka: Kafka, up: Standing) -> None:
    """Of senders, in spans and in the time stamps of messages; the time of receipt is the broker's."""
    load = LoadGenerator(102)
    with up.load() as sent, httpx.Client(timeout=60) as client:
        for wrong in (-HOUR_NS, HOUR_NS):
            now = time.time_ns() + wrong
            assert client.post(f"{up.gateway.otlp}/v1/traces", content=load.request(now), headers=PROTOBUF).is_success
            produce(kafka, up.topic, [(None, load.request(now), [])], timestamp_ms=now // 10**6)
            up.requests += 2
        acknowledged(sent, 5)
    latest = up.cluster.one("toInt64(max(abs(dateDiff('second', received_at, now64(3))))) FROM span_rows")
    assert latest < 1800
    assert (
        up.cluster.one("toInt64(countIf(abs(dateDiff('second', received_at, end_time)) > 3500)) FROM span_rows")
        == 4 * 512
    )


@pytest.mark.long
def test_offsets_moved_back_or_deleted_by_an_operator_double_nothing(kafka: Kafka, up: Standing) -> None:
    """What the database has is left out, though Kafka says that it was not processed."""
    group = up.cluster.settings.kafka_group
    places = [TopicPartition(up.topic, number) for number in range(4)]

    async def move_back() -> None:
        options = {**kafka.client_options(), "group_id": group, "enable_auto_commit": False}
        async with AIOKafkaConsumer(**options) as consumer:
            consumer.assign(places)
            for place in places:
                if committed := await consumer.committed(place):
                    await consumer.commit({place: max(0, committed - 10)})

    async def delete() -> None:
        async with admin_of(kafka) as admin:
            node = await admin.find_coordinator(group)
            answer = await admin._send_request_to_node(node, DeleteGroupsRequest([group]))
            assert [code for _, code in answer.results] == [0]

    with up.load() as sent:
        acknowledged(sent, 30)
    first, second = up.workers
    assert (first.stop(), second.stop()) == (0, 0)
    asyncio.run(move_back())
    with up.load() as sent:
        first.start()
        eventually(lambda: metric(first, "pipeline_skipped_messages") > 10)
        acknowledged(sent, 5)
        assert first.stop() == 0
        asyncio.run(delete())
        for role in up.workers:
            role.start(wait=False)
        for role in up.workers:
            role.wait_ready()
        skips = re.compile(r"the database has offsets 0 to \d+, which were not committed")
        eventually(lambda: any(skips.search(role.output) for role in up.workers), told=up.cluster.outputs)


def test_a_topic_that_gains_partitions_is_read_whole(kafka: Kafka, up: Standing) -> None:
    async def grow() -> None:
        async with admin_of(kafka) as admin:
            await admin.create_partitions({up.topic: NewPartitions(6)})

    with up.load() as sent:
        acknowledged(sent, 5)
        asyncio.run(grow())
        load = LoadGenerator(103)
        for partition in (4, 5):
            produce(kafka, up.topic, [(None, load.request(time.time_ns()), [])], partition=partition)
            up.requests += 1
        eventually(lambda: sum(metric(role, "kafka_partitions") for role in up.workers) == 6)
        acknowledged(sent, 5)
    assert up.storm.audit().returncode == 0
