"""Each batch is told of at least once and in order, and the deltas add up to the rollups, whatever is killed."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clickhouse_running import ClickHouse
from cluster_running import Cluster
from cluster_storm import Load, Storm
from kafka_reading import read_topic
from kafka_running import Kafka
from spanpulse_stream.deltas import Delta, SeenDeltas
from spanpulse_stream.kafka import OwnTopics
from spanpulse_stream.traffic import LoadGenerator
from sums import check

KILLS = 6
WITHIN = 60.0
SUMS = ("requests", "errors", "input_tokens", "output_tokens", "cost")
Key = tuple[Any, ...]


@pytest.fixture
def cluster(kafka: Kafka, tmp_path: Path) -> Iterator[Cluster]:
    with ClickHouse.start(tmp_path / "clickhouse") as clickhouse, Cluster(tmp_path, kafka, clickhouse) as made:
        yield made


def read(cluster: Cluster) -> list[Delta]:
    """Return all that the topic has, of each partition in order."""
    records = asyncio.run(read_topic(cluster.kafka, OwnTopics.of(cluster.settings).alert_deltas))
    return [Delta.of(record.headers, record.value) for record in records]


def summed(deltas: list[Delta]) -> dict[str, Counter[Key]]:
    """Return what deltas add up to, by minute and tenant: the calls by measure, and the spans."""
    found: dict[str, Counter[Key]] = {"rollup_minute": Counter(), "rollup_service": Counter()}
    for delta in deltas:
        for table, names in (("rollup_minute", SUMS), ("rollup_service", ("spans", "errors"))):
            for row in delta.tables[table].to_pylist() if table in delta.tables else ():
                for name in names:
                    found[table][int(row["minute"].timestamp()), row["tenant"], name] += row[name]
    return found


def stored(cluster: Cluster, table: str, names: tuple[str, ...]) -> Counter[Key]:
    """Return the same of a table."""
    sums = ", ".join(f"toString(sum(r.{name})) AS {name}" for name in names)
    rows = cluster.sql(f"SELECT toInt64(minute) AS at, tenant, {sums} FROM {table} AS r GROUP BY at, tenant")
    return Counter({(row["at"], row["tenant"], name): Decimal(row[name]) for row in rows for name in names})


def wait_for_batches(cluster: Cluster, more: int) -> None:
    """Wait until workers have written some more batches."""
    wanted, deadline = cluster.one("toInt64(count()) FROM batches") + more, time.monotonic() + WITHIN
    while cluster.one("toInt64(count()) FROM batches") < wanted:
        assert time.monotonic() < deadline, cluster.outputs()
        time.sleep(0.05)


def test_batches_of_killed_workers_are_told_of_once_and_add_up(cluster: Cluster) -> None:
    storm, chance = Storm.of(cluster, workers=2), random.Random(11)
    load = Load(storm.gateways, LoadGenerator(3), pause=0.4).begin()
    for _ in range(KILLS):
        wait_for_batches(cluster, chance.randint(1, 4))
        role = chance.choice(storm.workers)
        role.kill()
        role.start(wait=False)
    sent = load.finish()
    for role in storm.workers:
        role.wait_ready()
    cluster.drain()
    check(cluster, load.load, sent, sent)
    everything, seen = read(cluster), SeenDeltas()
    new = [delta for delta in everything if seen.is_new(delta)]
    batches = cluster.sql(
        "SELECT DISTINCT toInt64(log_source) AS source, first_offset AS first, last_offset AS last FROM batches"
    )
    told = [(delta.source, delta.first, delta.last) for delta in new]
    assert sorted(told) == sorted((row["source"], row["first"], row["last"]) for row in batches)
    assert len(everything) >= len(batches)
    for source in {delta.source for delta in new}:
        mine = [delta for delta in new if delta.source == source]
        assert [delta.first for delta in mine] == [0, *(delta.last + 1 for delta in mine[:-1])]
    sums = summed(new)
    assert sums["rollup_minute"] == stored(cluster, "rollup_minute", SUMS)
    assert sums["rollup_service"] == stored(cluster, "rollup_service", ("spans", "errors"))
    assert {(delta.part, delta.parts) for delta in new} == {(1, 1)}
