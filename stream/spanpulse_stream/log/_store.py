"""The log's transactions: append, commit, claim, declare and trim, many of them durable at once.

A transaction works on copies of the positions; they are published when it is durable, so what is not durable is
never seen. For one thread; published positions may be read from any. A step raises before it changes anything, so
the other steps of its transaction stand.
"""

import copy
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spanpulse_stream.log._checksum import checksum
from spanpulse_stream.log._imported import ChunkName, is_imported, note_imported
from spanpulse_stream.log._messages import LogFull
from spanpulse_stream.log._position import Key, Mark, Position
from spanpulse_stream.log._records import Claim, LogDamaged
from spanpulse_stream.log._rows import count_accepted, forget_accepted, load_positions, save_position
from spanpulse_stream.log._trim import SLICE_BYTES, trimmed_to

__all__ = ["Store", "Stored", "Transaction"]

MIB: Final = 1024 * 1024
RETRY_FULL_S: Final = 2.0
SOURCE_EPOCH_S: Final = 1_577_836_800  # 2020-01-01: sources count on from the seconds since, and fit 31 bits
MOST_SLOTS: Final = 1 << 15
ROW_BYTES: Final = 64  # of a message beside its body, headers and key
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
ACCEPTED_DAYS: Final = 35  # that the counts of what was accepted are kept


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as it is stored."""

    key: Key
    message_key: bytes
    headers: bytes
    body: bytes
    records: int
    tenant: str
    signal: str

    @property
    def size(self) -> int:
        """Bytes that the message takes, about."""
        return len(self.body) + len(self.headers) + len(self.message_key) + ROW_BYTES


class Store:
    """Owns the writer's connection. ``clock`` is ns since the epoch; new sources lie above ``sources_above``."""

    def __init__(
        self, connection: sqlite3.Connection, *, max_bytes: int, clock: Callable[[], int], sources_above: int = 0
    ) -> None:
        self.connection = connection
        self.max_bytes = max_bytes
        self.clock = clock
        self.sources_above = sources_above
        self.positions: Mapping[Key, Position] = load_positions(connection)
        self.kept = sum(position.kept_bytes for position in self.positions.values())
        self.pending = sum(position.pending_bytes for position in self.positions.values())
        self.forgot_on = 0  # day, in ms, on which old counts were last deleted

    def begin(self) -> "Transaction":
        """Start a transaction."""
        self.connection.execute("BEGIN IMMEDIATE")
        return Transaction(self)

    def rollback(self) -> None:
        """Undo the transaction that is open, if SQLite has not done so itself."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")


class Transaction:
    """Steps that become durable together, with `commit`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._connection = store.connection
        self._work: dict[Key, Position] = {}
        self._kept = store.kept
        self._pending = store.pending
        self._accepted: dict[tuple[int, str, str, str], int] = {}
        self.grown: set[Key] = set()
        self.written = 0  # bytes

    def commit(self) -> None:
        """Make all steps durable and visible."""
        store = self._store
        for key, position in self._work.items():
            if position != store.positions.get(key):
                save_position(self._connection, position)
        forgot_on = self._count()
        self._connection.execute("COMMIT")
        store.positions = {**store.positions, **self._work}
        store.kept, store.pending, store.forgot_on = self._kept, self._pending, forgot_on

    def append(self, messages: Sequence[Stored], size: int) -> list[int]:
        """Append messages of ``size`` bytes together and return their offsets. Raises LogFull."""
        self._make_room(size)
        now = self._store.clock() // 1_000_000
        return [self._append(message, now) for message in messages]

    def append_once(self, name: ChunkName, messages: Sequence[Stored], size: int, rejected: int) -> bool:
        """Append the messages of a chunk if that was not done before; return whether it was not. Raises LogFull."""
        if is_imported(self._connection, name):
            return False
        self.append(messages, size)
        records = sum(message.records for message in messages)
        note_imported(self._connection, name, records, rejected, self._store.clock() // 1_000_000)
        return True

    def advance(self, key: Key, offset: int) -> None:
        """Commit ``offset``, the next one to process. Raises ValueError for one past the end, LogDamaged.

        Lower offsets than the committed one, and those inside a claimed range, change nothing: a range is replayed
        whole or not at all.
        """
        position = self._position(key)
        if offset > position.end.offset:
            raise ValueError(f"cannot commit {offset} of {key}: the partition ends at {position.end.offset}")
        claim = position.claim
        if offset > position.committed.offset and (claim is None or offset >= claim.end):
            self._commit(position, offset, None)

    def claim(self, key: Key, claim: Claim) -> None:
        """Commit ``claim.first`` and store the claim. Raises ValueError if it contradicts the log, LogDamaged."""
        position = self._position(key)
        if position.claim == claim:
            return
        if position.claim is not None:
            raise ValueError(f"cannot claim {claim} of {key}: {position.claim} is not finished")
        committed, end = position.committed.offset, position.end.offset
        if not committed <= claim.first < claim.end <= end:
            raise ValueError(f"cannot claim {claim} of {key}: committed is {committed}, the end {end}")
        self._commit(position, claim.first, claim)

    def declare(self, key: Key) -> int:
        """Return the source of a partition; one that is new gets a number that was never given out."""
        return self._position(key).source

    def renew(self, key: Key, offset: int) -> int:
        """Empty a partition and let it go on at ``offset`` under a new source, which is returned.

        For a log that lost its newest messages: their offsets must not be given out again under the same source.
        """
        position = self._position(key)
        self._connection.execute(
            "DELETE FROM messages WHERE id >= ? AND id < ?",
            (position.row(position.first.offset), position.row(position.end.offset)),
        )
        self._kept -= position.kept_bytes
        self._pending -= position.pending_bytes
        mark = Mark(offset, 0, 0)
        position.source = self._new_source()
        position.first = position.committed = position.end = mark
        position.oldest_pending_at = position.claim = None
        return position.source

    def rewind(self, key: Key, offset: int) -> int:
        """Make ``offset``, or the oldest one that is kept, the next one to process; return which.

        For a database that lost its newest rows: what it lacks is processed again. Raises LogDamaged.
        """
        position = self._position(key)
        self._commit(position, max(offset, position.first.offset), None)
        return position.committed.offset

    def trim(self, retain_records: int, key: Key) -> int:
        """Delete one slice of what is committed, but for the newest ``retain_records``; return the bytes freed."""
        position = self._position(key)
        mark = trimmed_to(self._connection, position, position.committed.records - retain_records)
        freed = mark.bytes - position.first.bytes
        self._connection.execute(
            "DELETE FROM messages WHERE id >= ? AND id < ?",
            (position.row(position.first.offset), position.row(mark.offset)),
        )
        position.first = mark
        self._kept -= freed
        return freed

    def _append(self, message: Stored, now: int) -> int:
        position = self._position(message.key)
        offset, records, size = position.end
        now = position.appended_at = max(now, position.appended_at)
        self._connection.execute(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                position.row(offset),
                now,
                records,
                size,
                message.records,
                checksum(offset, now, message.records, message.message_key, message.headers, message.body),
                message.message_key,
                message.headers,
                message.body,
            ),
        )
        if position.oldest_pending_at is None:
            position.oldest_pending_at = now
        position.end = Mark(offset + 1, records + message.records, size + message.size)
        self._kept += message.size
        self._pending += message.size
        self.grown.add(message.key)
        self.written += message.size
        counted = (now // MINUTE_MS * MINUTE_MS, message.key[0], message.tenant, message.signal)
        self._accepted[counted] = self._accepted.get(counted, 0) + message.records
        return offset

    def _commit(self, position: Position, offset: int, claim: Claim | None) -> None:
        mark, oldest = self._mark_at(position, offset)
        self._pending -= mark.bytes - position.committed.bytes
        position.committed, position.oldest_pending_at, position.claim = mark, oldest, claim

    def _mark_at(self, position: Position, offset: int) -> tuple[Mark, int | None]:
        """Return the mark at ``offset``, and when the message there was appended."""
        if offset == position.end.offset:
            return position.end, None
        found = self._connection.execute(
            "SELECT records_before, bytes_before, appended_at FROM messages WHERE id = ?", (position.row(offset),)
        ).fetchone()
        if found is None:
            raise LogDamaged(position.damage(offset, "it is missing"))
        return Mark(offset, found[0], found[1]), found[2]

    def _make_room(self, need: int) -> None:
        """Trim what is committed where the log would grow past its bound. Raises LogFull."""
        most = self._store.max_bytes
        if self._pending + need > most:
            raise LogFull(
                RETRY_FULL_S,
                f"the log holds {self._pending // MIB} MiB that are not processed yet, of {most // MIB} MiB "
                f"(log_max_bytes)",
            )
        most_freed = 2 * need + SLICE_BYTES  # the rest goes with the next appends
        while self._kept + need > most and most_freed > 0:
            known = {**self._store.positions, **self._work}.values()
            largest = max(known, key=lambda position: position.kept_bytes - position.pending_bytes)
            if not (freed := self.trim(0, largest.key)):
                return
            most_freed -= freed

    def _count(self) -> int:
        """Save what was accepted; on a new day delete what is old. Return the day that was last done on."""
        if not self._accepted:
            return self._store.forgot_on
        count_accepted(self._connection, self._accepted)
        today = self._store.clock() // 1_000_000 // DAY_MS * DAY_MS
        if today > self._store.forgot_on:
            forget_accepted(self._connection, today - ACCEPTED_DAYS * DAY_MS)
        return today

    def _position(self, key: Key) -> Position:
        if (position := self._work.get(key)) is None:
            published = self._store.positions.get(key)
            position = self._work[key] = copy.copy(published) if published else self._new(key)
        return position

    def _new(self, key: Key) -> Position:
        known = {**self._store.positions, **self._work}.values()
        slot = max((position.slot for position in known), default=0) + 1
        if slot >= MOST_SLOTS:
            raise ValueError(f"the log cannot have more than {MOST_SLOTS - 1} partitions")
        return Position.empty(slot, self._new_source(), key)

    def _new_source(self) -> int:
        """Return a number above all that this log, the database and an earlier log may have given out."""
        known = {**self._store.positions, **self._work}.values()
        newest = max((position.source for position in known), default=0)
        seconds = self._store.clock() // 1_000_000_000 - SOURCE_EPOCH_S
        return max(newest, self._store.sources_above, seconds) + 1
