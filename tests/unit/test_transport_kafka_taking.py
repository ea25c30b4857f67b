"""What is taken of aiokafka is lost by no error, and what was deleted before it was read is told of once."""

import asyncio
import gzip
import struct
from collections import OrderedDict
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher, FetchError, FetchResult, PartitionRecords
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError
from aiokafka.record._crc32c import crc
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP, PartitionLost
from spanpulse_stream.transport.kafka._errors import Unreadable, passes
from spanpulse_stream.transport.kafka._fetch import CHUNK_MESSAGES, Fetched, fetch
from spanpulse_stream.transport.kafka._intake import Intake
from spanpulse_stream.transport.kafka._ledger import Ledger, Losses
from spanpulse_stream.transport.kafka._records import TolerantRecords

ONE, OTHER = TopicPartition("otlp", 0), TopicPartition("otlp", 1)
NONE, GZIP = 0, 1
CRC_AT, CHECKED_AT, FIRST_IN_TRAILER = 17, 21, -8


class State:
    """Where aiokafka reads a partition on."""

    paused, has_valid_position, highwater, lso = False, True, 90, 90

    def __init__(self, position: int) -> None:
        self.position = position

    def consumed_to(self, position: int) -> None:
        self.position = position


class Session:
    """One with a fetcher that has fetched ``found`` already, and gets nothing more."""

    may_read = True

    def __init__(self, **positions: int) -> None:
        self.states = {ONE: State(positions.get("one", 0)), OTHER: State(positions.get("other", 0))}
        self.assignment: Any = SimpleNamespace(active=True, state_value=self.states.__getitem__)
        self.stands: dict[TopicPartition, int] = {tp: state.position for tp, state in self.states.items()}
        self.fetcher: Any = Fetcher.__new__(Fetcher)
        self.fetcher._subscriptions = SimpleNamespace(reassignment_in_progress=False, is_assigned=lambda _tp: True)
        self.fetcher._wait_consume_future, self.fetcher._closed, self.fetcher._fetch_waiters = None, False, set()
        self.fetcher._loop = asyncio.get_running_loop()
        self.fetcher._records = OrderedDict()
        self.consumer: Any = SimpleNamespace(
            _fetcher=self.fetcher,
            _coordinator=SimpleNamespace(check_errors=lambda: None),
            _subscription=SimpleNamespace(fetch_context=nullcontext),
        )

    def found(self, tp: TopicPartition, data: bytes) -> None:
        records = PartitionRecords(tp, TolerantRecords(data), [], self.states[tp].position, None, None, True, 1)
        self.fetcher._records[tp] = FetchResult(tp, assignment=self.assignment, backoff=0, partition_records=records)

    async def take(self) -> Fetched:
        session: Any = self
        return await fetch(session, [TP(*ONE), TP(*OTHER)], 0.01)


def batch(count: int, codec: int = NONE, first: int = 0) -> bytearray:
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 20)
    for number in range(count):
        builder.append(number, timestamp=1, key=None, value=b"x" * 500, headers=[])
    return bytearray(struct.pack(">q", first) + builder.build()[8:])


def damaged(count: int, *, checksum_too: bool) -> bytes:
    """Return a batch that cannot be decompressed, or whose checksum is wrong as well."""
    data = batch(count, GZIP)
    data[FIRST_IN_TRAILER] ^= 0xFF
    if not checksum_too:
        struct.pack_into(">I", data, CRC_AT, crc(bytes(data[CHECKED_AT:])))
    return bytes(data)


@pytest.mark.parametrize("checksum_too", [False, True])
async def test_what_was_taken_of_a_partition_stays_when_another_cannot_be_unpacked(*, checksum_too: bool) -> None:
    session = Session()
    session.found(OTHER, bytes(batch(5)))
    session.found(ONE, damaged(5, checksum_too=checksum_too))
    fetched = await session.take()
    assert [record.offset for record in fetched.records[TP(*OTHER)]] == [0, 1, 2, 3, 4]
    assert session.states[ONE].position == 0
    assert isinstance(fetched.error, Unreadable)
    assert isinstance(fetched.error.__cause__, KafkaError if checksum_too else gzip.BadGzipFile)
    assert str(fetched.error).startswith("otlp 0 cannot be unpacked at offset 0: ")
    assert not passes(fetched.error)
    assert not fetched.deleted
    assert not fetched.positions


async def test_what_cannot_be_unpacked_is_named_by_the_first_offset_that_was_not_taken() -> None:
    session = Session()
    broken = bytearray(damaged(3, checksum_too=False))
    struct.pack_into(">q", broken, 0, 4)
    session.found(ONE, bytes(batch(4)) + bytes(broken))
    fetched = await session.take()
    assert [record.offset for record in fetched.records[TP(*ONE)]] == [0, 1, 2, 3]
    assert "at offset 4:" in str(fetched.error)


async def test_what_brokers_answer_for_a_partition_is_no_matter_of_unpacking() -> None:
    session = Session()
    session.found(OTHER, bytes(batch(5)))
    refused = TopicAuthorizationFailedError("otlp")
    session.fetcher._records[ONE] = FetchError(error=refused, backoff=0)
    fetched = await session.take()
    assert fetched.error is refused
    assert len(fetched.records[TP(*OTHER)]) == 5


