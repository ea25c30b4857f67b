"""Taking what aiokafka has fetched, in small chunks.

Guarantee: records of a partition come in order; none that belongs to another assignment than asked for; at most a
chunk is taken from aiokafka, and decompressed, at a time. Everything here runs in the consumer's thread.
"""

# ruff: noqa: SLF001 -- aiokafka has no public way to take only what belongs to one assignment

import asyncio
from collections import defaultdict, deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher as reading
from aiokafka.errors import ConsumerStoppedError

from spanpulse_stream.partitions import TP
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
    """

    records: dict[TP, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    positions: dict[TP, int] = field(default_factory=dict)
    ends: dict[TP, int] = field(default_factory=dict)
    readable: dict[TP, int] = field(default_factory=dict)


async def fetch(session: Session, tps: Collection[TP], within: float) -> Fetched:
    """Return some records of partitions, after waiting for them if there are none yet, at most ``within`` seconds.

    Raises what aiokafka could not do: KafkaError, ConsumerStoppedError.
    """
    wanted = {TopicPartition(*tp) for tp in tps}
    fetcher = session.consumer._fetcher
    fetched = Fetched()
    with session.consumer._subscription.fetch_context():
        await _take(session, wanted, fetched)
        if not fetched.records and session.may_read:
            waiter = fetcher._create_fetch_waiter()
            await asyncio.wait({waiter}, timeout=within)
            if waiter.done():
                waiter.result()
            else:
                waiter.cancel()
            await _take(session, wanted, fetched)
    if session.may_read:
        _note(session, wanted, fetched)
    return fetched


async def _take(session: Session, wanted: set[TopicPartition], fetched: Fetched) -> None:
    """Take a chunk of what is there; `fetched_records` does not wait when it may read and is given no time."""
    session.consumer._coordinator.check_errors()
    fetcher = session.consumer._fetcher
    if fetcher._closed:
        raise ConsumerStoppedError
    messages = size = 0
    while messages < CHUNK_MESSAGES and size < CHUNK_BYTES and session.may_read:
        taken = await fetcher.fetched_records(wanted, timeout=0, max_records=1)
        if not taken:
            return
        for tp, records in taken.items():
            fetched.records[TP(*tp)].extend(records)
            messages += len(records)
            size += sum(len(record.value or b"") for record in records)


def _note(session: Session, wanted: set[TopicPartition], fetched: Fetched) -> None:
    for tp in wanted:
        if (state := session.assignment.state_value(tp)) is not None:
            if state.has_valid_position:
                fetched.positions[TP(*tp)] = state.position
            if state.highwater is not None:
                fetched.ends[TP(*tp)] = state.highwater
                stable = state.highwater if state.lso is None or state.lso < 0 else state.lso
                fetched.readable[TP(*tp)] = min(stable, state.highwater)
