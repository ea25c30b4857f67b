"""What the writer does between transactions: checkpoints, trimming, giving unused pages back to the disk.

Each turn does a bounded piece of work. Failures here lose nothing and are tried again later.
"""

import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from spanpulse_stream.log._disk import Disk
from spanpulse_stream.log._position import Key, Position
from spanpulse_stream.log._schema import PAGE
from spanpulse_stream.log._store import Store, Transaction

__all__ = ["Upkeep"]

logger = logging.getLogger(__name__)
MIB: Final = 1024 * 1024
CHECKPOINT_BYTES: Final = 8 * MIB
LARGEST_WAL_PAGES: Final = 64 * MIB // PAGE
SLACK: Final = 16  # trimming begins when a partition keeps a 16th more than it should
PAGES_EACH: Final = 3  # that any transaction writes: of positions, of counts, of the newest message
VACUUM_PAGES: Final = 2 * MIB // PAGE  # a slice
UNUSED_PAGES: Final = 32 * MIB // PAGE  # that may stay in the file, and as much as is used
RETRY_S: Final = 5.0


class Upkeep:
    """Keeps the files of a log small. ``retain_records`` committed records stay in each partition."""

    def __init__(
        self,
        store: Store,
        disk: Disk,
        *,
        retain_records: int,
        unused_pages: int = UNUSED_PAGES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._disk = disk
        self._retain = retain_records
        self._unused = unused_pages
        self._monotonic = monotonic
        self._rests_until = monotonic()
        self.unmoved = 0  # bytes in the write-ahead log that are not in the database yet
        self._trimming: Key | None = None
        self._scrubbing: Future[None] | None = None
        self._shrinking: Future[None] | None = None

    def wrote(self, size: int) -> None:
        """Hear of a transaction of ``size`` bytes that went to the write-ahead log."""
        self.unmoved += size + PAGES_EACH * PAGE

    def scrub(self) -> "Future[None]":
        """Ask for the files to be written anew in the next turn, without what was deleted; for any thread.

        The future raises sqlite3.Error, or OSError where a reader kept the write-ahead log from being emptied.
        """
        scrubbing: Future[None] = Future()
        self._scrubbing = scrubbing
        return scrubbing

    def shrink(self) -> "Future[None]":
        """Ask for all unused pages to be given back to the disk, a piece each turn; for any thread.

        The future raises sqlite3.Error.
        """
        shrinking: Future[None] = Future()
        self._shrinking = shrinking
        return shrinking

    def turn(self, *, idle: bool) -> bool:
        """Do a piece of what there is to do; return whether there is more."""
        if (scrubbing := self._scrubbing) is not None:
            self._scrubbing = None
            self._scrub(scrubbing)
        if (shrinking := self._shrinking) is not None:
            self._shrink(shrinking)
            return True
        if self._monotonic() < self._rests_until:
            return False
        try:
            return self._turn(idle=idle)
        except sqlite3.Error as error:
            logger.warning("upkeep of the log failed, to be tried again: %s", error)
            self._rests_until = self._monotonic() + RETRY_S
            self._trimming = None
            if self._disk.explains(error):
                self._disk.throw_off()
            return False

    def slice_of(self, key: Key) -> Callable[[Transaction], int]:
        """Return the step that deletes one slice of a partition and gives the bytes freed."""
        return lambda transaction: transaction.trim(self._retain, key)

    def _scrub(self, scrubbing: "Future[None]") -> None:
        """Write every page that is used into a new file: deleted messages leave their bytes in pages otherwise."""
        connection = self._store.connection
        try:
            connection.execute("VACUUM")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise OSError("the log is being read and could not be written anew; try again")  # noqa: TRY301
        except (sqlite3.Error, OSError) as error:
            scrubbing.set_exception(error)
        else:
            self.unmoved = 0
            scrubbing.set_result(None)

    def finish(self) -> None:
        """Leave a small folder behind."""
        try:
            self._store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            logger.warning("the last checkpoint of the log failed: %s", error)

    def _turn(self, *, idle: bool) -> bool:
        if self.unmoved >= CHECKPOINT_BYTES:
            self._checkpoint()
        if (key := self._next_to_trim()) is not None:
            self._trim(key)
            return True
        if not self._wastes():
            return False
        if idle:
            self._vacuum()
        return True

    def _checkpoint(self) -> None:
        """Move the write-ahead log into the database; where readers kept it from starting over, wait for them."""
        connection = self._store.connection
        self.unmoved = 0
        _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if pages > LARGEST_WAL_PAGES:
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()

    def _next_to_trim(self) -> Key | None:
        """Return the partition whose trimming goes on, or one that keeps too much."""
        if self._trimming is not None:
            return self._trimming
        most = self._retain + self._retain // SLACK
        return next((key for key, position in self._store.positions.items() if _retained(position) > most), None)

    def _trim(self, key: Key) -> None:
        """Delete one slice of a partition."""
        transaction = self._store.begin()
        try:
            freed = transaction.trim(self._retain, key)
            transaction.commit()
        except BaseException:
            self._store.rollback()
            raise
        self._trimming = key if freed else None
        self.wrote(freed // 4)

    def _wastes(self) -> bool:
        """Return whether so many pages are unused that the disk should have them back."""
        connection = self._store.connection
        unused = int(connection.execute("PRAGMA freelist_count").fetchone()[0])
        return unused > self._unused and 2 * unused > int(connection.execute("PRAGMA page_count").fetchone()[0])

    def _shrink(self, shrinking: "Future[None]") -> None:
        connection = self._store.connection
        try:
            if int(connection.execute("PRAGMA freelist_count").fetchone()[0]):
                self._vacuum()
                if self.unmoved >= CHECKPOINT_BYTES:
                    self._checkpoint()
                return
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # one that reads leaves it to the next
        except sqlite3.Error as error:
            self._shrinking = None
            shrinking.set_exception(error)
        else:
            self._shrinking, self.unmoved = None, 0
            shrinking.set_result(None)

    def _vacuum(self) -> None:
        self._store.connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
        self.wrote(VACUUM_PAGES * PAGE)


def _retained(position: Position) -> int:
    return position.committed.records - position.first.records
