"""Reading messages: connections of their own, so that readers wait neither for the writer nor for each other."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

from spanpulse_stream.log._checksum import checksum
from spanpulse_stream.log._headers import unpack_headers
from spanpulse_stream.log._imported import imported
from spanpulse_stream.log._position import Position
from spanpulse_stream.log._records import Imported, LogClosed, LogDamaged, OffsetOutOfRange, Record
from spanpulse_stream.log._schema import connect, unusable

__all__ = ["Readers"]

SIZES: Final = "SELECT id, length(body) FROM messages WHERE id >= ? AND id < ? ORDER BY id"  # touches no body
READ: Final = (
    "SELECT id, records, appended_at, checksum, key, headers, body FROM messages WHERE id >= ? AND id <= ? ORDER BY id"
)
FIRST: Final = "SELECT first_offset FROM partitions WHERE slot = ?"
ACCEPTED: Final = (
    "SELECT minute, tenant, signal, records FROM accepted WHERE topic = ? AND minute >= ? AND minute < ? "
    "ORDER BY minute, tenant, signal"
)
MOST_IDLE: Final = 4


class Readers:
    """Reads what is durable. Safe to use from threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._closed = False

    def messages(self, position: Position, offset: int, *, max_messages: int, max_bytes: int) -> list[Record]:
        """Return messages from ``offset`` on, at least one if there is one.

        A damaged message ends what is returned; LogDamaged is raised where it is the first. Raises OffsetOutOfRange
        for an offset that was trimmed meanwhile.
        """
        end = min(position.end.offset, offset + max_messages)
        with self._connection() as connection:
            rows = _rows(connection, position.row(offset), position.row(end), max_bytes)
            kept_from = connection.execute(FIRST, (position.slot,)).fetchone()[0] if not rows else offset
        if offset < kept_from:
            raise OffsetOutOfRange(offset, kept_from, position.end.offset)
        return _records(rows, position, offset)

    def accepted(self, topic: str, since_ms: int, until_ms: int) -> dict[tuple[int, str, str], int]:
        """Return records appended, by minute, tenant and signal."""
        with self._connection() as connection:
            rows = connection.execute(ACCEPTED, (topic, since_ms, until_ms)).fetchall()
        return {(minute, tenant, signal): records for minute, tenant, signal, records in rows}

    def imported(self, name: str) -> Imported:
        """Return how far an import has come."""
        with self._connection() as connection:
            return imported(connection, name)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._closed = True
        while not self._idle.empty():
            self._idle.get().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self._closed:
            raise LogClosed
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = self._connect()
        try:
            yield connection
        except sqlite3.Error as error:
            connection.close()
            raise unusable(self._path, error) from error
        except BaseException:
            connection.close()
            raise
        if self._idle.qsize() < MOST_IDLE and not self._closed:
            self._idle.put(connection)
        else:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        try:
            return connect(self._path, writer=False)
        except sqlite3.Error as error:
            raise unusable(self._path, error) from error


def _rows(connection: sqlite3.Connection, first: int, end: int, most_bytes: int) -> list[tuple[Any, ...]]:
    """Return the rows from ``first`` on whose bodies fit; [] if that one is not there."""
    last = first
    for row, size in connection.execute(SIZES, (first, end)):
        most_bytes -= size
        if row > first and most_bytes < 0:
            break
        last = row
    rows = connection.execute(READ, (first, last)).fetchall()
    return rows if rows and rows[0][0] == first else []


def _records(rows: list[tuple[Any, ...]], position: Position, offset: int) -> list[Record]:
    if not rows:
        raise LogDamaged(position.damage(offset, "it is missing"))
    found: list[Record] = []
    try:
        for row in rows:
            found.append(_record(row, position, offset + len(found)))
    except (TypeError, ValueError) as error:
        if not found:
            raise LogDamaged(position.damage(offset, str(error))) from None
    return found


def _record(row: tuple[Any, ...], position: Position, expected: int) -> Record:
    """Return one message. Raises ValueError, TypeError if it is not the one that was appended."""
    place, records, appended_at, found, key, headers, body = row
    if place != position.row(expected):
        raise ValueError("it is missing")
    if checksum(expected, appended_at, records, key, headers, body) != found:
        raise ValueError("its checksum is wrong")
    return Record(expected, appended_at, key, body, unpack_headers(headers), records)
