"""Which chunks of imported files are in the log: a row each, written in the transaction that appends the chunk.

So a chunk that was appended is known as such, and one that is known was appended, whatever is killed when. Rows stay
when the messages are long trimmed. Not guaranteed: anything once the log's folder was removed.
"""

import sqlite3
from typing import Final, NamedTuple

from spanpulse_stream.log._records import Imported

__all__ = ["IMPORTED", "LAST", "ChunkName", "imported", "is_imported", "note_imported"]

IMPORTED: Final = """
CREATE TABLE IF NOT EXISTS imported (
    import      TEXT NOT NULL,
    chunk       INTEGER NOT NULL,
    records     INTEGER NOT NULL,
    rejected    INTEGER NOT NULL,
    appended_at INTEGER NOT NULL,
    PRIMARY KEY (import, chunk)
) WITHOUT ROWID;
"""
KNOWN: Final = "SELECT 1 FROM imported WHERE import = ? AND chunk = ?"
NOTE: Final = "INSERT INTO imported VALUES (?, ?, ?, ?, ?)"
TOTALS: Final = """
SELECT count(*), coalesce(max(chunk) + 1, 0), coalesce(sum(records), 0), coalesce(sum(rejected), 0),
       coalesce(max(appended_at), 0)
FROM imported WHERE import = ? AND chunk >= 0
"""
LAST: Final = -1
"""The number of the empty chunk that closes an import: the whole file was read."""


class ChunkName(NamedTuple):
    """The name of a chunk: its import and its number, from 0, or LAST."""

    name: str
    chunk: int


def is_imported(connection: sqlite3.Connection, name: ChunkName) -> bool:
    """Tell whether a chunk was appended."""
    return connection.execute(KNOWN, name).fetchone() is not None


def note_imported(connection: sqlite3.Connection, name: ChunkName, records: int, rejected: int, now_ms: int) -> None:
    """Say that a chunk is appended, in the transaction that does so."""
    connection.execute(NOTE, (*name, records, rejected, now_ms))


def imported(connection: sqlite3.Connection, name: str) -> Imported:
    """Return how far an import has come."""
    count, end, records, rejected, newest = connection.execute(TOTALS, (name,)).fetchone()
    complete = is_imported(connection, ChunkName(name, LAST))
    return Imported(end if count == end else 0, records, rejected, newest, complete=complete)
