"""Positions and counters as rows of the database."""

import sqlite3
from collections.abc import Mapping
from typing import Final

from spanpulse_stream.log._position import Key, Mark, Position
from spanpulse_stream.log._records import Claim

__all__ = ["count_accepted", "forget_accepted", "load_positions", "save_position"]

SAVE: Final = (
    "INSERT OR REPLACE INTO partitions (slot, source, topic, partition, first_offset, first_records, first_bytes, "
    "committed_offset, committed_records, committed_bytes, end_offset, end_records, end_bytes, appended_at, "
    "oldest_pending_at, claim_first, claim_end, claim_versions) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
LOAD: Final = (
    "SELECT slot, source, topic, partition, first_offset, first_records, first_bytes, committed_offset, "
    "committed_records, committed_bytes, end_offset, end_records, end_bytes, appended_at, oldest_pending_at, "
    "claim_first, claim_end, claim_versions FROM partitions"
)
COUNT: Final = (
    "INSERT INTO accepted (minute, topic, tenant, signal, records) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET records = records + excluded.records"
)


def load_positions(connection: sqlite3.Connection) -> dict[Key, Position]:
    """Return every partition."""
    positions = map(_position, connection.execute(LOAD))
    return {position.key: position for position in positions}


def save_position(connection: sqlite3.Connection, position: Position) -> None:
    """Write one partition's row."""
    claim = position.claim
    connection.execute(
        SAVE,
        (
            position.slot,
            position.source,
            position.topic,
            position.partition,
            *position.first,
            *position.committed,
            *position.end,
            position.appended_at,
            position.oldest_pending_at,
            *((claim.first, claim.end, claim.versions) if claim else (None, None, None)),
        ),
    )


def count_accepted(connection: sqlite3.Connection, records: Mapping[tuple[int, str, str, str], int]) -> None:
    """Add records by (minute, topic, tenant, signal)."""
    connection.executemany(COUNT, [(*key, count) for key, count in records.items()])


def forget_accepted(connection: sqlite3.Connection, before_ms: int) -> None:
    """Delete the counts of the minutes before a time."""
    connection.execute("DELETE FROM accepted WHERE minute < ?", (before_ms,))


def _position(row: tuple[object, ...]) -> Position:
    slot, source, topic, partition, *rest = row
    marks, (appended_at, oldest, first, end, versions) = rest[:9], rest[9:]
    numbers = [_integer(number) for number in marks]
    return Position(
        _integer(slot),
        _integer(source),
        str(topic),
        _integer(partition),
        Mark(*numbers[:3]),
        Mark(*numbers[3:6]),
        Mark(*numbers[6:]),
        _integer(appended_at),
        None if oldest is None else _integer(oldest),
        None if first is None else Claim(_integer(first), _integer(end), str(versions)),
    )


def _integer(value: object) -> int:
    assert isinstance(value, int)
    return value
