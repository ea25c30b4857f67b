"""Local logs for tests: opened with small figures, a clock that is set, messages by number."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spanpulse_stream.log import TOPIC, LocalLog, LogFull, Message, Record

MIB = 1024 * 1024
NOON = 1_790_000_000_000_000_000  # ns
DEADLINE = 60.0


class Clock:
    """Nanoseconds since the epoch, as set."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def pass_ms(self, ms: int) -> None:
        self.now += ms * 1_000_000


def open_log(folder: Path, **options: Any) -> LocalLog:
    defaults: dict[str, Any] = {
        "partitions": 2,
        "max_bytes": 64 * MIB,
        "retain_records": 1000,
        "ballast_bytes": 0,
        "disk_floor_bytes": 0,
        "clock": Clock(),
    }
    return LocalLog.open(folder, **(defaults | options))


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[LocalLog]:
    log = open_log(folder, **options)
    try:
        yield log
    finally:
        log.close()


def message(
    number: int = 0, *, partition: int = 0, topic: str = TOPIC, value: bytes | None = None, records: int = 1,
    tenant: str = "acme", signal: str = "traces",
) -> Message:  # fmt: skip
    return Message(
        topic,
        partition,
        b"key %d" % number,
        b"value %d" % number if value is None else value,
        (("signal", signal.encode()), ("tenant", tenant.encode()), ("records", b"%d" % records)),
        records,
    )


def append(log: LocalLog, *messages: Message) -> list[int]:
    return log.append_soon(messages).result(DEADLINE)


def fill(log: LocalLog, count: int, *, partition: int = 0, **fields: Any) -> None:
    first = log.end_offset(TOPIC, partition)
    append(log, *(message(first + number, partition=partition, **fields) for number in range(count)))


def commit(log: LocalLog, offset: int, *, partition: int = 0) -> None:
    log.commit_soon(TOPIC, partition, offset).result(DEADLINE)


def values(log: LocalLog, *, partition: int = 0, topic: str = TOPIC) -> list[bytes]:
    return [record.value for record in everything(log, partition=partition, topic=topic)]


def everything(log: LocalLog, *, partition: int = 0, topic: str = TOPIC) -> list[Record]:
    """Return all that is kept, as a reader that follows gets it."""
    found: list[Record] = []
    offset = log.first_offset(topic, partition)
    while records := log.read(topic, partition, offset, max_messages=7):
        found += records
        offset = records[-1].offset + 1
    return found


@contextmanager
def writer_held(log: LocalLog) -> Iterator[None]:
    """Keep the writer busy, so that what is asked meanwhile waits in the queue."""
    reached, release = threading.Event(), threading.Event()
    first: list[bool] = []

    def hold(_grown: object) -> None:
        if not first:
            first.append(True)
            reached.set()
            assert release.wait(DEADLINE)

    unsubscribe = log.subscribe(hold)
    try:
        append(log, message(topic="held"))
        assert reached.wait(DEADLINE)
        yield
    finally:
        release.set()
        unsubscribe()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds; fails after a deadline."""
    deadline = time.monotonic() + DEADLINE
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.002)


def is_full(log: LocalLog, one: Message) -> LogFull | None:
    """Return how an append is refused, None if it isn't."""
    try:
        append(log, one)
    except LogFull as full:
        return full
    return None
