"""A broker that is away is waited for, in few words, and not for longer than asked."""

import asyncio
import socket

import pytest

from kafka_running import Kafka
from spanpulse_stream.kafka import KafkaAway, KafkaMisconfigured, wait_for_brokers
from spanpulse_stream.settings import Settings


class Said(list[str]):
    """What was said, and whether anything was."""

    def __init__(self) -> None:
        super().__init__()
        self.anything = asyncio.Event()

    def say(self, line: str) -> None:
        self.append(line)
        self.anything.set()


async def test_a_broker_that_answers_is_not_talked_about(kafka: Kafka) -> None:
    said: list[str] = []
    await wait_for_brokers(kafka.settings(), said.append, patience_s=None)
    assert said == []


async def test_one_that_answers_is_enough(kafka: Kafka) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
    said: list[str] = []
    await wait_for_brokers(kafka.settings(kafka_brokers=(nobody, *kafka.bootstrap)), said.append, patience_s=None)
    assert said == []


async def test_a_broker_that_comes_back_is_waited_for(kafka: Kafka) -> None:
    said = Said()
    await asyncio.to_thread(kafka.kill, 0)
    waiting = asyncio.create_task(wait_for_brokers(kafka.settings(), said.say, patience_s=None))
    await asyncio.wait_for(said.anything.wait(), 60)
    await asyncio.to_thread(kafka.start_broker, 0)
    async with asyncio.timeout(60):
        await waiting
    assert said[0] == f"Kafka does not answer, waiting for it: {kafka.bootstrap[0]} (connection refused)"
    assert said[-1].startswith("Kafka answers after ")
    assert len(said) <= 4


async def test_a_broker_that_accepts_and_is_silent_is_waited_for(kafka: Kafka) -> None:
    said = Said()
    kafka.freeze(0)
    try:
        waiting = asyncio.create_task(wait_for_brokers(kafka.settings(), said.say, patience_s=None))
        await asyncio.wait_for(said.anything.wait(), 60)
    finally:
        kafka.thaw(0)
    async with asyncio.timeout(60):
        await waiting
    assert "(no answer in time)" in said[0]
    await asyncio.to_thread(kafka.wait_until_up)


async def test_patience_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
    said: list[str] = []
    with pytest.raises(KafkaAway, match=rf"did not answer within 1 s at {nobody} \(connection refused\)"):
        await wait_for_brokers(Settings(kafka_brokers=(nobody,)), said.append, patience_s=1)
    assert len(said) == 1


async def test_without_brokers_there_is_nothing_to_wait_for() -> None:
    with pytest.raises(KafkaMisconfigured, match="kafka_brokers is not set"):
        await wait_for_brokers(Settings(), print, patience_s=None)
