"""What tests ask of Kafka, and do to it, with a client of their own."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from kafka_running import Kafka


@asynccontextmanager
async def admin_of(kafka: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**kafka.client_options(), client_id="tests")
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def options(kafka: Kafka, topic: str, within: float = 60) -> dict[str, str]:
    """Return every option of a topic as it holds; one of several brokers may learn of a new topic later."""
    deadline = time.monotonic() + within
    async with admin_of(kafka) as admin:
        while True:
            (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
            ((code, message, _, _, entries),) = answer.resources
            if not code:
                return {entry[0]: entry[1] for entry in entries}
            assert time.monotonic() < deadline, message
            await asyncio.sleep(0.02)


async def partitions(kafka: Kafka, topic: str) -> int:
    async with admin_of(kafka) as admin:
        (described,) = await admin.describe_topics([topic])
    return len(described["partitions"])


async def delete_topic(kafka: Kafka, topic: str, within: float = 60) -> None:
    """Delete a topic and wait until it is gone."""
    deadline = time.monotonic() + within
    async with admin_of(kafka) as admin:
        await admin.delete_topics([topic])
        while topic in await admin.list_topics():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


async def write(kafka: Kafka, topic: str, records: list[tuple[bytes | None, bytes | None]]) -> None:
    """Write keys and values to partition 0."""
    async with AIOKafkaProducer(**kafka.client_options()) as producer:
        for key, value in records:
            await producer.send_and_wait(topic, value, key=key, partition=0)
