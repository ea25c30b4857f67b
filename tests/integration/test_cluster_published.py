"""What workers tell others: each batch at least once and in order, adding up to the rollups; and each dead letter.

Dead letters of a cluster are sent again, once, whatever interrupts that.
"""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from clickhouse_running import ClickHouse
from cluster_deltas import NO_DELTA, check_deltas
from cluster_running import Cluster, Role
from cluster_storm import PROTOBUF, Load
from kafka_reading import read_topic
from kafka_running import Kafka
from otlp.requests import attributes, resource_spans, span, traces
from spanpulse_stream.kafka import OwnTopics
from spanpulse_stream.traffic import LoadGenerator

pytestmark = pytest.mark.slow

KILLS = 8
WITHIN = 60.0
WIDE = 40  # dead letters: two portions of a run
Key = tuple[Any, ...]


@pytest.fixture(scope="module")
def cluster(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("published")
    with ClickHouse.start(folder / "clickhouse") as server, Cluster(folder, kafka, server) as made:
        made.init()
        yield made


@pytest.fixture(scope="module")
def gateway(cluster: Cluster) -> Role:
    return cluster.role("gateway").start()


def send(gateway: Role, *bodies: bytes) -> None:
    with httpx.Client(timeout=30) as client:
        for body in bodies:
            client.post(f"{gateway.otlp}/v1/traces", content=body, headers=PROTOBUF).raise_for_status()


def until(holds: Any, what: str) -> None:
    deadline = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def metrics(role: Role) -> dict[Key, float]:
    """Return the metrics of a process by name and labels."""
    text = httpx.get(f"{role.web}/metrics", timeout=30).text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def letters(cluster: Cluster, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "spanpulse", "dead-letters", *words]
    surroundings = {**cluster.environ, "COLUMNS": "200"}
    return subprocess.run(
        command, env=surroundings, cwd=cluster.folder, capture_output=True, text=True, check=False, timeout=120
    )


def wait_for_batches(cluster: Cluster, more: int) -> None:
    """Wait until workers have written some more batches."""
    written = "toInt64(uniqExact(log_source, first_offset)) FROM batches"
    wanted = cluster.one(written) + more
    until(lambda: cluster.one(written) >= wanted, cluster.outputs())


async def copy_and_garble(cluster: Cluster) -> None:
    """Have every delta come again, as from a worker that lost its partition, and a message that is none."""
    topic = OwnTopics.of(cluster.settings).alert_deltas
    records = await read_topic(cluster.kafka, topic)
    async with AIOKafkaProducer(**cluster.kafka.client_options()) as producer:
        for record in records:
            await producer.send(topic, record.value, key=record.key, headers=list(record.headers))
        await producer.send_and_wait(topic, b"no delta", key=b"1", headers=NO_DELTA)


def test_workers_watch_what_all_add_and_tell_of_dead_letters(cluster: Cluster, gateway: Role) -> None:
    worker = cluster.role("worker", SPANPULSE_MAX_ATTRIBUTES="3").start()
    narrow, wide = ([span(number) for number in numbers] for numbers in (range(1, 9), range(100, 100 + WIDE)))
    for each in wide:
        each.attributes.extend(attributes({"one": 1, "more": 2}))
    send(gateway, *(traces(resource_spans({"service.name": each.name}, [each])) for each in narrow))
    send(gateway, traces(resource_spans({"service.name": "shop"}, wide)))
    cluster.drain()
    spans = cluster.one("toInt64(sum(spans)) FROM rollup_service")
    assert spans == len(narrow)
    until(lambda: metrics(worker).get(("spanpulse_watch_spans",)) == spans, worker.output)
    known = metrics(worker)
    asyncio.run(copy_and_garble(cluster))
    until(lambda: ("spanpulse_watch_deltas_total", "unreadable") in metrics(worker), worker.output)
    taken = known["spanpulse_watch_deltas_total", "taken"]
    until(lambda: metrics(worker).get(("spanpulse_watch_deltas_total", "seen")) == taken, worker.output)
    assert metrics(worker)["spanpulse_watch_spans",] == spans, "what came again was counted again"

    topics = OwnTopics.of(cluster.settings)
    records = asyncio.run(read_topic(cluster.kafka, topics.dead_letter))
    assert known["spanpulse_published_messages_total", topics.dead_letter] == len(records) == WIDE
    told = {dict(record.headers)["token"].decode(): record for record in records}
    rows = cluster.sql(
        "SELECT concat(toString(log_source), '/', toString(log_offset), '/', toString(ordinal)) AS position,"
        " hex(bytes) AS bytes, log_offset, reason FROM dead_letters"
    )
    assert {row["position"] for row in rows} == told.keys()
    for row in rows:
        headers = dict(told[row["position"]].headers)
        assert told[row["position"]].value.hex().upper() == row["bytes"]
        assert (headers["topic"], headers["offset"]) == (topics.otlp.encode(), str(row["log_offset"]).encode())
        assert (headers["reason"], headers["signal"], headers["tenant"]) == (
            b"too_many_attributes",
            b"traces",
            b"default",
        )
    assert worker.stop() == 0, worker.output


def test_dead_letters_are_listed_and_sent_again_once(cluster: Cluster, gateway: Role) -> None:
    """By workers whose limit lets them pass: as a version would that can read more."""
    found = json.loads(letters(cluster, "list", "--reason", "too_many_attributes", "--json").stdout)
    assert len(found) == WIDE
    worker = cluster.role("worker").start(wait=False)
    # The first portion is in Kafka, and ClickHouse does not take that it was sent.
    pattern = "INSERT INTO dead_letter_replays"
    rule = cluster.clickhouse.faults.add("code", kind="insert", pattern=pattern, skip=1, code=60)
    failed = letters(cluster, "replay", "--all")
    assert (failed.returncode, "ClickHouse does not take" in failed.stderr) == (2, True), failed.stderr
    rule.remove()
    (left,) = json.loads(letters(cluster, "replay", "--dry-run", "--all", "--json").stdout)["unfinished"]
    assert left["letters"] == WIDE
    run = left["run"]
    done = letters(cluster, "replay", "--run", run)
    assert (done.returncode, done.stdout.strip()) == (0, f"{WIDE} dead letters sent again, run {run}"), done.stderr
    worker.wait_ready()
    cluster.drain()
    again = "toUInt64OrZero(splitByChar(' ', name)[2]) >= 100"
    assert cluster.one(f"toInt64(count()) FROM span_rows WHERE {again}") == WIDE
    assert cluster.one("toInt64(sum(duplicate)) FROM batches") == 32, "the portion that Kafka had already"
    assert worker.stop() == 0, worker.output


@pytest.mark.long  # a shorter one is part of test_cluster_soak.py
def test_batches_of_killed_workers_are_told_of_once_and_add_up(cluster: Cluster, gateway: Role) -> None:
    workers, chance = [cluster.role("worker").start(wait=False) for _ in range(2)], random.Random(11)
    load = Load([gateway], LoadGenerator(3), pause=0.4).begin()
    for _ in range(KILLS):
        wait_for_batches(cluster, chance.randint(1, 4))
        role = chance.choice(workers)
        role.kill()
        role.start(wait=False)
    load.finish()
    for role in workers:
        role.wait_ready()
    cluster.drain()
    assert check_deltas(cluster) > 0, "some came again, if only by the copies above"
