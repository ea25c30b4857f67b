"""Taking what aiokafka has fetched, in small chunks.

Guarantee: records of a partition come in order; none that belongs to another assignment than asked for; at most a
chunk is taken from aiokafka, and decompressed, at a time; what was taken before something failed is returned, with the
error; what cannot be unpacked is Unreadable, whatever was raised for it; each range of offsets that Kafka deleted
before it was read is told of once. Everything here runs in the consumer's thread.
"""

# ruff: noqa: SLF001 -- aiokafka has no public way to take only what belongs to one assignment

import asyncio
from collections import defaultdict, deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher as reading
from aiokafka.errors import ConsumerStoppedError, KafkaError

from spanpulse_stream.partitions import TP
from spanpulse_stream.transport.kafka._errors import Unreadable
from spanpulse_stream.transport.kafka._records import TolerantRecords
from spanpulse_stream.transport.kafka._session import Session

__all__ = ["Fetched", "fetch"]

CHUNK_MESSAGES: Final = 16
CHUNK_BYTES: Final = 4 * 1024 * 1024

reading.MemoryRecords = TolerantRecords  # for every consumer of the process: aiokafka has no option for it


@dataclass
class Fetched:
    """Records by partition; ``positions``: nothing is left before them but those; ``ends``: the next new offsets.

    ``readable``: where what may be read ends, which an open transaction of some producer holds below ``ends``.
    ``deleted``: partitions with the first offset that was deleted before it was read, and the first one kept behind it.
    ``error``: what ended the taking; aiokafka gives out nothing of ``records`` again.
    """

    records: dict[TP, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    positions: dict[TP, int] = field(default_factory=dict)
    ends: dict[TP, int] = field(default_factory=dict)
    readable: dict[TP, int] = field(default_factory=dict)
    deleted: list[tuple[TP, int, int]] = field(default_factory=list)
    error: Exception | None = None


async def fetch(session: Session, tps: Collection[TP], within: float) -> Fetched:
    """Return some records of partitions, after waiting for them if there are none yet, at most ``within`` seconds.

    What fails once something may have been taken is returned as its ``error``: KafkaError, Unreadable. Raises what
    aiokafka could not do before that: KafkaError, ConsumerStoppedError.
    """
    wanted = {TopicPartition(*tp) for tp in tps}
    fetcher = session.consumer._fetcher
    fetched = Fetched()
    with session.consumer._subscription.fetch_context():
        await _take(session, wanted, fetched)
        if not fetched.records and fetched.error is None and session.may_read:
            waiter = fetcher._create_fetch_waiter()
            await asyncio.wait({waiter}, timeout=within)
            if waiter.done():
                waiter.result()
            else:
                waiter.cancel()
            await _take(session, wanted, fetched)
    if session.may_read and fetched.error is None:
        _note(session, wanted, fetched)
    return fetched


async def _take(session: Session, wanted: set[TopicPartition], fetched: Fetched) -> None:
    """Take a chunk of what is there. Nothing here waits, so no position moves but by what is taken."""
    session.consumer._coordinator.check_errors()
    fetcher = session.consumer._fetcher
    if fetcher._closed:
        raise ConsumerStoppedError
    _note_deleted(session, wanted, fetched)
    messages = size = 0
    try:
        for tp in [tp for tp in fetcher._records if tp in wanted]:
            while messages < CHUNK_MESSAGES and size < CHUNK_BYTES and session.may_read:
                if not (records := await _next(fetcher, tp)):
                    break
                fetched.records[TP(*tp)].extend(records)
                messages += len(records)
                size += sum(len(record.value or b"") for record in records)
    except (KafkaError, Unreadable) as error:
        fetched.error = error  # not raised here: what was taken of other partitions is given out once
    for tp in wanted:
        if (position := _position(session, tp)) is not None:
            session.stands[tp] = position


async def _next(fetcher: Any, tp: TopicPartition) -> list[Any]:
    """Return the next record of a partition, if one is there; aiokafka does not wait when it is given no time.

    Raises Unreadable, and what the broker answered for the partition.
    """
    found = fetcher._records.get(tp)
    try:
        taken = await fetcher.fetched_records({tp}, timeout=0, max_records=1)
    except Exception as error:
        if isinstance(found, reading.FetchError):
            raise
        offset = found._partition_records.next_fetch_offset
        raise Unreadable(f"{tp.topic} {tp.partition} cannot be unpacked at offset {offset}: {error!r}") from error
    return list(taken.get(tp, ()))


def _position(session: Session, tp: TopicPartition) -> int | None:
    """Return where aiokafka reads on, None where it does not know; an answer that is an error moves it, for nothing."""
    state = session.assignment.state_value(tp)
    failed = isinstance(session.consumer._fetcher._records.get(tp), reading.FetchError)
    return state.position if state is not None and state.has_valid_position and not failed else None


def _note_deleted(session: Session, wanted: set[TopicPartition], fetched: Fetched) -> None:
    """Take note of where aiokafka went on by itself, at the first offset kept: the one it asked for was deleted.

    A lower one is that of a topic that was made anew, of which nothing was missed.
    """
    for tp in wanted:
        position, stood = _position(session, tp), session.stands.get(tp)
        if position is not None and stood is not None and position > stood:
            fetched.deleted.append((TP(*tp), stood, position))
            session.stands[tp] = position


def _note(session: Session, wanted: set[TopicPartition], fetched: Fetched) -> None:
    for tp in wanted:
        if (state := session.assignment.state_value(tp)) is not None:
            if (position := _position(session, tp)) is not None:
                fetched.positions[TP(*tp)] = position
            if state.highwater is not None:
                fetched.ends[TP(*tp)] = state.highwater
                stable = state.highwater if state.lso is None or state.lso < 0 else state.lso
                fetched.readable[TP(*tp)] = min(stable, state.highwater)
