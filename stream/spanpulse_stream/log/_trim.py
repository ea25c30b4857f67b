"""How far one slice of a trim reaches: bounded in messages and bytes, so that appends wait for little."""

import sqlite3
from collections.abc import Iterator
from typing import Final

from spanpulse_stream.log._position import Mark, Position

__all__ = ["SLICE_BYTES", "trimmed_to"]

SLICE_BYTES: Final = 8 * 1024 * 1024
SLICE_MESSAGES: Final = 1000
MARKS: Final = "SELECT id, records_before, bytes_before FROM messages WHERE id > ? AND id < ? ORDER BY id LIMIT ?"


def trimmed_to(connection: sqlite3.Connection, position: Position, most_records: int) -> Mark:
    """Return the furthest mark that a slice may trim to: committed, and with at most ``most_records`` before it."""
    reached = first = position.first
    for mark in _marks(connection, position):
        if mark.records > most_records or reached.bytes - first.bytes >= SLICE_BYTES:
            break
        reached = mark
    return reached


def _marks(connection: sqlite3.Connection, position: Position) -> Iterator[Mark]:
    """Give the marks behind the first one, in order, as many as a slice may have."""
    first, committed = position.first, position.committed
    left = SLICE_MESSAGES
    between = position.row(first.offset), position.row(committed.offset)
    for row, records, size in connection.execute(MARKS, (*between, left)):
        yield Mark(row - position.row(0), records, size)
        left -= 1
    if left:
        yield committed
