"""What the transport suite needs of a log with a Faust driver: one harness class each."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from spanpulse_stream.log import TOPIC, LocalLog, Message
from spanpulse_stream.pipeline import Claims
from spanpulse_stream.transport import LogClaims, make_app, register_log, unregister_log

DEADLINE_S: Final = 20.0
PARTITIONS: Final = 3
QUEUED_MESSAGES: Final = 16
QUEUED_BYTES: Final = 1024 * 1024
DRAIN_S: Final = 0.5


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

    async def rebalance(self, app: Any) -> None:
        # It has no other members; a subscription to more topics makes it assign everything anew.
        await app.consumer.subscribe([TOPIC, self.other_topic])


def open_log(folder: Path, partitions: int = PARTITIONS) -> LocalLog:
    return LocalLog.open(
        folder, partitions=partitions, max_bytes=1 << 30, retain_records=1000, ballast_bytes=0, disk_floor_bytes=0
    )


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
