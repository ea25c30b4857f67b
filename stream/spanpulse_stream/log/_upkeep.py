"""What the writer does between transactions: checkpoints, trimming, giving unused pages back to the disk.

Each turn does a bounded piece of work. Failures here lose nothing and are tried again later.
"""

import logging
import sqlite3
from collections.abc import Callable
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
VACUUM_PAGES: Final = 256  # a slice
UNUSED_PAGES: Final = 32 * MIB // PAGE  # that may stay in the file, and as much as is used


class Upkeep:
    """Keeps the files of a log small. ``retain_records`` committed records stay in each partition."""

    def __init__(self, store: Store, disk: Disk, *, retain_records: int) -> None:
        self._store = store
        self._disk = disk
        self._retain = retain_records
        self._uncheckpointed = 0
        self._trimming: Key | None = None

    def wrote(self, size: int) -> None:
        """Hear of bytes that went to the write-ahead log."""
        self._uncheckpointed += size

    def turn(self, *, idle: bool) -> bool:
        """Do a piece of what there is to do; return whether there is more."""
        try:
            if self._uncheckpointed >= CHECKPOINT_BYTES:
                self.checkpoint()
            if (key := self._next_to_trim()) is not None:
                self.trim(key)
                return True
            return idle and self._vacuum()
        except sqlite3.Error as error:
            logger.warning("upkeep of the log failed, to be tried again: %s", error)
            self._disk.throw_off()
            return False

    def slice_of(self, key: Key) -> Callable[[Transaction], int]:
        """Return the step that deletes one slice of a partition and gives the bytes freed."""
        return lambda transaction: transaction.trim(self._retain, key)

    def trim(self, key: Key) -> int:
        """Delete one slice of a partition; return the bytes freed."""
        transaction = self._store.begin()
        try:
            freed = transaction.trim(self._retain, key)
            transaction.commit()
        except BaseException:
            self._store.rollback()
            raise
        self._trimming = key if freed else None
        self.wrote(freed // 4)
        return freed

    def checkpoint(self, *, whole: bool = False) -> None:
        """Move the write-ahead log into the database; ``whole`` empties its file."""
        mode = "TRUNCATE" if whole else "PASSIVE"
        self._uncheckpointed = 0
        _, pages, _ = self._store.connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        if pages > LARGEST_WAL_PAGES and not whole:
            self._store.connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()

    def finish(self) -> None:
        """Leave a small folder behind."""
        try:
            self.checkpoint(whole=True)
        except sqlite3.Error as error:
            logger.warning("the last checkpoint of the log failed: %s", error)

    def _next_to_trim(self) -> Key | None:
        """Return the partition whose trimming goes on, or one that keeps too much."""
        if self._trimming is not None:
            return self._trimming
        most = self._retain + self._retain // SLACK
        return next((key for key, position in self._store.positions.items() if _retained(position) > most), None)

    def _vacuum(self) -> bool:
        connection = self._store.connection
        unused = connection.execute("PRAGMA freelist_count").fetchone()[0]
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        if unused <= UNUSED_PAGES or 2 * unused <= pages:
            return False
        connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
        self.wrote(VACUUM_PAGES * PAGE)
        return True


def _retained(position: Position) -> int:
    return position.committed.records - position.first.records
