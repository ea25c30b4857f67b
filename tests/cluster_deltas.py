"""What workers told of their batches, held against the database: each at least once, in order, and adding up.

Only for topics that still have all that was ever written to them.
"""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

from cluster_running import Cluster
from kafka_reading import read_topic
from spanpulse_stream.deltas import Delta, SeenDeltas
from spanpulse_stream.kafka import OwnTopics

__all__ = ["NO_DELTA", "check_deltas"]

SUMS = ("requests", "errors", "input_tokens", "output_tokens", "cost")
OF_SERVICES = ("spans", "errors")
NO_DELTA = [("format", b"0")]
"""Headers of a message that a test puts among them, and that is none."""
Key = tuple[Any, ...]


def check_deltas(cluster: Cluster) -> int:
    """Assert that every batch was told of, once but for repetitions; returns how many repetitions there were."""
    everything, seen = _read(cluster), SeenDeltas()
    new = [delta for delta in everything if seen.is_new(delta)]
    batches = cluster.sql(
        "SELECT DISTINCT toInt64(log_source) AS source, first_offset AS first, last_offset AS last FROM batches"
    )
    told = [(delta.source, delta.first, delta.last) for delta in new]
    assert sorted(told) == sorted((row["source"], row["first"], row["last"]) for row in batches)
    for source in {delta.source for delta in new}:
        mine = [delta for delta in new if delta.source == source]
        assert [delta.first for delta in mine] == [0, *(delta.last + 1 for delta in mine[:-1])]
    sums = _summed(new)
    assert sums["rollup_minute"] == _stored(cluster, "rollup_minute", SUMS)
    assert sums["rollup_service"] == _stored(cluster, "rollup_service", OF_SERVICES)
    assert {(delta.part, delta.parts) for delta in new} == {(1, 1)}
    return len(everything) - len(new)


def _read(cluster: Cluster) -> list[Delta]:
    """Return all deltas that the topic has, those of each partition in order."""
    records = asyncio.run(read_topic(cluster.kafka, OwnTopics.of(cluster.settings).alert_deltas))
    return [Delta.of(record.headers, record.value) for record in records if list(record.headers) != NO_DELTA]


def _summed(deltas: list[Delta]) -> dict[str, Counter[Key]]:
    """Return what deltas add up to, by minute, tenant and measure."""
    found: dict[str, Counter[Key]] = {"rollup_minute": Counter(), "rollup_service": Counter()}
    for delta in deltas:
        for table, names in (("rollup_minute", SUMS), ("rollup_service", OF_SERVICES)):
            for row in delta.tables[table].to_pylist() if table in delta.tables else ():
                for name in names:
                    found[table][int(row["minute"].timestamp()), row["tenant"], name] += row[name]
    return found


def _stored(cluster: Cluster, table: str, names: tuple[str, ...]) -> Counter[Key]:
    """Return the same of a table."""
    sums = ", ".join(f"toString(sum(r.{name})) AS {name}" for name in names)
    rows = cluster.sql(f"SELECT toInt64(minute) AS at, tenant, {sums} FROM {table} AS r GROUP BY at, tenant")
    return Counter({(row["at"], row["tenant"], name): Decimal(row[name]) for row in rows for name in names})
