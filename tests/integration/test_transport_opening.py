"""Partitions that have no leader when they are assigned, and messages that Kafka deletes before they are read."""

import gzip
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.cluster import ClusterMetadata

from kafka_running import Kafka
from spanpulse_stream.partitions import TP, PartitionLost
from spanpulse_stream.transport import failed
from spanpulse_stream.transport.kafka import _records
from spanpulse_stream.transport.kafka._errors import Unreadable
from transports import KafkaHarness, eventually, held

NOBODY = -1


@pytest.fixture
async def harness(kafka: Kafka) -> AsyncIterator[KafkaHarness]:
    made = KafkaHarness(kafka)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[TP]]:
    """Give the partitions that nobody leads, as far as clients know."""
    tps: set[TP] = set()
    leader = ClusterMetadata.leader_for_partition

    def known(cluster: Any, tp: TopicPartition) -> Any:
        return NOBODY if tp in tps else leader(cluster, tp)

    monkeypatch.setattr(ClusterMetadata, "leader_for_partition", known)
    yield tps
    tps.clear()


async def reading(harness: KafkaHarness, found: list[tuple[int, int]], gate: threading.Event | None = None) -> Any:
    """Start an app whose agent notes partitions and offsets, and acknowledges; it waits while ``gate`` is not set."""
    app = harness.make_app()

    @app.agent(app.topic(harness.topic), name="agent")
    async def agent(stream: Any) -> None:
        async for events in stream.noack_take(10, within=0.02):
            await eventually(lambda: gate is None or gate.is_set())
            for event in events:
                found.append((event.message.partition, event.message.offset))
                await stream.ack(event)

    await app.start()
    return app


def places(partition: int, first: int, end: int) -> set[tuple[int, int]]:
    return {(partition, offset) for offset in range(first, end)}


async def delete(harness: KafkaHarness, partition: int, before: int) -> None:
    await harness.admin.delete_records({TopicPartition(harness.topic, partition): RecordsToDelete(before)})


async def test_a_partition_without_a_leader_holds_up_no_other_and_begins_where_it_has_to(
    harness: KafkaHarness, alone: set[TP]
) -> None:
    found: list[tuple[int, int]] = []
    zero, one = TP(harness.topic, 0), TP(harness.topic, 1)
    for partition in range(3):
        await harness.append(partition, [b"value"] * 5)
    await harness.keep(zero, 2)
    alone |= {zero, one}
    begun = time.monotonic()
    app = await reading(harness, found)
    claims: Any = harness.claims(app)
    await eventually(lambda: len(found) == 5)
    assert time.monotonic() - begun < 12
    assert set(found) == places(2, 0, 5)
    assert claims.reached(zero) is None
    with pytest.raises(PartitionLost):
        await claims.committed(one)
    assert f"{harness.topic}/0" in app.consumer.answers.trouble
    await harness.append(2, [b"value"] * 5)
    await eventually(lambda: len(found) == 10)
    alone.clear()
    await eventually(lambda: len(found) == 18)
    assert set(found) == places(0, 2, 5) | places(1, 0, 5) | places(2, 0, 10)
    await eventually(lambda: (claims.reached(zero), claims.reached(one)) == (5, 5))
    assert await harness.committed(0) == 5
    await eventually(lambda: app.consumer.answers.trouble is None)
    assert not app.crashed


async def test_a_rebalance_while_a_partition_has_no_leader_changes_nothing(
    harness: KafkaHarness, alone: set[TP]
) -> None:
    found: list[tuple[int, int]] = []
    await harness.append(0, [b"value"] * 5)
    await harness.keep(TP(harness.topic, 0), 2)
    alone |= {TP(harness.topic, 0)}
    app = await reading(harness, found)
    await eventually(lambda: app.consumer.ledger.closed)
    await harness.rebalance(app)
    await eventually(lambda: app.consumer.ledger.session == 2 and app.consumer.ledger.closed)
    alone.clear()
    await eventually(lambda: len(found) == 3)
    await harness.append(0, [b"value"] * 5)
    await eventually(lambda: len(found) == 8)
    assert found == sorted(places(0, 2, 10))


