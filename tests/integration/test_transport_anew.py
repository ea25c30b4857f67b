"""A topic that is deleted and made anew under the same name while it is read: nothing of the new one is passed over."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kafka_asking import delete_topic
from kafka_running import Kafka
from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP
from spanpulse_stream.transport import failed
from spanpulse_stream.transport.kafka._errors import TopicGone
from transports import KafkaHarness, eventually, held


@pytest.fixture
async def harness(kafka: Kafka) -> AsyncIterator[KafkaHarness]:
    made = KafkaHarness(kafka)
    await made.open()
    yield made
    await made.close()


async def reading(harness: KafkaHarness, found: list[bytes]) -> Any:
    """Start an app whose agent notes what it takes and acknowledges nothing."""
    app = harness.make_app()

    @app.agent(app.topic(harness.topic), name="agent")
    async def agent(stream: Any) -> None:
        async for events in stream.noack_take(100, within=0.02):
            found.extend(event.message.value for event in events)

    await app.start()
    await held(harness, app)
    return app


async def test_a_commit_does_not_wait_for_the_topic_that_is_made_in_its_place(harness: KafkaHarness) -> None:
    one = TP(harness.topic, 1)
    await harness.append(1, [b"old"] * 20)
    app = await reading(harness, [])
    await harness.claims(app).claim(one, Claim(0, 20, "v"))
    await delete_topic(harness.kafka, harness.topic)
    with pytest.raises(TopicGone, match=harness.topic):
        await harness.claims(app).commit(one, 20)
    await app.stop()


async def test_what_is_committed_behind_the_end_of_a_new_topic_counts_as_nothing(harness: KafkaHarness) -> None:
    one = TP(harness.topic, 1)
    await harness.append(1, [b"new"] * 5)
    app = await reading(harness, [])
    await app.consumer._thread.ask(app.consumer._thread.commit(app.consumer.ledger.session, {one: (20, "")}))
    await app.stop()
    found: list[bytes] = []
    app = await reading(harness, found)
    await eventually(lambda: len(found) == 5)
    assert await harness.claims(app).committed(one) == 0
    await app.stop()


async def test_a_partition_that_begins_again_ends_the_app(harness: KafkaHarness) -> None:
    one, found = TP(harness.topic, 1), list[bytes]()
    await harness.append(1, [b"old"] * 20)
    app = await reading(harness, found)
    await eventually(lambda: len(found) == 20)
    thread = app.consumer._thread

    async def back() -> None:
        thread._session.seek(one, 3)

    await thread.ask(back())
    async with asyncio.timeout(30):
        assert isinstance(await failed(app), TopicGone)
    await app.stop()
