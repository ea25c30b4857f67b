"""Which chunks of imported files are in the log: a row each, written in the transaction that appends the chunk.

So a chunk that was appended is known as such, and one that is known was appended, whatever is killed when. Rows stay
when the messages are long trimmed. Names that differ only behind their last slash are of one file that was read in
several ways. Not guaranteed: anything once the log's folder was removed.
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
OTHERWISE: Final = """
SELECT coalesce(max(newest), 0) FROM (
    SELECT max(appended_at) AS newest FROM imported WHERE import >= ? AND import < ? AND import != ? AND chunk >= 0
    GROUP BY import HAVING sum(records) > sum(rejected)
)
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
    chunks = end if count == end else 0
    return Imported(chunks, records, rejected, newest, complete=complete, otherwise_ms=_otherwise(connection, name))


def _otherwise(connection: sqlite3.Connection, name: str) -> int:
    """Return when records of the same file were last appended under another name."""
    file = name.rpartition("/")[0]
    found: int = connection.execute(OTHERWISE, (f"{file}/", f"{file}0", name)).fetchone()[0]  # 0 is behind the slash
    return found
