"""The log's transactions: append, commit, claim, declare and trim, many of them durable at once.

A transaction works on copies of the positions; they are published when it is durable, so what is not durable is
never seen. For one thread; published positions may be read from any. A step raises before it changes anything, so
the other steps of its transaction stand.
"""

import copy
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spanpulse_stream.log._messages import LogFull
from spanpulse_stream.log._position import Key, Mark, Position
from spanpulse_stream.log._records import Claim, LogDamaged
from spanpulse_stream.log._rows import count_accepted, load_positions, save_position
from spanpulse_stream.log._trim import SLICE_BYTES, trimmed_to

__all__ = ["Packed", "Store", "Transaction"]

MIB: Final = 1024 * 1024
RETRY_FULL_S: Final = 2.0
SOURCE_EPOCH_S: Final = 1_577_836_800  # 2020-01-01: sources count on from the seconds since, and fit 31 bits
MOST_SLOTS: Final = 1 << 15


@dataclass(frozen=True, slots=True)
class Packed:
    """A message ready to be stored; ``size`` is that of its value, ``stored`` about the bytes that it takes."""

    key: Key
    message_key: bytes
    headers: bytes
    body: bytes
    size: int
    records: int
    tenant: str
    signal: str

    @property
    def stored(self) -> int:
        """Bytes that the message counts for: what is stored, and its row."""
        return len(self.body) + len(self.headers) + len(self.message_key) + ROW_BYTES


ROW_BYTES: Final = 64


class Store:
    """Owns the writer's connection. ``clock`` is ns since the epoch."""

    def __init__(self, connection: sqlite3.Connection, *, max_bytes: int, clock: Callable[[], int]) -> None:
        self.connection = connection
        self.max_bytes = max_bytes
        self.clock = clock
        self.positions: Mapping[Key, Position] = load_positions(connection)

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
        self._accepted: dict[tuple[int, str, str, str], int] = {}
        self.grown: set[Key] = set()
        self.written = 0  # bytes

    def commit(self) -> None:
        """Make all steps durable and visible."""
        for key, position in self._work.items():
            if position != self._store.positions.get(key):
                save_position(self._connection, position)
        count_accepted(self._connection, self._accepted)
        self._connection.execute("COMMIT")
        self._store.positions = {**self._store.positions, **self._work}

    def append(self, messages: Sequence[Packed]) -> list[int]:
        """Append messages and return their offsets. Raises LogFull."""
        self._make_room(sum(message.stored for message in messages))
        now = self._store.clock() // 1_000_000
        return [self._append(message, now) for message in messages]

    def advance(self, key: Key, offset: int) -> None:
        """Commit ``offset``, the next one to process. Raises ValueError for one past the end.

        Lower offsets than the committed one, and those inside a claimed range, change nothing: a range is replayed
        whole or not at all.
        """
        position = self._position(key)
        if offset > position.end.offset:
            raise ValueError(f"cannot commit {offset} of {key}: the partition ends at {position.end.offset}")
        claim = position.claim
        if offset <= position.committed.offset or (claim is not None and offset < claim.end):
            return
        position.claim = None
        self._commit(position, offset)

    def claim(self, key: Key, claim: Claim) -> None:
        """Commit ``claim.first`` and store the claim. Raises ValueError for one that contradicts the log."""
        position = self._position(key)
        if position.claim == claim:
            return
        if position.claim is not None:
            raise ValueError(f"cannot claim {claim} of {key}: {position.claim} is not finished")
        if not position.committed.offset <= claim.first < claim.end <= position.end.offset:
            raise ValueError(
                f"cannot claim {claim} of {key}: committed is {position.committed.offset}, the end {position.end.offset}"
            )
        self._commit(position, claim.first)
        position.claim = claim

    def declare(self, key: Key, above: int = 0) -> int:
        """Return the source of a partition; one that is new gets a number that was never given out."""
        return self._position(key, above).source

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
        return freed

    def _append(self, message: Packed, now: int) -> int:
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
                message.size,
                message.message_key,
                message.headers,
                message.body,
            ),
        )
        if position.oldest_pending_at is None:
            position.oldest_pending_at = now
        position.end = Mark(offset + 1, records + message.records, size + message.stored)
        self.grown.add(message.key)
        self.written += message.stored
        counted = (now // 60_000 * 60_000, message.key[0], message.tenant, message.signal)
        self._accepted[counted] = self._accepted.get(counted, 0) + message.records
        return offset

    def _commit(self, position: Position, offset: int) -> None:
        if offset == position.end.offset:
            position.committed, position.oldest_pending_at = position.end, None
            return
        found = self._connection.execute(
            "SELECT records_before, bytes_before, appended_at FROM messages WHERE id = ?", (position.row(offset),)
        ).fetchone()
        if found is None:
            raise LogDamaged(f"offset {offset} of {position.key} is missing from the log")
        position.committed, position.oldest_pending_at = Mark(offset, found[0], found[1]), found[2]

    def _make_room(self, need: int) -> None:
        """Trim what is committed where the log would grow past its bound. Raises LogFull."""
        most = self._store.max_bytes
        pending = sum(position.pending_bytes for position in self._all())
        if pending + need > most:
            raise LogFull(
                RETRY_FULL_S,
                f"the log holds {pending // MIB} MiB that are not processed yet, of {most // MIB} MiB (log_max_bytes)",
            )
        over = sum(position.kept_bytes for position in self._all()) + need - most
        most_freed = 2 * need + SLICE_BYTES  # the rest goes with the next appends
        while 0 < over and 0 < most_freed:
            largest = max(self._all(), key=lambda position: position.kept_bytes - position.pending_bytes)
            freed = self.trim(0, largest.key)
            over, most_freed = over - freed, most_freed - freed

    def _all(self) -> Iterator[Position]:
        yield from ({**self._store.positions, **self._work}).values()

    def _position(self, key: Key, above: int = 0) -> Position:
        if (position := self._work.get(key)) is None:
            published = self._store.positions.get(key)
            position = copy.copy(published) if published else self._new(key, above)
            self._work[key] = position
        return position

    def _new(self, key: Key, above: int) -> Position:
        known = list(self._all())
        slot = max((position.slot for position in known), default=0) + 1
        if slot >= MOST_SLOTS:
            raise ValueError(f"the log cannot have more than {MOST_SLOTS - 1} partitions")
        newest = max((position.source for position in known), default=0)
        source = max(newest, above, self._store.clock() // 1_000_000_000 - SOURCE_EPOCH_S) + 1
        start = Mark(0, 0, 0)
        return Position(slot, source, *key, start, start, start, 0, None, None)
