"""Parts of the local log's driver: its queue in bytes, its reader, its registry, and what a damaged log does."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from mode.utils.queues import FlowControlEvent

from spanpulse_stream.log import TOPIC, LocalLog, LogDamaged, Message
from spanpulse_stream.transport import failed, make_app, register_log, unregister_log
from spanpulse_stream.transport._keys import partition_of_key
from spanpulse_stream.transport._queue import ByteBoundedQueue
from spanpulse_stream.transport._reader import CHUNK_BYTES, CHUNK_MESSAGES, PartitionReader
from transports import open_log

FIRST = TP(TOPIC, 0)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LocalLog]:
    opened = open_log(tmp_path / "log", 2)
    yield opened
    opened.close()


async def append(log: LocalLog, *sizes: int) -> None:
    await log.append([Message(TOPIC, 0, b"", bytes(size), (), 1) for size in sizes])


def event(size: int) -> Any:
    return SimpleNamespace(message=SimpleNamespace(value=bytes(size)))


class Pressure:
    """A queue, and what it tells the driver."""

    def __init__(self, messages: int, size: int) -> None:
        self.queue = ByteBoundedQueue(maxsize=messages, max_bytes=size, flow_control=FlowControlEvent())
        self.told: list[str] = []

    def high(self) -> None:
        self.told.append("high")

    def drop(self) -> None:
        self.told.append("drop")

    def put(self, size: int) -> None:
        self.queue.put_nowait_enhanced(event(size), on_pressure_high=self.high, on_pressure_drop=self.drop)


async def test_a_queue_is_full_by_bytes_and_takes_one_message_of_any_size() -> None:
    pressure = Pressure(messages=100, size=1000)
    assert not pressure.queue.full()
    pressure.put(5000)
    assert pressure.queue.full()
    assert pressure.queue.bytes == 5000
    await pressure.queue.get()
    assert (pressure.queue.full(), pressure.queue.bytes) == (False, 0)


async def test_a_queue_tells_once_that_it_fills_and_once_that_it_has_room() -> None:
    pressure = Pressure(messages=100, size=1000)
    for size in (600, 600, 600, 600):
        pressure.put(size)
    assert pressure.told == ["high"]
    await pressure.queue.get()
    await pressure.queue.get()
    await pressure.queue.get()
    assert pressure.told == ["high"], "more than half of the bytes are left"
    await pressure.queue.get()
    assert pressure.queue.empty()
    getting = asyncio.create_task(pressure.queue.get())
    await asyncio.wait({getting}, timeout=0.01)
    assert pressure.told == ["high", "drop"]
    getting.cancel()


async def test_a_queue_is_full_by_messages_as_well() -> None:
    pressure = Pressure(messages=10, size=1000)
    for _ in range(10):
        pressure.put(1)
    assert pressure.queue.full()
    assert pressure.told == ["high"]
    pressure.queue.clear()
    assert (pressure.queue.full(), pressure.queue.bytes) == (False, 0)


async def test_a_reader_reads_small_chunks_in_order(log: LocalLog) -> None:
    await append(log, *range(100))
    reader, taken = PartitionReader(log), []
    reader.seek(FIRST, 7)
    while await reader.ready(FIRST):
        chunk = []
        while (record := reader.take(FIRST)) is not None:
            chunk.append(record.offset)
        assert 0 < len(chunk) <= CHUNK_MESSAGES
        taken += chunk
    assert taken == list(range(7, 100))
    assert reader.positions == {FIRST: 100}


async def test_a_chunk_is_bounded_in_bytes(log: LocalLog) -> None:
    await append(log, CHUNK_BYTES // 2, CHUNK_BYTES // 2, CHUNK_BYTES // 2, 3 * CHUNK_BYTES, 1)
    reader, chunks = PartitionReader(log), []
    reader.seek(FIRST, 0)
    while await reader.ready(FIRST):
        chunks.append(0)
        while reader.take(FIRST) is not None:
            chunks[-1] += 1
    assert chunks == [2, 1, 1, 1]


async def test_a_seek_drops_what_was_read_before_it(log: LocalLog) -> None:
    await append(log, *range(10))
    reader = PartitionReader(log)
    reader.seek(FIRST, 0)
    assert await reader.ready(FIRST)
    reading = asyncio.create_task(reader.ready(FIRST))
    reader.seek(FIRST, 4)
    await reading
    assert await reader.ready(FIRST)
    assert (record := reader.take(FIRST)) is not None
    assert record.offset == 4


async def test_an_app_on_a_log_that_is_not_open_says_so(log: LocalLog) -> None:
    url = register_log(log)
    assert register_log(log) != url
    unregister_log(log)
    unregister_log(log)
    app = make_app(url)
    with pytest.raises(LookupError, match="no open log"):
        await app.start()


async def test_a_damaged_log_ends_the_app(log: LocalLog, tmp_path: Path) -> None:
    await append(log, 10, 10, 10)
    with sqlite3.connect(tmp_path / "log" / "log.sqlite3") as database:
        database.execute("UPDATE messages SET body = x'00' WHERE id = (SELECT max(id) FROM messages)")
    database.close()
    app = make_app(register_log(log))

    @app.agent(app.topic(TOPIC), name="agent")
    async def agent(stream: Any) -> None:
        async for events in stream.noack_take(1, within=0.01):
            await stream.ack(events[0])

    await app.start()
    assert isinstance(await asyncio.wait_for(failed(app), 60), LogDamaged)
    await app.stop()
    unregister_log(log)


def test_a_key_has_a_partition_for_ever() -> None:
    assert [partition_of_key(key, 16) for key in (b"", b"a", b"resource", None)] == [0, 3, 6, 0]
    assert {partition_of_key(b"%d" % number, 5) for number in range(100)} == set(range(5))
