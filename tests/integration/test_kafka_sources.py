"""Sources on a real broker: one number for each partition of each incarnation, whoever asks, however often."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete

from kafka_asking import admin_of, delete_topic, write
from kafka_running import Kafka, make_topic
from spanpulse_stream.kafka import LogSources, OwnTopics, TopicsRefused, ensure_topics, topic_ids
from spanpulse_stream.kafka._source_records import Numbered
from spanpulse_stream.settings import Settings

BASE = 1000


async def ready(kafka: Kafka) -> tuple[Settings, str]:
    """Return settings of a cluster that was initialised, and the topic whose partitions are numbered."""
    settings = kafka.fresh_settings(kafka_partitions=4)
    await ensure_topics(settings)
    assert await LogSources.found(settings, BASE) == BASE
    return settings, OwnTopics.of(settings).otlp


async def test_all_agree_who_ask_at_the_same_time(kafka: Kafka) -> None:
    settings, topic = await ready(kafka)
    places = [(topic, partition) for partition in range(4)]
    asked = [LogSources(settings).of_each(places[index % 4 :] + places[: index % 4]) for index in range(8)]
    first, *others = await asyncio.gather(*asked)
    assert all(other == first for other in others)
    assert set(first) == set(places)
    assert len(set(first.values())) == 4
    assert min(first.values()) > BASE
    # Who read before the others wrote has written too, and later: that changes nothing.
    topic_id = (await topic_ids(settings, [topic]))[topic]
    late = [(Numbered(place[0], topic_id, place[1]).key(), b"") for place in reversed(places)]
    await write(kafka, OwnTopics.of(settings).sources, late)
    assert await LogSources(settings).of_each(places) == first


async def test_one_instance_may_be_asked_by_several_tasks(kafka: Kafka) -> None:
    settings, topic = await ready(kafka)
    sources = LogSources(settings)
    numbers = await asyncio.gather(*[sources.of(topic, index % 2) for index in range(8)])
    assert set(numbers) == {BASE + 1, BASE + 2}


async def test_a_restart_is_waited_for_and_gives_the_same_numbers(kafka: Kafka) -> None:
    settings, topic = await ready(kafka)
    before = [await LogSources(settings).of(topic, partition) for partition in (2, 0)]
    await asyncio.to_thread(kafka.kill, 0)
    patient = LogSources(settings.model_copy(update={"kafka_timeout": 40.0}))
    waiting = asyncio.create_task(patient.of(topic, 2))
    await asyncio.to_thread(kafka.start_broker, 0)
    assert await waiting == before[0]
    sources = LogSources(settings)
    assert [await sources.of(topic, partition) for partition in (2, 0)] == before
    assert await sources.of(topic, 1) not in before


async def test_a_topic_made_anew_gets_new_numbers(kafka: Kafka) -> None:
    settings, topic = await ready(kafka)
    sources = LogSources(settings)
    before = {await sources.of(topic, partition) for partition in range(4)}
    await delete_topic(kafka, topic)
    with pytest.raises(TopicsRefused, match=f"{topic} is missing: run `spanpulse init`"):
        await sources.of(topic, 0)
    await make_topic(kafka, 4, name=topic)
    after = {await sources.of(topic, partition) for partition in range(4)}
    assert len(after) == 4
    assert not after & before


async def test_the_partitions_of_numbers_are_those_of_topics_as_they_are_now(kafka: Kafka) -> None:
    settings, topic = await ready(kafka)
    sources = LogSources(settings)
    assert await sources.known([topic]) == ({}, 4), "looking gives no number out"
    given = await LogSources(settings).of_each([(topic, 0), (topic, 2)])
    assert await sources.known([topic]) == ({number: place for place, number in given.items()}, 2)
    await delete_topic(kafka, topic)
    await make_topic(kafka, 4, name=topic)
    assert await sources.known([topic]) == ({}, 4)
    number = await LogSources(settings).of(topic, 3)
    assert await sources.known([topic]) == ({number: (topic, 3)}, 3)
    with pytest.raises(TopicsRefused, match="run `spanpulse init`"):
        await LogSources(kafka.fresh_settings()).known([topic])


async def test_without_init_there_is_no_number(kafka: Kafka) -> None:
    settings = kafka.fresh_settings()
    own = OwnTopics.of(settings)
    with pytest.raises(TopicsRefused, match=r"sources is missing: run `spanpulse init`"):
        await LogSources(settings).of(own.otlp, 0)
    await ensure_topics(settings)
    with pytest.raises(TopicsRefused, match=r"has no base: run `spanpulse init`"):
        await LogSources(settings).of(own.otlp, 0)


async def test_the_first_base_holds(kafka: Kafka) -> None:
    settings = kafka.fresh_settings()
    await ensure_topics(settings)
    held = set(await asyncio.gather(*[LogSources.found(settings, 5000 + index % 2) for index in range(6)]))
    assert held in ({5000}, {5001})
    assert {await LogSources.found(settings, 4000)} == held


@pytest.mark.parametrize("base", [0, -1, 1 << 32])
async def test_a_base_is_a_source(kafka: Kafka, base: int) -> None:
    with pytest.raises(ValueError, match="not a source"):
        await LogSources.found(kafka.fresh_settings(), base)


async def test_what_others_write_counts_for_nothing(kafka: Kafka) -> None:
    settings = kafka.fresh_settings()
    own = OwnTopics.of(settings)
    await ensure_topics(settings)
    await write(
        kafka, own.sources, [(None, b""), (b"base", b'{"base": true}'), (b"\xff", b"\x00"), (b"[", b"x" * 2000)]
    )
    assert await LogSources.found(settings, BASE) == BASE
    await write(kafka, own.sources, [(b"base", b'{"base": 1}'), (b'["t", "no id", 0]', None)])
    async with AIOKafkaProducer(**kafka.client_options(), transactional_id=own.sources) as producer:
        for _ in range(2):  # the mark of each takes an offset and is no record
            async with producer.transaction():
                await producer.send_and_wait(own.sources, b"", partition=0)
    number = await LogSources(settings).of(own.otlp, 0)
    assert number == BASE + 11
    assert await LogSources(settings).of(own.otlp, 0) == number


async def test_a_database_that_knows_more_than_the_topic_is_refused(kafka: Kafka) -> None:
    settings, topic = await ready(kafka)
    given = [await LogSources(settings).of(topic, partition) for partition in range(3)]
    assert await LogSources.found(settings, max(given) + 1) == BASE  # a second init
    with pytest.raises(TopicsRefused, match=f"the database has sources up to {max(given) + 1}"):
        await LogSources.found(settings, max(given) + 2)


async def test_a_topic_that_lost_its_first_records_is_refused(kafka: Kafka) -> None:
    settings, topic = await ready(kafka)
    before = await LogSources(settings).of(topic, 0)
    sources_topic = OwnTopics.of(settings).sources
    async with admin_of(kafka) as admin:
        await admin.delete_records({TopicPartition(sources_topic, 0): RecordsToDelete(1)})
    for ask in (LogSources(settings).of(topic, 0), LogSources.found(settings, before + 1)):
        with pytest.raises(TopicsRefused, match="lost its first records: delete it"):
            await ask


async def test_a_sources_topic_made_anew_begins_above_all_numbers(kafka: Kafka) -> None:
    settings, topic = await ready(kafka)
    running = LogSources(settings)
    before = [await running.of(topic, partition) for partition in range(4)]
    await delete_topic(kafka, OwnTopics.of(settings).sources)
    await ensure_topics(settings)
    await LogSources.found(settings, max(before) + 1)
    after = [await running.of(topic, partition) for partition in range(4)]
    assert min(after) > max(before)
    assert [await LogSources(settings).of(topic, partition) for partition in range(4)] == after
