"""A copy of the log as it was at one moment, made while it goes on.

The small tables are read in one transaction; messages never change, so they are copied afterwards, a slice at a time,
what is not processed first. What a trim takes away meanwhile, of what was processed long ago, is not in the copy.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spanpulse_stream.log._position import Mark, Position
from spanpulse_stream.log._records import LogUnusable
from spanpulse_stream.log._rows import load_positions, save_position
from spanpulse_stream.log._schema import VERSION, connect, prepare, unusable

__all__ = ["LogSnapshot", "log_version", "newest_log_version", "take_snapshot"]

SMALL: Final = ("accepted", "settings", "imported")
SLICE: Final = 4 * 1024 * 1024  # bytes of messages read at a time
READ: Final = "SELECT * FROM messages WHERE id >= ? AND id < ? ORDER BY id"


@dataclass(frozen=True, slots=True)
class LogSnapshot:
    """Where every partition stood, and the rows of the small tables."""

    path: Path
    positions: tuple[Position, ...]
    rows: dict[str, list[tuple[Any, ...]]]

    @property
    def bytes(self) -> int:
        """Bytes that a copy takes, about."""
        return sum(position.kept_bytes for position in self.positions)

    def write(self, path: Path, partitions: int, say: Callable[[int], None]) -> None:
        """Write the copy to ``path``, which is not there yet; ``say`` hears of bytes copied, and may raise.

        Raises LogUnusable, also where what is not processed was trimmed before it was copied: the copy took too long.
        """
        try:
            source, copy = connect(self.path, writer=False), prepare(path, partitions)
            try:
                self._write(source, copy, say)
            finally:
                source.close()
                copy.close()
        except sqlite3.Error as error:
            raise unusable(path, error) from error
        with path.open("rb") as file:
            os.fsync(file.fileno())

    def _write(self, source: sqlite3.Connection, copy: sqlite3.Connection, say: Callable[[int], None]) -> None:
        for position in self.positions:
            committed, end = position.committed.offset, position.end.offset
            if _copied(source, copy, position, committed, end, say) > committed:
                raise LogUnusable(f"the log {self.path} was trimmed faster than it could be copied; try again")
            first = _copied(source, copy, position, position.first.offset, committed, say)
            position.first = _mark(copy, position, first)
        copy.execute("BEGIN IMMEDIATE")
        for position in self.positions:
            save_position(copy, position)
        for table, rows in self.rows.items():
            copy.execute(f"DELETE FROM {table}")  # noqa: S608 -- names above
            if rows:
                copy.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608
        copy.execute("COMMIT")
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        copy.execute("PRAGMA journal_mode = DELETE")  # one file; what opens it makes it WAL again


def take_snapshot(path: Path) -> LogSnapshot:
    """Return the state of the log's database as it is now. Raises LogUnusable."""
    try:
        connection = connect(path, writer=False)
        try:
            connection.execute("BEGIN")
            positions = tuple(load_positions(connection).values())
            rows = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in SMALL}  # noqa: S608
            connection.execute("COMMIT")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    return LogSnapshot(path, positions, rows)


def newest_log_version() -> int:
    """Return the newest version of a log that this program can open."""
    return VERSION


def log_version(path: Path) -> int:
    """Return the version of a log's database file. Raises LogUnusable where it is none, or damaged."""
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            if (found := connection.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
                raise LogUnusable(f"the log {path} is damaged: {found}")
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise unusable(path, error) from error


def _copied(
    source: sqlite3.Connection,
    copy: sqlite3.Connection,
    position: Position,
    first: int,
    end: int,
    say: Callable[[int], None],
) -> int:
    """Copy messages of [first, end); returns the offset from which all of them are there."""
    reached = first
    for rows in _slices(source, position.row(first), position.row(end)):
        offset = rows[0][0] - position.row(0)
        copy.execute("BEGIN IMMEDIATE")
        if offset != reached:  # trimmed meanwhile, and what was copied of before that is of no use
            copy.execute("DELETE FROM messages WHERE id >= ? AND id < ?", (position.row(first), rows[0][0]))
            first = offset
        copy.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        copy.execute("COMMIT")
        reached = rows[-1][0] - position.row(0) + 1
        say(sum(len(row[-1]) for row in rows))
    return first if reached == end else end


def _slices(source: sqlite3.Connection, first: int, end: int) -> Iterator[list[tuple[Any, ...]]]:
    """Yield rows of messages, in order, each time in a transaction of its own."""
    while first < end:
        rows: list[tuple[Any, ...]] = []
        size = 0
        cursor = source.execute(READ, (first, end))
        for row in cursor:
            rows.append(row)
            size += len(row[-1])
            if size >= SLICE:
                break
        cursor.close()
        if not rows:
            return
        yield rows
        first = rows[-1][0] + 1


def _mark(copy: sqlite3.Connection, position: Position, offset: int) -> Mark:
    if offset == position.end.offset:
        return position.end
    found = copy.execute(
        "SELECT records_before, bytes_before FROM messages WHERE id = ?", (position.row(offset),)
    ).fetchone()
    return Mark(offset, *found)
