"""The durable log of one machine: partitions with offsets, commits and claims, in one SQLite file.

Guarantee: what was acknowledged survives the death of the process and of the machine (write-ahead log, flushed by
every commit); offsets of a partition follow each other without a gap and are never used twice, times never go
back, and a source number belongs to one partition of one log for ever. Not guaranteed: that an append whose caller
was cancelled left nothing behind; that times are right (where the clock went back they stand still until it catches
up); anything beyond one process and one disk.
"""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from spanpulse_stream.log._disk import Disk
from spanpulse_stream.log._imported import ChunkName
from spanpulse_stream.log._jobs import Append, AppendOnce, Step
from spanpulse_stream.log._lock import FolderLock
from spanpulse_stream.log._messages import TOPIC, LogFull, Message
from spanpulse_stream.log._position import Key, Position
from spanpulse_stream.log._reader import Readers
from spanpulse_stream.log._records import Claim, Imported, LogStats, LogUnusable, OffsetOutOfRange, Record
from spanpulse_stream.log._schema import identity_of, prepare
from spanpulse_stream.log._snapshot import LogSnapshot, take_snapshot
from spanpulse_stream.log._store import Store, Transaction
from spanpulse_stream.log._upkeep import Upkeep
from spanpulse_stream.log._writer import Grown, Writer

__all__ = ["LocalLog"]

logger = logging.getLogger(__name__)
DATABASE: Final = "log.sqlite3"
NOTHING: Final[Mapping[int, int]] = MappingProxyType({})


