"""How far one slice of a trim reaches: bounded in messages and bytes, so that appends wait for little."""

import sqlite3
from typing import Final

from spanpulse_stream.log._position import Mark, Position

__all__ = ["SLICE_BYTES", "trimmed_to"]

SLICE_BYTES: Final = 8 * 1024 * 1024
SLICE_MESSAGES: Final = 1000


def trimmed_to(connection: sqlite3.Connection, position: Position, most_records: int) -> Mark:
    """Return the furthest mark that a slice may trim to: committed, and with at most ``most_records`` before it."""
    reached = position.first
    rows = connection.execute(
        "SELECT id, records_before, bytes_before FROM messages WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
        (position.row(position.first.offset), position.row(position.committed.offset), SLICE_MESSAGES),
    )
    for row, records, size in rows:
        if records > most_records or _far(position, reached):
            return reached
        reached = Mark(row - position.row(0), records, size)
    rest = position.committed.offset - reached.offset
    if rest == 1 and position.committed.records <= most_records:
        return position.committed
    return reached


def _far(position: Position, reached: Mark) -> bool:
    return reached.bytes - position.first.bytes >= SLICE_BYTES
