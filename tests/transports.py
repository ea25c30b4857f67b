"""What the transport suite needs of a log with a Faust driver: one harness class each."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from kafka_running import Kafka, make_topic
from spanpulse_stream.log import TOPIC, Claim, LocalLog, Message
from spanpulse_stream.partitions import TP, PartitionLost
from spanpulse_stream.pipeline import Claims
from spanpulse_stream.transport import KafkaClaims, LogClaims, make_app, make_kafka_app, register_log, unregister_log

DEADLINE_S: Final = 60.0
PARTITIONS: Final = 3
QUEUED_MESSAGES: Final = 16
QUEUED_BYTES: Final = 1024 * 1024
DRAIN_S: Final = 0.5
MOST_MESSAGE_BYTES: Final = 8 * 1024 * 1024


class Harness(Protocol):
    """One log with two topics of `PARTITIONS` partitions, and apps of one group on it."""

    topic: str
    other_topic: str
    most_held: tuple[int, int]  # messages, and bytes beside one message, that may wait for an agent that takes none

    async def open(self) -> None: ...

    async def close(self) -> None:
        """Stop the apps that still run, and remove the log."""

    def make_app(self) -> Any: ...

    def claims(self, app: Any) -> Claims: ...

    async def append(self, partition: int, values: Sequence[bytes], **headers: bytes) -> None:
        """Append messages with the key `key-<partition>`, durably."""

    async def committed(self, partition: int) -> int: ...

    async def claimed(self, partition: int) -> Claim | None:
        """Return what the log itself has as the claim at the committed offset."""

    async def make_claim(self, partition: int, claim: Claim) -> None:
        """Leave a claim behind, while no app runs."""

    async def rebalance(self, app: Any) -> None:
        """Have the group of a running app revoke its partitions and assign them again."""


class LocalHarness:
    """The log of one machine."""

    topic = TOPIC
    other_topic = "spanpulse.other"
    most_held = (QUEUED_MESSAGES, QUEUED_BYTES)

    def __init__(self, folder: Path, partitions: int = PARTITIONS) -> None:
        self.log = open_log(folder, partitions)
        self._apps: list[Any] = []
        self._url = ""

    async def open(self) -> None:
        self._url = register_log(self.log)

    async def close(self) -> None:
        for app in self._apps:
            await app.stop()
        unregister_log(self.log)
        await self.log.aclose()

    def make_app(self) -> Any:
        app = make_app(self._url, buffered_messages=QUEUED_MESSAGES, buffered_bytes=QUEUED_BYTES, drain=DRAIN_S)
        self._apps.append(app)
        return app

    def claims(self, app: Any) -> Claims:
        return LogClaims(self.log)

    async def append(self, partition: int, values: Sequence[bytes], **headers: bytes) -> None:
        key = f"key-{partition}".encode()
        await self.log.append(
            [Message(TOPIC, partition, key, value, tuple(headers.items()), records=1) for value in values]
        )

    async def committed(self, partition: int) -> int:
        return self.log.committed(TOPIC, partition)

    async def claimed(self, partition: int) -> Claim | None:
        return self.log.claimed(TOPIC, partition)

    async def make_claim(self, partition: int, claim: Claim) -> None:
        await self.log.claim(TOPIC, partition, claim)

    async def rebalance(self, app: Any) -> None:
        # It has no other members; a subscription to more topics makes it assign everything anew.
        await app.consumer.subscribe([TOPIC, self.other_topic])


class KafkaHarness:
    """A cluster, topics of its own and a group of its own; timestamps are the brokers'."""

    most_held = (QUEUED_MESSAGES, QUEUED_BYTES)

    def __init__(self, kafka: Kafka, partitions: int = PARTITIONS, **settings: Any) -> None:
        self.kafka = kafka
        self.group = f"group-{uuid.uuid4().hex}"
        self.topic = self.other_topic = ""
        self.partitions = partitions
        self.settings = kafka.settings(
            kafka_group=self.group, kafka_message_bytes=MOST_MESSAGE_BYTES, kafka_session_timeout=6, **settings
        )
        self._apps: list[Any] = []
        self._producer: AIOKafkaProducer | None = None
        self._admin: AIOKafkaAdminClient | None = None

    async def open(self) -> None:
        self.topic = await self.add_topic()
        self.other_topic = await self.add_topic()
        self._admin = AIOKafkaAdminClient(**self.kafka.client_options(), request_timeout_ms=5000)
        self._producer = AIOKafkaProducer(
            **self.kafka.client_options(),
            max_request_size=MOST_MESSAGE_BYTES,
            compression_type="zstd",
            enable_idempotence=True,  # what is appended again because a broker ended is there once
            request_timeout_ms=120_000,
        )
        await self._admin.start()
        await self._producer.start()

    @property
    def admin(self) -> AIOKafkaAdminClient:
        assert self._admin is not None
        return self._admin

    async def add_topic(self) -> str:
        return await make_topic(
            self.kafka,
            self.partitions,
            message_timestamp_type="LogAppendTime",
            max_message_bytes=str(MOST_MESSAGE_BYTES),
        )

    async def close(self) -> None:
        for app in self._apps:
            await app.stop()
        assert self._producer is not None
        await self._producer.stop()
        await self.admin.close()

    def make_app(self) -> Any:
        app = make_kafka_app(
            self.settings, buffered_messages=QUEUED_MESSAGES, buffered_bytes=QUEUED_BYTES, drain=DRAIN_S
        )
        self._apps.append(app)
        return app

    def claims(self, app: Any) -> Claims:
        return KafkaClaims(app)

    async def append(self, partition: int, values: Sequence[bytes], *, topic: str = "", **headers: bytes) -> None:
        assert self._producer is not None
        place = {"topic": topic or self.topic, "partition": partition, "key": f"key-{partition}".encode()}
        pairs = list(headers.items())
        await asyncio.gather(*[await self._producer.send(value=value, headers=pairs, **place) for value in values])

    async def committed(self, partition: int) -> int:
        offset, _ = await self.kept(TP(self.topic, partition))
        return offset

    async def claimed(self, partition: int) -> Claim | None:
        offset, metadata = await self.kept(TP(self.topic, partition))
        found = json.loads(metadata or "null")
        return Claim(offset, found["end"], found["v"]) if found else None

    async def make_claim(self, partition: int, claim: Claim) -> None:
        await self.keep(TP(self.topic, partition), claim.first, json.dumps({"end": claim.end, "v": claim.versions}))

    async def keep(self, tp: TP, offset: int, metadata: str = "") -> None:
        """Commit an offset as tools do, while the group has no members."""
        tool = AIOKafkaConsumer(**self.kafka.client_options(), group_id=self.group, enable_auto_commit=False)
        await tool.start()
        tool.assign([TopicPartition(*tp)])
        await tool.commit({TopicPartition(*tp): OffsetAndMetadata(offset, metadata)})
        await tool.stop()

    async def kept(self, tp: TP) -> tuple[int, str]:
        """Return the committed offset and its metadata; (0, "") where nothing was committed."""
        kept = await self.admin.list_consumer_group_offsets(self.group, partitions=[TopicPartition(*tp)])
        found = kept.get(TopicPartition(*tp))
        return (0, "") if found is None or found.offset < 0 else (found.offset, found.metadata)

    async def rebalance(self, app: Any) -> None:
        # What aiokafka does by itself where a topic gets more partitions.
        thread = app.consumer._thread
        thread.thread_loop.call_soon_threadsafe(thread._consumer._coordinator.request_rejoin)