class LocalLog:
    """One folder's log; `open` makes or opens it. Every method may be called from any thread.

    Topics come into being with their first message (or when their source is asked for), each with all partitions.
    """

    def __init__(
        self, folder: Path, lock: FolderLock, store: Store, disk: Disk, *, partitions: int, retain: int
    ) -> None:
        self.partitions = partitions
        self.identity = identity_of(store.connection)
        """A number that this log and its copies have, and no other."""
        self._folder = folder
        self._lock = lock
        self._store = store
        self._disk = disk
        self._upkeep = Upkeep(store, disk, retain_records=retain)
        self._readers = Readers(folder / DATABASE)
        self._writer = Writer(folder / DATABASE, store, disk, self._upkeep)
        self._subscribing = threading.Lock()
        self._closed = False

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        partitions: int,
        max_bytes: int,
        retain_records: int,
        ballast_bytes: int,
        disk_floor_bytes: int,
        clock: Callable[[], int] = time.time_ns,
        sources_above: int = 0,
        stored: Mapping[int, int] = NOTHING,
        reached: Callable[[], Mapping[int, int]] | None = None,
    ) -> Self:
        """Open the log in ``folder``, which is made if it is missing. Raises LogInUse, LogUnusable.

        ``clock`` gives ns since the epoch. Sources that are given out lie above ``sources_above``: the highest that
        a database knows, for the case that the log's folder was removed and the database's was not. ``stored`` gives
        by source the offset behind the last one that a database holds. A partition that ends before that is an older
        copy, or lost its end: all that it has is stored, so it is emptied and goes on under a new source. ``reached``
        is asked, where it matters, for the offset behind the last one of any row. A partition that is committed beyond
        both has a database that is an older copy, or was removed: what is kept of the rest is processed again.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LogUnusable(f"cannot make the log folder {folder}: {error.strerror}") from None
        lock = FolderLock(folder)
        try:
            disk = _disk(folder, ballast_bytes, disk_floor_bytes)
            connection = prepare(folder / DATABASE, partitions)
            store = Store(connection, max_bytes=max_bytes, clock=clock, sources_above=sources_above)
        except BaseException:
            lock.release()
            raise
        log = cls(folder, lock, store, disk, partitions=partitions, retain=retain_records)
        try:
            log._declare((TOPIC, partition) for partition in range(partitions))
            log._renew(stored)
            if reached is not None:
                log._rewind(stored, reached)
        except BaseException as error:
            log.close()
            if isinstance(error, LogFull):
                raise LogUnusable(f"cannot make the log {folder}: {error}") from None
            raise
        return log

    async def append(self, messages: Sequence[Message]) -> None:
        """Append all messages or none, and return once they are durable. Raises LogFull, ValueError."""
        await asyncio.wrap_future(self.append_soon(messages))

    def append_soon(self, messages: Sequence[Message]) -> "Future[list[int]]":
        """Like `append`, for any thread. The future gives the offsets or raises LogFull; so does the call itself."""
        for message in messages:
            self._check(message.topic, message.partition)
        job = Append(messages)
        self._writer.queue.put(job)
        return job.future

    def append_once(self, name: ChunkName, messages: Sequence[Message], *, rejected: int = 0) -> "Future[bool]":
        """Append the messages of a chunk of an import, all of them or, where that was done before, none.

        For any thread. The future says whether they were appended, or raises LogFull; so does the call itself.
        ``rejected`` of the records cannot be read: `imported` adds them up.
        """
        for message in messages:
            self._check(message.topic, message.partition)
        job = AppendOnce(name, messages, rejected)
        self._writer.queue.put(job)
        return job.future

    def imported(self, name: str) -> Imported:
        """Return how far the import ``name`` has come."""
        return self._readers.imported(name)

    async def commit(self, topic: str, partition: int, offset: int) -> None:
        """Make ``offset`` the next one to process, durably.

        It never goes back: a lower offset changes nothing, and neither does one inside a claimed range, which is
        replayed whole or not at all. A claim ends when its end is reached. Raises ValueError past the partition's end,
        and LogFull on a full disk when the ballast is used up.
        """
        await asyncio.wrap_future(self.commit_soon(topic, partition, offset))

    def commit_soon(self, topic: str, partition: int, offset: int) -> "Future[None]":
        """Like `commit`, for any thread."""
        key = self._check(topic, partition)
        return self._step(Step(lambda transaction: transaction.advance(key, offset)))

    async def claim(self, topic: str, partition: int, claim: Claim) -> None:
        """Commit ``claim.first`` and store the claim, in one durable step.

        Raises ValueError if another claim is not finished, or the range is not between committed and end, and
        LogFull on a full disk when the ballast is used up.
        """
        await asyncio.wrap_future(self.claim_soon(topic, partition, claim))

    def claim_soon(self, topic: str, partition: int, claim: Claim) -> "Future[None]":
        """Like `claim`, for any thread."""
        key = self._check(topic, partition)
        return self._step(Step(lambda transaction: transaction.claim(key, claim)))

    def read(
        self, topic: str, partition: int, offset: int, *, max_messages: int = 100, max_bytes: int = 8 * 1024 * 1024
    ) -> list[Record]:
        """Return messages from ``offset`` on, checked, in order; [] at the end.

        At most ``max_messages``, and as many as fit in ``max_bytes`` of values, but at least one; fewer where a
        damaged message follows. Raises OffsetOutOfRange, and LogDamaged if the message at ``offset`` is damaged.
        """
        position = self._position(topic, partition)
        if not position.first.offset <= offset <= position.end.offset:
            raise OffsetOutOfRange(offset, position.first.offset, position.end.offset)
        if offset == position.end.offset or max_messages < 1:
            return []
        return self._readers.messages(position, offset, max_messages=max_messages, max_bytes=max_bytes)

    def deny(self, reason: str | None) -> None:
        """Refuse appends with this reason from now on, or (None) take them again. All else goes on."""
        self._disk.denied = reason

    def forget(self) -> None:
        """Delete all that is committed, and leave nothing of it in the files; takes seconds, appends wait meanwhile.

        Messages that are not committed stay. Nothing before them can be processed again, or repaired. Raises
        LogUnusable, LogFull.
        """
        for key in list(self._store.positions):
            while self._step(Step(partial(Transaction.trim, retain_records=0, key=key))).result():
                pass
        scrubbed = self._upkeep.scrub()
        self._step(Step(lambda _transaction: None)).result()
        try:
            scrubbed.result()
        except (sqlite3.Error, OSError) as error:
            raise LogUnusable(f"the log {self._folder} cannot be written anew: {error}") from error

    def give_back(self, size: int) -> int:
        """Delete what is committed, the oldest first, until about ``size`` bytes are the disk's again.

        Returns the bytes deleted, fewer where no more is committed. As with `forget`, nothing before that can be
        repaired; unlike it, bytes of it may stay in the files. Raises LogUnusable, LogFull.
        """
        freed = 0
        for key in list(self._store.positions):
            while freed < size and (
                slice_ := self._step(Step(partial(Transaction.trim, retain_records=0, key=key))).result()
            ):
                freed += slice_
        if freed:
            shrinking = self._upkeep.shrink()
            self._step(Step(lambda _transaction: None)).result()
            try:
                shrinking.result()
            except sqlite3.Error as error:
                raise LogUnusable(f"the log {self._folder} cannot be made smaller: {error}") from error
        return freed

    def snapshot(self) -> LogSnapshot:
        """Return the log as it stands now, to be copied while it goes on. Raises LogUnusable."""
        return take_snapshot(self._folder / DATABASE)

    def source(self, topic: str, partition: int) -> int:
        """Return the partition's source: a number up to 2**31 that no other partition of any log ever had.

        Waits for the writer where the partition is new. Raises LogFull.
        """
        key = self._check(topic, partition)
        if key not in self._store.positions:
            self._declare([key])
        return self._store.positions[key].source

    def sources(self) -> dict[int, Key]:
        """Return (topic, partition) by source, of all partitions that are known."""
        return {position.source: position.key for position in self._store.positions.values()}

    def first_offset(self, topic: str, partition: int) -> int:
        """Return the oldest offset that is kept; the end if none is."""
        return self._position(topic, partition).first.offset

    def end_offset(self, topic: str, partition: int) -> int:
        """Return the offset that the next message gets."""
        return self._position(topic, partition).end.offset

    def committed(self, topic: str, partition: int) -> int:
        """Return the next offset to process; 0 in the beginning."""
        return self._position(topic, partition).committed.offset

    def claimed(self, topic: str, partition: int) -> Claim | None:
        """Return the claim that starts at the committed offset, if there is one."""
        return self._position(topic, partition).claim

    def lag_records(self, topic: str, partition: int) -> int:
        """Return how many records are appended and not committed."""
        return self._position(topic, partition).lag_records

    def oldest_pending_ms(self, topic: str, partition: int) -> int | None:
        """Return when the oldest message that is not committed was appended (ms), None if there is none."""
        return self._position(topic, partition).oldest_pending_at

    def pending_bytes(self) -> int:
        """Return the bytes, as stored, of all messages that are not committed."""
        return sum(position.pending_bytes for position in self._store.positions.values())

    def accepted(self, since_ms: int, until_ms: int, topic: str = TOPIC) -> dict[tuple[int, str, str], int]:
        """Return records appended by (minute in ms, tenant, signal), for minutes from ``since_ms`` to ``until_ms``."""
        return self._readers.accepted(topic, since_ms, until_ms)

    def subscribe(self, callback: Grown) -> Callable[[], None]:
        """Have ``callback`` called with the (topic, partition)s that grew after a commit; returns how to end that.

        It is called from the writer's thread and must return at once.
        """
        with self._subscribing:
            self._writer.subscribers = (*self._writer.subscribers, callback)
        return lambda: self._unsubscribe(callback)

    def stats(self) -> LogStats:
        """Return the figures of the log as it is now."""
        positions = self._store.positions
        return LogStats(
            partitions=tuple(positions[key].stats() for key in sorted(positions)),
            transactions=self._writer.transactions,
            file_bytes=sum(path.stat().st_size for path in self._folder.glob(f"{DATABASE}*")),
            disk_free_bytes=self._disk.free,
            ballast_held=self._disk.ballast_held,
            queued_bytes=self._writer.queue.bytes,
        )

    async def trim(self) -> None:
        """Delete all that is committed beyond ``retain_records`` of each partition, between other transactions.

        The log does so by itself when a partition keeps a 16th more.
        """
        for key in list(self._store.positions):
            while await asyncio.wrap_future(self._step(Step(self._upkeep.slice_of(key)))):
                pass

    def close(self) -> None:
        """Write what waits, then let go of the folder. Calls after it raise LogClosed."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        self._readers.close()
        self._upkeep.finish()
        self._store.connection.close()
        self._lock.release()

    async def aclose(self) -> None:
        """Like `close`, without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def _declare(self, keys: Iterable[Key]) -> None:
        """Give partitions their sources, if they have none."""
        steps = [Step(partial(Transaction.declare, key=key)) for key in keys if key not in self._store.positions]
        for declared in [self._step(step) for step in steps]:
            declared.result()

    def _renew(self, stored: Mapping[int, int]) -> None:
        """Give partitions that lack what a database holds a new source."""
        for position in list(self._store.positions.values()):
            if (offset := stored.get(position.source, 0)) > position.end.offset:
                renew = partial(Transaction.renew, key=position.key, offset=offset)
                source = self._step(Step(renew)).result()
                logger.warning(
                    "%s partition %d of the log ends at %d, where the database has it up to %d: the log is an older "
                    "copy, or lost its end. What came after that and was not stored is lost. It goes on as source %d",
                    *(*position.key, position.end.offset, offset, source),
                )

    def _rewind(self, stored: Mapping[int, int], reached: Callable[[], Mapping[int, int]]) -> None:
        """Go back to where a database ends that lacks what is committed."""
        lacking = [position for position in self._store.positions.values() if _lacks(position, stored)]
        ends = reached() if lacking else {}
        for position in lacking:
            end, committed = stored.get(position.source, 0), position.committed.offset
            if ends.get(position.source, 0) > end:
                continue
            rewind = partial(Transaction.rewind, key=position.key, offset=end)
            again = self._step(Step(rewind)).result()
            logger.warning(
                "%s partition %d was processed up to %d, but the database ends at %d: it is an older copy, or was "
                "removed. Offsets from %d on are processed again; %d older ones are no longer in the log",
                *(*position.key, committed, end, again, again - end),
            )

    def _step(self, step: Step) -> "Future[Any]":
        self._writer.queue.put(step)
        return step.future

    def _position(self, topic: str, partition: int) -> Position:
        key = self._check(topic, partition)
        return self._store.positions.get(key) or Position.empty(0, 0, key)

    def _check(self, topic: str, partition: int) -> Key:
        if not 0 <= partition < self.partitions:
            raise ValueError(f"{topic} has no partition {partition}; the log has {self.partitions}")
        return topic, partition

    def _unsubscribe(self, callback: Grown) -> None:
        with self._subscribing:
            self._writer.subscribers = tuple(known for known in self._writer.subscribers if known is not callback)


def _lacks(position: Position, stored: Mapping[int, int]) -> bool:
    """Return whether a database lacks what is committed and the log still has."""
    committed = position.committed.offset
    return max(stored.get(position.source, 0), position.first.offset) < committed


def _disk(folder: Path, ballast: int, floor: int) -> Disk:
    """Return the disk with its ballast taken where it fits, and thrown off where else nothing could be opened."""
    disk = Disk(folder, ballast=ballast, floor=floor)
    if disk.tight:
        disk.throw_off()
    else:
        disk.hold()
    return disk
