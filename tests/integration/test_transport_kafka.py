"""The Kafka driver where Kafka differs from the local log: a group's claims, offsets with gaps, brokers that end."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import GroupAuthorizationFailedError
from aiokafka.protocol.group import LeaveGroupRequest

from kafka_running import Kafka
from recording import Batch, Journal, recording_steps
from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP, PartitionLost
from spanpulse_stream.pipeline import Enricher
from spanpulse_stream.settings import Settings
from spanpulse_stream.transport import ClaimTooLarge, failed, make_kafka_app
from transports import PARTITIONS, KafkaHarness, eventually, held


@pytest.fixture
async def harness(kafka: Kafka) -> AsyncIterator[KafkaHarness]:
    made = KafkaHarness(kafka)
    await made.open()
    yield made
    await made.close()


async def start(harness: KafkaHarness, journal: Journal, *topics: str, versions: str = "v1", app: Any = None) -> Any:
    """Start an app with an enricher of batches of 10."""
    app = app or harness.make_app()
    app.enricher = Enricher(
        harness.claims(app), recording_steps(app, journal, versions), most_records=10, release_within=1.0
    )

    @app.agent(app.topic(*(topics or (harness.topic,))), name="enrich")
    async def enrich(stream: Any) -> None:
        await app.enricher.run(stream, within=0.05)

    await app.start()
    return app


async def idle(harness: KafkaHarness, *, alone: bool = True) -> Any:
    """Start an app whose agent takes messages and does nothing."""
    app = harness.make_app()

    @app.agent(app.topic(harness.topic), name="agent")
    async def agent(stream: Any) -> None:
        async for _events in stream.noack_take(100, within=0.02):
            pass

    await app.start()
    if alone:
        await held(harness, app)
    return app


def values(count: int, start: int = 0) -> list[bytes]:
    return [b"value-%d" % number for number in range(start, start + count)]


def of(journal: Journal, tp: TP) -> list[Batch]:
    return [batch for batch in journal.batches if (batch.topic, batch.partition) == tp]


async def committed(harness: KafkaHarness, *offsets: int) -> bool:
    return [await harness.committed(partition) for partition in range(len(offsets))] == list(offsets)


async def expel(harness: KafkaHarness, app: Any) -> None:
    """Have the group put a member out that does not hear of it: its heartbeats go nowhere."""

    async def beat() -> bool:
        return True

    coordinator = app.consumer._thread._consumer._coordinator
    coordinator._do_heartbeat = beat
    admin = harness.admin
    request = LeaveGroupRequest(harness.group, coordinator.member_id)
    await admin._send_request(request, await admin.find_coordinator(harness.group))


async def test_a_claim_is_kept_with_its_offset_through_commits_and_a_crash(harness: KafkaHarness) -> None:
    one = TP(harness.topic, 1)
    await harness.append(1, values(30))
    app = await idle(harness)
    claim = Claim(0, 20, '{"prices":"x"}')
    await harness.claims(app).claim(one, claim)
    assert await harness.kept(one) == (0, '{"end":20,"v":"{\\"prices\\":\\"x\\"}"}')
    await harness.claims(app).commit(one, 0)
    await harness.claims(app).commit(one, 19)
    await app.consumer.commit()
    await app.crash(OSError("no more"))
    assert isinstance(await failed(app), OSError)
    await app.stop()
    assert await harness.claimed(1) == claim
    app = await idle(harness)
    assert await harness.claims(app).claimed(one) == claim
    with pytest.raises(ValueError, match="unfinished"):
        await harness.claims(app).claim(one, Claim(0, 10, "v"))
    await harness.claims(app).commit(one, 20)
    with pytest.raises(ValueError, match="20 is committed"):
        await harness.claims(app).claim(one, Claim(10, 30, "v"))
    await harness.claims(app).commit(one, 3)
    assert await harness.kept(one) == (20, "")


async def test_a_claim_that_names_too_much_is_refused_and_nothing_is_changed(harness: KafkaHarness) -> None:
    one = TP(harness.topic, 1)
    await harness.append(1, values(30))
    app = await idle(harness)
    with pytest.raises(ClaimTooLarge):
        await harness.claims(app).claim(one, Claim(0, 20, "x" * 5000))
    await harness.claims(app).claim(one, Claim(0, 20, "x" * 4000))
    assert (await harness.claimed(1)) == Claim(0, 20, "x" * 4000)


async def test_a_member_that_was_put_out_can_neither_claim_nor_commit(harness: KafkaHarness) -> None:
    one = TP(harness.topic, 1)
    await harness.append(1, values(30))
    stale = await idle(harness)
    await harness.claims(stale).claim(one, Claim(0, 10, "stale"))
    await expel(harness, stale)
    fresh = await idle(harness)
    claims = harness.claims(fresh)
    assert await claims.claimed(one) == Claim(0, 10, "stale")
    await claims.commit(one, 10)
    await claims.claim(one, Claim(10, 20, "fresh"))
    with pytest.raises(PartitionLost):
        await harness.claims(stale).commit(one, 10)
    assert await harness.claimed(1) == Claim(10, 20, "fresh")


async def test_a_member_that_was_put_out_joins_again_and_opens_its_partitions_anew(harness: KafkaHarness) -> None:
    journal = Journal()
    for partition in range(PARTITIONS):
        await harness.append(partition, values(100))
    app = await start(harness, journal)
    await eventually(lambda: len(journal.batches) > 5)
    await expel(harness, app)
    await eventually(lambda: app.consumer_generation_id == 2)
    for partition in range(PARTITIONS):
        await harness.append(partition, values(100, 100))
    await eventually(lambda: committed(harness, 200, 200, 200))
    assert not app.crashed
    assert set(journal.opened[-PARTITIONS:]) == {TP(harness.topic, partition) for partition in range(PARTITIONS)}
    assert len(journal.opened) > PARTITIONS
    for partition in range(PARTITIONS):
        batches = list(dict.fromkeys(of(journal, TP(harness.topic, partition))))
        assert [batch.first for batch in batches] == [0, *(batch.end for batch in batches[:-1])]


async def test_a_member_that_the_group_refuses_ends_its_app(harness: KafkaHarness) -> None:
    app = await idle(harness)
    thread = app.consumer._thread
    refused = GroupAuthorizationFailedError(harness.group)
    thread.thread_loop.call_soon_threadsafe(setattr, thread._consumer._coordinator, "_pending_exception", refused)
    assert await asyncio.wait_for(failed(app), 60) is refused
    await app.stop()


async def test_offsets_of_marks_and_of_what_was_taken_back_are_passed_over(harness: KafkaHarness) -> None:
    journal, messages = Journal(), 0
    producer = AIOKafkaProducer(**harness.kafka.client_options(), transactional_id=harness.group)
    await producer.start()
    for number in range(6):
        await harness.append(0, values(3))
        await producer.begin_transaction()
        for value in values(7):
            await producer.send(harness.topic, value, partition=0)
        await (producer.abort_transaction() if number % 3 == 2 else producer.commit_transaction())
        messages += 3 + 7 * (number % 3 != 2)
    await producer.stop()
    app = await start(harness, journal)
    await eventually(lambda: committed(harness, 6 * (3 + 7 + 1)))
    batches = of(journal, TP(harness.topic, 0))
    assert sum(batch.count for batch in batches) == messages
    assert all(later.first >= batch.end for batch, later in itertools.pairwise(batches))
    assert not app.crashed


@pytest.mark.parametrize(
    ("deleted", "batches"),
    [
        (12, [(12, 20, "old"), (20, 30, "v1")]),
        (25, [(25, 30, "v1")]),
        (30, []),
    ],
)
async def test_a_claimed_range_of_which_something_was_deleted_is_what_is_left(
    harness: KafkaHarness, deleted: int, batches: list[tuple[int, int, str]]
) -> None:
    await harness.append(0, values(30))
    await harness.make_claim(0, Claim(0, 20, "old"))
    await harness.admin.delete_records({TopicPartition(harness.topic, 0): RecordsToDelete(deleted)})
    journal = Journal()
    await start(harness, journal)
    await eventually(lambda: committed(harness, 30))
    assert [(batch.first, batch.end, batch.versions) for batch in journal.batches] == batches
    assert await harness.claimed(0) is None


async def test_what_the_database_has_is_left_out_and_committed(harness: KafkaHarness) -> None:
    one = TP(harness.topic, 1)
    for partition in range(PARTITIONS):
        await harness.append(partition, values(60))
    await harness.make_claim(1, Claim(13, 30, "lost"))  # as if an operator had reset the offsets
    journal = Journal(landed=lambda tp, first: 41 if tp == one else first)
    await start(harness, journal)
    await eventually(lambda: committed(harness, 60, 60, 60))
    assert journal.skipped == {one: 41 - 13}
    batches = of(journal, one)
    assert [batch.first for batch in batches] == [41, *(batch.end for batch in batches[:-1])]
    assert {batch.versions for batch in batches} == {"v1"}


async def test_two_topics_have_partitions_of_the_same_numbers(harness: KafkaHarness) -> None:
    journal = Journal()
    topics = (harness.topic, harness.other_topic)
    for topic in topics:
        for partition in range(PARTITIONS):
            await harness.append(partition, values(40 + partition), topic=topic)
    app = await start(harness, journal, *topics)

    async def all_committed() -> bool:
        tps = [TP(topic, partition) for topic in topics for partition in range(PARTITIONS)]
        return [(await harness.kept(tp))[0] for tp in tps] == [40, 41, 42] * 2

    await eventually(all_committed)
    for topic in topics:
        for partition in range(PARTITIONS):
            batches = of(journal, TP(topic, partition))
            assert [batch.first for batch in batches] == [0, *(batch.end for batch in batches[:-1])]
    assert not app.crashed


async def test_a_write_that_outlasts_a_rebalance_commits_nothing(harness: KafkaHarness) -> None:
    events = {0: threading.Event(), 1: threading.Event()}
    writes = itertools.count()
    begun: list[Batch] = []

    def block(step: str, batch: Batch) -> None:
        if step == "write" and (event := events.get(next(writes))):
            begun.append(batch)
            assert event.wait(60)

    journal = Journal(fails=block)
    await harness.append(0, values(10))
    app = await start(harness, journal)
    await eventually(lambda: len(begun) == 1)
    claim = await harness.claimed(0)
    await harness.rebalance(app)
    await eventually(lambda: app.consumer_generation_id == 2)
    await harness.append(0, values(10))
    await asyncio.sleep(0.2)
    assert len(begun) == 1, "the same batch is written twice at once"
    events[0].set()
    await eventually(lambda: len(begun) == 2)
    await app.consumer.commit()
    assert await harness.claimed(0) == claim == Claim(0, 10, "v1")
    events[1].set()
    await eventually(lambda: committed(harness, 20))
    assert not app.crashed
    assert [batch.first for batch in journal.batches] == [0, 0, 10]
    assert journal.batches[0] == journal.batches[1]


async def test_a_static_member_comes_back_to_its_partitions_and_claims(kafka: Kafka) -> None:
    harness = KafkaHarness(kafka, kafka_instance="worker-1")
    await harness.open()
    try:
        journal = Journal(fails=lambda step, _batch: fail() if step == "write" else None)
        await harness.append(0, values(30))
        app = await start(harness, journal)
        assert isinstance(await asyncio.wait_for(failed(app), 60), OSError)
        await app.stop()
        claim = await harness.claimed(0)
        assert claim is not None
        journal.fails = lambda _step, _batch: None
        begun = time.monotonic()
        await start(harness, journal, versions="v2")
        await eventually(lambda: committed(harness, 30))
        assert time.monotonic() - begun < harness.settings.kafka_session_timeout
        batch = journal.batches[0]
        assert (batch.first, batch.end, batch.versions) == (claim.first, claim.end, "v1")
    finally:
        await harness.close()


def fail() -> None:
    raise OSError("the disk is gone")


async def test_a_broker_that_is_killed_and_comes_back_loses_nothing(harness: KafkaHarness) -> None:
    kafka, killed, blocked = harness.kafka, threading.Event(), threading.Event()

    def wait(step: str, _batch: Batch) -> None:
        if step == "write" and len(journal.batches) > 10:
            blocked.set()
            assert killed.wait(60)

    journal = Journal(fails=wait)
    for partition in range(PARTITIONS):
        await harness.append(partition, values(200))
    app = await start(harness, journal)
    await eventually(blocked.is_set)
    written = len(journal.batches)
    await asyncio.to_thread(kafka.kill, 0)
    killed.set()
    late = harness.make_app()
    starting = asyncio.create_task(start(harness, journal, app=late))
    more = asyncio.gather(*(harness.append(partition, values(50, 200)) for partition in range(PARTITIONS)))
    await eventually(lambda: len(journal.batches) > written)
    await asyncio.sleep(1.0)
    assert len(journal.batches) <= written + PARTITIONS, "what is not committed is not followed by more"
    assert not starting.done(), "there is no broker"
    await asyncio.to_thread(kafka.start_broker, 0)
    await more
    await starting
    await eventually(lambda: committed(harness, 250, 250, 250))
    assert not app.crashed
    assert not late.crashed
    once = list(dict.fromkeys(journal.batches))
    for partition in range(PARTITIONS):
        batches = [batch for batch in once if batch.partition == partition]
        assert [batch.first for batch in batches] == [0, *(batch.end for batch in batches[:-1])]
    assert len(journal.batches) - len(once) <= PARTITIONS, "only claims are replayed"


async def test_an_app_that_waits_for_a_broker_can_be_stopped(caplog: pytest.LogCaptureFixture) -> None:
    app = make_kafka_app(Settings(kafka_brokers=("127.0.0.1:1",)))
    starting = asyncio.create_task(app.start())
    await eventually(lambda: "no Kafka broker answers at 127.0.0.1:1; waiting for one" in caplog.messages)
    await asyncio.wait_for(app.stop(), 60)
    await asyncio.wait_for(starting, 60)
