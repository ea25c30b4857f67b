"""`ensure_topics` on a real broker: it makes and mends, may be repeated, takes nothing away, and says what to do."""

import asyncio
from pathlib import Path

import pytest

from kafka_asking import delete_topic, options, partitions
from kafka_running import Kafka, make_topic
from spanpulse_stream.kafka import (
    LogSources,
    OwnTopics,
    TopicsRefused,
    check_topics,
    collector_topics,
    ensure_topics,
    read_topics,
    topic_ids,
)


async def test_topics_are_made_once(kafka: Kafka) -> None:
    settings = kafka.fresh_settings(kafka_retention=7200)
    names = {*OwnTopics.of(settings), *collector_topics(settings)}
    assert {one.topic: one.did for one in await ensure_topics(settings)} == dict.fromkeys(names, "made")
    assert {one.topic: one.did for one in await ensure_topics(settings)} == dict.fromkeys(names, "left")
    assert await check_topics(settings) == []
    for name in names:
        held = await options(kafka, name)
        assert held["message.timestamp.type"] == "LogAppendTime"
        assert held["max.message.bytes"] == str(settings.kafka_message_bytes)
        assert held["cleanup.policy"] == "delete"
        assert held["retention.ms"] == ("-1" if name.endswith(".sources") else "7200000")
        assert await partitions(kafka, name) == (1 if name.endswith(".sources") else 3)


async def test_several_may_make_them_at_once(kafka: Kafka) -> None:
    settings = kafka.fresh_settings()
    outcomes = [one for each in await asyncio.gather(*[ensure_topics(settings) for _ in range(4)]) for one in each]
    made = [one.topic for one in outcomes if one.did == "made"]
    assert sorted(made) == sorted({*OwnTopics.of(settings), *collector_topics(settings)})
    assert not [one for one in outcomes if one.did == "changed"]


async def test_what_is_missing_is_named(kafka: Kafka) -> None:
    settings = kafka.fresh_settings()
    problems = await check_topics(settings)
    for name in {*OwnTopics.of(settings), *read_topics(settings)}:
        assert f"topic {name} is missing: run `spanpulse init`" in problems


async def test_wrong_options_are_mended_and_others_stay(kafka: Kafka) -> None:
    settings = kafka.fresh_settings(kafka_message_bytes=4 << 20)
    own = OwnTopics.of(settings)
    theirs = collector_topics(settings)[0]
    await make_topic(kafka, 2, name=own.otlp, segment_bytes="20000000", max_message_bytes="50000000")
    await make_topic(kafka, 1, name=own.sources, cleanup_policy="compact", message_timestamp_type="LogAppendTime")
    await make_topic(kafka, 2, name=theirs, retention_ms="86400000", max_message_bytes="1000000")
    problems = await check_topics(settings)
    assert f"topic {own.otlp} has message.timestamp.type=CreateTime instead of LogAppendTime: run `spanpulse init`" in (
        problems
    )
    assert any(own.sources in problem and "cleanup.policy" in problem for problem in problems)
    did = {one.topic: one.did for one in await ensure_topics(settings)}
    assert {did[own.otlp], did[own.sources], did[theirs]} == {"changed"}
    assert did[own.dead_letter] == "made"
    assert await check_topics(settings) == []

    held = await options(kafka, own.otlp)
    assert held["message.timestamp.type"] == "LogAppendTime"
    assert held["segment.bytes"] == "20000000"  # not ours to say
    assert held["max.message.bytes"] == "50000000"  # higher is no harm, and lower would be one to somebody
    assert await partitions(kafka, own.otlp) == 2
    held = await options(kafka, own.sources)
    assert (held["cleanup.policy"], held["retention.ms"], held["retention.bytes"]) == ("delete", "-1", "-1")
    held = await options(kafka, theirs)
    assert (held["message.timestamp.type"], held["max.message.bytes"]) == ("LogAppendTime", str(4 << 20))
    assert held["retention.ms"] == "86400000"  # somebody else's topic


async def test_retention_is_raised_freely_and_lowered_on_demand_alone(kafka: Kafka) -> None:
    settings = kafka.fresh_settings(kafka_retention=7200)
    topic = OwnTopics.of(settings).otlp

    async def kept(seconds: int, *, lower: bool = False) -> tuple[str, str]:
        asked = settings.model_copy(update={"kafka_retention": seconds})
        (outcome,) = [one for one in await ensure_topics(asked, lower_retention=lower) if one.topic == topic]
        return (await options(kafka, topic))["retention.ms"], str(outcome)

    assert (await kept(7200))[0] == "7200000"
    assert (await kept(9000))[0] == "9000000"
    held, said = await kept(7200)
    assert held == "9000000"
    assert "left" in said
    assert "`spanpulse init --lower-retention` lowers it" in said
    held, said = await kept(7200, lower=True)
    assert held == "7200000"
    assert "from 9000000 to 7200000" in said


async def test_more_copies_than_brokers_are_refused(kafka: Kafka) -> None:
    settings = kafka.fresh_settings(kafka_replication=3)
    with pytest.raises(TopicsRefused, match="3 copies: start as many brokers, or lower kafka_replication"):
        await ensure_topics(settings)


async def test_a_topic_made_anew_has_another_id(kafka: Kafka) -> None:
    settings = kafka.fresh_settings()
    topic = await make_topic(kafka)
    before = await topic_ids(settings, [topic, f"{topic}.no"])
    assert set(before) == {topic}
    assert await topic_ids(settings, [topic, f"{topic}.no"]) == before  # asking makes nothing
    await delete_topic(kafka, topic)
    assert await topic_ids(settings, [topic]) == {}
    await make_topic(kafka, name=topic)
    after = await topic_ids(settings, [topic])
    assert set(after) == {topic}
    assert after != before


@pytest.mark.slow
@pytest.mark.long
async def test_one_of_three_brokers_may_be_silent(kafka: Kafka, tmp_path: Path) -> None:
    cluster = await asyncio.to_thread(Kafka.start, tmp_path, 3)
    with cluster:
        settings = cluster.fresh_settings()
        assert {one.did for one in await ensure_topics(settings)} == {"made"}
        assert (await options(cluster, OwnTopics.of(settings).otlp))["min.insync.replicas"] == "2"
        await LogSources.found(settings, 7)
        numbers = await LogSources(settings).of_each([(OwnTopics.of(settings).otlp, 0)])
        cluster.freeze(0)
        assert await check_topics(settings) == []
        sources = LogSources(settings)
        assert await sources.of_each(numbers) == numbers
        assert await sources.of(OwnTopics.of(settings).otlp, 1) > max(numbers.values())