async def test_nothing_is_passed_over_while_an_error_of_its_partition_waits() -> None:
    session = Session()
    session.found(OTHER, bytes(batch(CHUNK_MESSAGES)))
    session.fetcher._records[ONE] = FetchError(error=KafkaError("too large"), backoff=0)
    session.states[ONE].position = 1  # as aiokafka does with a record that is too large
    fetched = await session.take()
    assert len(fetched.records[TP(*OTHER)]) == CHUNK_MESSAGES
    assert TP(*ONE) not in fetched.positions
    assert not fetched.deleted


async def test_a_chunk_is_of_several_partitions_and_bounded() -> None:
    session = Session()
    session.found(OTHER, bytes(batch(10)))
    session.found(ONE, bytes(batch(10)))
    fetched = await session.take()
    assert {tp.partition: len(records) for tp, records in fetched.records.items()} == {1: 10, 0: CHUNK_MESSAGES - 10}
    again = await session.take()
    assert [record.offset for record in again.records[TP(*ONE)]] == [6, 7, 8, 9]
    assert again.positions == {TP(*ONE): 10, TP(*OTHER): 10}


async def test_a_position_that_aiokafka_moved_by_itself_is_what_was_deleted() -> None:
    session = Session(one=20, other=20)
    session.states[ONE].position = 50
    session.states[OTHER].position = 3  # a topic that was made anew
    session.found(ONE, bytes(batch(5, first=50)))
    fetched = await session.take()
    assert fetched.deleted == [(TP(*ONE), 20, 50)]
    session.found(ONE, bytes(batch(5, first=57)))  # a gap, as transactions and compaction leave them
    session.fetcher._records.move_to_end(ONE)
    fetched = await session.take()
    assert [record.offset for record in fetched.records[TP(*ONE)]] == [57, 58, 59, 60, 61]
    assert not fetched.deleted


class Thread:
    """One that is asked at once, and fetches what it is given."""

    def __init__(self, *fetched: Fetched) -> None:
        self._fetched = list(fetched)

    async def ask(self, asked: Any) -> Any:
        return await asked

    async def fetch(self, _session: int, _tps: Any, _within: float) -> Fetched:
        return self._fetched.pop(0)


@pytest.mark.parametrize("error", [KafkaConnectionError("away"), Unreadable("otlp 0")])
async def test_a_fetch_that_failed_raises_and_what_it_took_is_delivered(error: Exception) -> None:
    fetched = Fetched(error=error, deleted=[(TP(*ONE), 5, 9)])
    fetched.records[TP(*OTHER)].extend(["first", "second"])
    lost: list[tuple[TP, int, int]] = []
    thread: Any = Thread(fetched)
    intake = Intake(thread, lambda *found: lost.append(found))
    with pytest.raises(type(error)):
        await intake.fill(1, [TP(*ONE), TP(*OTHER)], asyncio.Event(), 10)
    assert [intake.take(TP(*OTHER)) for _ in range(3)] == ["first", "second", None]
    assert lost == [(TP(*ONE), 5, 9)]


def test_each_lost_offset_is_told_of_once() -> None:
    told: list[tuple[TP, int, int]] = []
    losses, one, other = Losses(lambda *found: told.append(found)), TP(*ONE), TP(*OTHER)
    losses.lost(one, 100, 500)
    losses.lost(other, 0, 3)
    losses.lost(one, 100, 500)  # a session that began before anything was committed
    assert told == [(one, 100, 500), (other, 0, 3)]
    assert losses.take() == {"otlp": 403}
    losses.lost(one, 80, 520)
    losses.lost(one, 600, 700)
    assert told[2:] == [(one, 80, 100), (one, 500, 520), (one, 600, 700)]
    assert losses.take() == {"otlp": 140}
    assert losses.take() == {}


def a_ledger(lost: list[tuple[TP, int, int]], committed: list[dict[TP, int]]) -> Ledger:
    committer: Any = SimpleNamespace(lock=asyncio.Lock())
    return Ledger(committer, lambda offsets: committed.append(dict(offsets)), lambda *found: lost.append(found))


async def test_a_partition_that_is_opened_later_is_one_of_others_until_then() -> None:
    lost: list[tuple[TP, int, int]] = []
    committed: list[dict[TP, int]] = []
    ledger, one, other = a_ledger(lost, committed), TP(*ONE), TP(*OTHER)
    ledger.begin(7, {one: (100, (100, ""))}, {other})
    going_through = iter(ledger.progress)
    with pytest.raises(PartitionLost):
        await ledger.commit(other, 5)
    with pytest.raises(PartitionLost):
        await ledger.claim(other, Claim(0, 5, "v"))
    ledger.of(one).deliver(100)
    ledger.open(6, {other: (0, None)})
    assert ledger.closed == {other}, "those of a session that is over"
    ledger.open(7, {one: (3, (3, "")), other: (30, (10, '{"end":20,"v":"x"}'))})
    assert list(going_through) == [one]
    assert not ledger.closed
    assert ledger.of(one).position == 101
    assert (ledger.of(other).position, ledger.of(other).committed) == (30, 10)
    assert ledger.of(other).claim == Claim(10, 20, "x")
    assert committed == [{one: 100}, {other: 10}]
    assert lost == [(other, 10, 30)]
    ledger.begin(8, {}, {one})
    ledger.end()
    assert not ledger.closed
