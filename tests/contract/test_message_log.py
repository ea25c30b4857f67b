"""What the receiver may rely on, of whatever log it writes to: the local one, and Kafka."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Any

import pytest

from kafka_reading import read_topic
from kafka_running import make_topic
from logs import open_log
from otlp.serving import until
from spanpulse_stream.kafka import KafkaLog
from spanpulse_stream.log import TOPIC, LogClosed, LogFull, Message, MessageLog
from spanpulse_stream.observe import Health, Metrics

KIB = 1024
PARTITIONS = 3

Flow = dict[tuple[bytes, bytes, bytes], tuple[bytes, int]]
"""By key, signal and tenant: the values joined in the order of the log, and the number of records."""


@dataclass
class Kept:
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass
class Subject:
    """A log, how all that is in it is read by somebody else, and how it is closed."""

    log: MessageLog
    read: Callable[[], Awaitable[list[Kept]]]
    close: Callable[[], Awaitable[None]]


@asynccontextmanager
async def local_log(folder: Path) -> AsyncIterator[Subject]:
    log = open_log(folder, partitions=PARTITIONS, max_bytes=2048 * KIB)

    async def read() -> list[Kept]:
        records = [
            record for partition in range(PARTITIONS) for record in log.read(TOPIC, partition, 0, max_messages=10_000)
        ]
        return [Kept(record.key, record.value, record.headers) for record in records]

    async def close() -> None:
        await asyncio.to_thread(log.close)

    try:
        yield Subject(log, read, close)
    finally:
        await close()


@asynccontextmanager
async def kafka_log(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    kafka = request.getfixturevalue("kafka")
    prefix = f"log-{time.time_ns()}"
    topic = await make_topic(kafka, PARTITIONS, name=f"{prefix}.otlp")
    health = Health(time.monotonic)
    health.started()
    log = KafkaLog(kafka.settings(kafka_topic_prefix=prefix, kafka_buffer_bytes=1024 * KIB), Metrics(), health)

    async def read() -> list[Kept]:
        return [Kept(one.key, one.value, one.headers) for one in await read_topic(kafka, topic)]

    await log.start()
    try:
        await until(lambda: not log._watch.reason)
        yield Subject(log, read, log.aclose)
    finally:
        await log.aclose()


@pytest.fixture(params=["local", "kafka"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    async with local_log(tmp_path) if request.param == "local" else kafka_log(request) as found:
        yield found


def message(number: int, key: int = 0, *, size: int = 0, tenant: str = "acme", signal: str = "traces") -> Message:
    value = b"<%d:%d>" % (key, number) + b"x" * size
    headers = (("signal", signal.encode()), ("tenant", tenant.encode()), ("records", b"2"))
    return Message(TOPIC, key % PARTITIONS, b"key %d" % key, value, headers, 2)


def flow(messages: list[Any]) -> Flow:
    """Join what has one key and one set of headers: a log may pack it."""
    joined: defaultdict[tuple[bytes, bytes, bytes], list[Any]] = defaultdict(list)
    for each in messages:
        headers = dict(each.headers)
        joined[each.key, headers["signal"], headers["tenant"]].append(each)
    return {
        which: (b"".join(each.value for each in all_), sum(int(dict(each.headers)["records"]) for each in all_))
        for which, all_ in joined.items()
    }


async def test_what_was_appended_is_there_when_append_returns(subject):
    sent = [message(number, key) for number in range(3) for key in range(5)]
    await subject.log.append(sent)
    assert flow(await subject.read()) == flow(sent)


async def test_headers_come_back_as_they_were(subject):
    sent = [message(1), message(2, tenant="other"), message(3, signal="logs"), message(4)]
    await subject.log.append(sent)
    kept = await subject.read()
    assert flow(kept) == flow(sent)
    assert all([name for name, _ in each.headers] == ["signal", "tenant", "records"] for each in kept)


async def test_appends_one_after_the_other_keep_the_order_of_a_key(subject):
    sent = [message(number, number % 2, size=number * 7 % 50 * KIB) for number in range(30)]
    for each in sent:
        await subject.log.append([each])
    assert flow(await subject.read()) == flow(sent)


async def test_appends_at_once_are_each_kept_whole_and_once(subject):
    sent = [[message(number, key) for key in range(number % 4 + 1)] for number in range(200)]
    await asyncio.gather(*map(subject.log.append, sent))
    kept = flow(await subject.read())
    wanted = flow([each for append in sent for each in append])
    assert {which: (sorted(value), records) for which, (value, records) in kept.items()} == {
        which: (sorted(value), records) for which, (value, records) in wanted.items()
    }
    for append in sent:
        for each in append:
            assert kept[each.key, b"traces", b"acme"][0].count(each.value) == 1


async def test_large_messages_are_kept(subject):
    sent = [message(0, 0, size=500 * KIB), message(1, 1, size=900_000 - KIB)]
    for each in sent:
        await subject.log.append([each])
    assert flow(await subject.read()) == flow(sent)


async def test_a_full_log_says_when_to_come_again_and_keeps_none_of_it(subject):
    """Both are made with room for a mebibyte or two."""
    sent = [message(number, number, size=300 * KIB) for number in range(40)]
    outcomes = await asyncio.gather(*(subject.log.append([each]) for each in sent), return_exceptions=True)
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert refused
    assert len(refused) < len(sent)
    assert all(isinstance(outcome, LogFull) and 0 < outcome.retry_after_s <= 60 for outcome in refused)
    taken = [each for each, outcome in zip(sent, outcomes, strict=True) if outcome is None]
    assert flow(await subject.read()) == flow(taken)


async def test_a_caller_that_goes_away_takes_nobody_along(subject):
    appends = [asyncio.create_task(subject.log.append([message(number)])) for number in range(20)]
    await asyncio.sleep(0)
    for append in appends[::2]:
        append.cancel()
    outcomes = await asyncio.gather(*appends, return_exceptions=True)
    assert all(outcome is None for outcome in outcomes[1::2])
    await subject.log.append([message(99)])
    [(value, _)] = flow(await subject.read()).values()
    assert all(value.count(message(number).value) == 1 for number in [*range(1, 20, 2), 99])
    assert all(value.count(message(number).value) <= 1 for number in range(20))


async def test_what_was_under_way_is_finished_by_a_close_and_nothing_is_taken_after_it(subject):
    sent = list(starmap(message, [(number, number) for number in range(20)]))
    appends = [asyncio.create_task(subject.log.append([each])) for each in sent]
    await asyncio.sleep(0)
    await subject.close()
    assert await asyncio.gather(*appends) == [None] * 20
    with pytest.raises(LogClosed):
        await subject.log.append([message(1)])
    await subject.close()  # again: nothing
