"""The Kafka of the tests is a real one: it keeps what it acknowledged, and it goes when the tests go."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from kafka_jars import jars
from kafka_running import Kafka, make_topic

TESTS = Path(__file__).parents[1]
ROOMS = [TESTS, *(TESTS.parent / room for room in ("stream", "sinks"))]
START_AND_HANG = """
import sys, time
from pathlib import Path
from kafka_running import Kafka
kafka = Kafka.start(Path(sys.argv[1]))
print(kafka.pid(0), flush=True)
time.sleep(600)
"""


async def produce(kafka: Kafka, topic: str, values: range) -> None:
    async with AIOKafkaProducer(**kafka.client_options(), acks="all", enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(topic, b"%d" % value, partition=0)


async def stored(kafka: Kafka, topic: str, count: int) -> list[int]:
    async with AIOKafkaConsumer(**kafka.client_options(), auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        async with asyncio.timeout(60):
            return [int((await consumer.getone()).value or b"") for _ in range(count)]


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_what_was_acknowledged_is_there_after_a_kill(kafka: Kafka) -> None:
    topic = await make_topic(kafka)
    await produce(kafka, topic, range(20))
    await asyncio.to_thread(kafka.kill, 0)
    await asyncio.to_thread(kafka.start_broker, 0)
    await produce(kafka, topic, range(20, 25))
    assert await stored(kafka, topic, 25) == list(range(25))


async def test_a_frozen_broker_goes_on(kafka: Kafka) -> None:
    topic = await make_topic(kafka)
    kafka.freeze(0)
    try:
        assert psutil.Process(kafka.pid(0)).status() == psutil.STATUS_STOPPED
    finally:
        kafka.thaw(0)
    await asyncio.to_thread(kafka.wait_until_up)
    await produce(kafka, topic, range(3))
    assert await stored(kafka, topic, 3) == [0, 1, 2]


def test_a_broker_does_not_outlive_the_tests(kafka: Kafka, tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, ROOMS))}
    command = [sys.executable, "-c", START_AND_HANG, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        broker = int(process.stdout.readline())
        assert not gone(broker)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    deadline = time.monotonic() + 60
    while not gone(broker) or list(tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_jars_are_resolved_once(kafka: Kafka) -> None:
    marker = jars() / "complete"
    written = marker.stat().st_mtime_ns
    jars.cache_clear()
    assert (jars() / "complete").stat().st_mtime_ns == written


def test_a_half_resolution_is_made_again(kafka: Kafka, tmp_path: Path) -> None:
    if shutil.which("mvn") is None:
        pytest.skip("the jars are here, and Maven is not")
    half = tmp_path / jars().name
    half.mkdir()
    (half / "half.jar").touch()
    assert jars(tmp_path) == half
    assert {file.name for file in half.iterdir()} == {file.name for file in jars().iterdir()}
