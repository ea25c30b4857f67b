"""Reading messages: connections of their own, so that readers wait neither for the writer nor for each other."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

from spanpulse_stream.log._codec import BodyDamaged, BodyUnpacker, unpack_headers
from spanpulse_stream.log._position import Position
from spanpulse_stream.log._records import LogDamaged, Record
from spanpulse_stream.log._schema import connect

__all__ = ["Readers"]

READ: Final = (
    "SELECT id, size, records, appended_at, key, headers, body FROM messages WHERE id >= ? AND id < ? ORDER BY id"
)
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

    def messages(self, position: Position, offset: int, *, max_messages: int, max_bytes: int) -> list[Record]:
        """Return messages from ``offset`` on, at least one if there is one. Raises LogDamaged."""
        with self._connection() as connection:
            rows = _rows(connection, position, offset, max_messages, max_bytes)
        if not rows or rows[0][0] != position.row(offset):
            raise LogDamaged(f"offset {offset} of {position.key} is missing from the log")
        unpacker = BodyUnpacker()
        return [_record(row, position, unpacker) for row in rows]

    def accepted(self, topic: str, since_ms: int, until_ms: int) -> dict[tuple[int, str, str], int]:
        """Return records appended, by minute, tenant and signal."""
        with self._connection() as connection:
            rows = connection.execute(ACCEPTED, (topic, since_ms, until_ms)).fetchall()
        return {(minute, tenant, signal): records for minute, tenant, signal, records in rows}

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while not self._idle.empty():
            self._idle.get().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = connect(self._path, writer=False)
        try:
            yield connection
        except sqlite3.DatabaseError as error:
            connection.close()
            raise LogDamaged(f"the log {self._path} cannot be read: {error}") from error
        except BaseException:
            connection.close()
            raise
        if self._idle.qsize() < MOST_IDLE:
            self._idle.put(connection)
        else:
            connection.close()


def _rows(
    connection: sqlite3.Connection, position: Position, offset: int, most: int, most_bytes: int
) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    end = min(position.end.offset, offset + most)
    cursor = connection.execute(READ, (position.row(offset), position.row(end)))
    for row in cursor:
        most_bytes -= row[1]
        if found and most_bytes < 0:
            break
        found.append(row)
    cursor.close()  # lets go of the snapshot
    return found


def _record(row: tuple[Any, ...], position: Position, unpacker: BodyUnpacker) -> Record:
    place, size, records, appended_at, key, headers, body = row
    offset = place - position.row(0)
    try:
        return Record(offset, appended_at, key, unpacker.unpack(body, size), unpack_headers(headers), records)
    except BodyDamaged as error:
        raise LogDamaged(f"offset {offset} of {position.key} is damaged in the log: {error}") from None