def open_log(folder: Path, partitions: int = PARTITIONS) -> LocalLog:
    return LocalLog.open(
        folder, partitions=partitions, max_bytes=1 << 30, retain_records=1000, ballast_bytes=0, disk_floor_bytes=0
    )


def local(_request: Any, folder: Path) -> Harness:
    return LocalHarness(folder / "log")


def kafka(request: Any, _folder: Path) -> Harness:
    return KafkaHarness(request.getfixturevalue("kafka"))


HARNESSES: Final = (local, kafka)
"""What makes a harness, of a test's `request` and `tmp_path`."""


async def held(harness: Harness, app: Any) -> None:
    """Wait until an app has all partitions of the topic, and knows how far they are."""
    claims = harness.claims(app)

    async def known() -> bool:
        try:
            for partition in range(PARTITIONS):
                await claims.committed(TP(harness.topic, partition))
        except PartitionLost:
            return False
        return len(app.consumer.assignment()) >= PARTITIONS

    await eventually(known, "no partitions are assigned")


async def eventually(condition: Callable[[], Any], what: str = "") -> None:
    """Wait until a condition holds, at most `DEADLINE_S`; it may be a coroutine function."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        holds = condition()
        if asyncio.iscoroutine(holds):
            holds = await holds
        if holds:
            return
        assert time.monotonic() < deadline, what or "the condition does not come true"
        await asyncio.sleep(0.005)
