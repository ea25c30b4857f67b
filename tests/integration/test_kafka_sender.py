"""Messages of our own for others of ours: at least once and in order while brokers come and go, or given up in time."""

import asyncio
import time
from itertools import groupby

import pytest

from kafka_reading import read_topic
from kafka_running import Kafka, make_topic
from spanpulse_stream.kafka import KafkaAway, KafkaUnusable, Outgoing, Sender


def messages(topic: str, first: int, count: int) -> list[Outgoing]:
    return [Outgoing(topic, b"key", b"%d" % number, (("n", b"%d" % number),)) for number in range(first, first + count)]


async def test_what_is_sent_while_a_broker_starts_again_arrives_in_order(kafka: Kafka) -> None:
    topic, settings, retries = await make_topic(kafka), kafka.settings(), []
    patient = Sender(settings, "tests", retried=lambda: retries.append(1))
    hasty, stopped = Sender(settings, "tests", patience=0.5), Sender(settings, "tests")
    for sender in (patient, hasty, stopped):
        await sender.send(messages(topic, 0, 2))
    await asyncio.to_thread(kafka.kill, 0)
    try:
        waiting = asyncio.create_task(patient.send(messages(topic, 10, 20)))
        with pytest.raises(KafkaAway, match="given up"):
            await asyncio.wait_for(hasty.send(messages(topic, 5, 1)), 60)
        giving_up = asyncio.create_task(stopped.send(messages(topic, 6, 1)))
        asyncio.get_running_loop().call_later(0.1, stopped.give_up)
        with pytest.raises(KafkaAway, match="given up"):
            await asyncio.wait_for(giving_up, 60)
        begun = time.monotonic()
        await asyncio.gather(hasty.stop(), stopped.stop())
        assert time.monotonic() - begun < 20
        assert not waiting.done()
    finally:
        await asyncio.to_thread(kafka.start_broker, 0)
    await asyncio.wait_for(waiting, 60)
    await patient.send(messages(topic, 30, 1))
    await patient.stop()
    with pytest.raises(KafkaAway):
        await patient.send(messages(topic, 40, 1))
    found = [int(record.value) for record in await read_topic(kafka, topic) if int(record.value) >= 10]
    in_order = [number for number, _ in groupby(sorted(found))]
    assert in_order == list(range(10, 31))
    assert found[-1] == 30
    assert found[:20] == list(range(10, 30)) or retries, "only what is sent again comes twice"


async def test_a_message_that_the_topic_cannot_take_is_refused_at_once(kafka: Kafka) -> None:
    topic = await make_topic(kafka)
    sender = Sender(kafka.settings(kafka_message_bytes=1 << 20), "tests")
    with pytest.raises(KafkaUnusable, match="size"):
        await sender.send([Outgoing(topic, b"key", bytes(2 << 20), ())])
    await sender.send(messages(topic, 0, 1))
    await sender.stop()
    assert [record.value for record in await read_topic(kafka, topic)] == [b"0"]


async def test_a_message_for_a_partition_gets_there(kafka: Kafka) -> None:
    topic = await make_topic(kafka, 3)
    sender = Sender(kafka.settings(), "tests", patience=0.5)
    await sender.send([Outgoing(topic, b"key", b"%d" % number, (), number % 3) for number in range(6)])
    with pytest.raises(KafkaAway, match="given up"):
        await sender.send([Outgoing(topic, b"key", b"7", (), 7)])
    await sender.stop()
    found = [(record.partition, int(record.value)) for record in await read_topic(kafka, topic)]
    assert found == [(number % 3, number) for number in (0, 3, 1, 4, 2, 5)]