async def test_messages_that_were_deleted_while_nobody_read_are_told_of_and_counted(
    harness: KafkaHarness, caplog: pytest.LogCaptureFixture
) -> None:
    found: list[tuple[int, int]] = []
    await harness.append(0, [b"value"] * 30)
    await harness.append(1, [b"value"] * 30)
    await harness.keep(TP(harness.topic, 0), 10)
    await delete(harness, 0, 25)
    await delete(harness, 1, 25)  # of which nothing is committed: nobody can tell what was read
    app = await reading(harness, found)
    await held(harness, app)
    await harness.rebalance(app)
    await eventually(lambda: len(set(found)) == 10)
    assert set(found) == places(0, 25, 30) | places(1, 25, 30)
    await eventually(lambda: errors(caplog))
    (error,) = errors(caplog)
    assert error.startswith(f"{harness.topic}/0: Kafka deleted offsets 10 to 24 before they were read: they are lost; ")
    assert "retention is retention.ms=604800000, retention.bytes=-1" in error
    assert app.consumer.losses.take() == {harness.topic: 15}
    assert app.consumer.losses.take() == {}


async def test_messages_that_are_deleted_before_a_slow_agent_are_told_of_and_counted(
    harness: KafkaHarness, caplog: pytest.LogCaptureFixture
) -> None:
    found: list[tuple[int, int]] = []
    gate = threading.Event()
    await harness.append(0, [b"value"] * 60)
    app = await reading(harness, found, gate)
    await held(harness, app)
    await eventually(lambda: app.consumer._crowded)
    await harness.append(0, [b"value"] * 100)
    await delete(harness, 0, 120)
    gate.set()
    await eventually(lambda: (0, 159) in found)
    read = len(found) - 40
    assert found == sorted(places(0, 0, read) | places(0, 120, 160))
    await eventually(lambda: errors(caplog))
    (error,) = errors(caplog)
    assert f"Kafka deleted offsets {read} to 119 before" in error
    assert app.consumer.losses.take() == {harness.topic: 120 - read}


async def test_what_was_taken_back_and_what_was_deleted_behind_us_is_not_lost(
    harness: KafkaHarness, caplog: pytest.LogCaptureFixture
) -> None:
    found: list[tuple[int, int]] = []
    app = await reading(harness, found)
    await held(harness, app)
    await harness.append(0, [b"value"] * 10)
    async with AIOKafkaProducer(**harness.kafka.client_options(), transactional_id=harness.group) as producer:
        await producer.begin_transaction()
        for _ in range(5):
            await producer.send(harness.topic, b"value", partition=0)
        await producer.abort_transaction()
    await harness.append(0, [b"value"] * 10)
    await eventually(lambda: len(found) == 20)
    await eventually(lambda: harness.claims(app).reached(TP(harness.topic, 0)) == 26)  # type: ignore[attr-defined]
    await delete(harness, 0, 26)
    await app.stop()
    app = await reading(harness, found)
    await held(harness, app)
    await harness.append(0, [b"value"])
    await eventually(lambda: len(found) == 21)
    assert app.consumer.losses.take() == {}
    assert not errors(caplog)


async def test_what_cannot_be_decompressed_ends_the_app_and_is_named(
    harness: KafkaHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_batch: Any) -> Iterator[Any]:
        raise gzip.BadGzipFile("CRC check failed")

    found: list[tuple[int, int]] = []
    app = await reading(harness, found)
    await held(harness, app)
    await harness.append(1, [b"value"] * 3)
    await eventually(lambda: len(found) == 3)
    monkeypatch.setattr(_records._Batch, "__iter__", broken)
    await harness.append(1, [b"value"])
    reason = await failed(app)
    assert isinstance(reason, Unreadable)
    assert f"{harness.topic} 1 cannot be unpacked at offset 3" in str(reason)
    await app.stop()


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if "Kafka deleted" in entry.getMessage()]
