"""The log's database file: its tables, how a connection is set, and whether a file found is one of ours.

`messages` has one row a message under (slot of its partition, offset) as one number, so that appending, reading
in order and trimming all touch neighbours. `partitions` has one row a partition and is never deleted from, so
that offsets and sources go on when every message is gone.
"""

import os
import secrets
import sqlite3
from pathlib import Path
from typing import Final

from spanpulse_stream.log._imported import IMPORTED
from spanpulse_stream.log._position import OFFSET_BITS
from spanpulse_stream.log._records import LogDamaged, LogUnusable

__all__ = ["APPLICATION", "PAGE", "VERSION", "connect", "identity_of", "prepare", "unusable"]

APPLICATION: Final = 0x73706C67  # "splg"
VERSION: Final = 1
PAGE: Final = 16_384  # of large bodies: a sixth less CPU a MB than 8,192, and little more for a small commit
CACHE_KIB: Final = 8192
BUSY_S: Final = 5.0
WAL_KEPT: Final = 32 * 1024 * 1024  # bytes that the write-ahead log's file keeps when it starts over

TABLES: Final = """
CREATE TABLE partitions (
    slot              INTEGER PRIMARY KEY,
    source            INTEGER NOT NULL UNIQUE,
    topic             TEXT NOT NULL,
    partition         INTEGER NOT NULL,
    first_offset      INTEGER NOT NULL,
    first_records     INTEGER NOT NULL,
    first_bytes       INTEGER NOT NULL,
    committed_offset  INTEGER NOT NULL,
    committed_records INTEGER NOT NULL,
    committed_bytes   INTEGER NOT NULL,
    end_offset        INTEGER NOT NULL,
    end_records       INTEGER NOT NULL,
    end_bytes         INTEGER NOT NULL,
    appended_at       INTEGER NOT NULL,
    oldest_pending_at INTEGER,
    claim_first       INTEGER,
    claim_end         INTEGER,
    claim_versions    TEXT,
    UNIQUE (topic, partition)
);
CREATE TABLE messages (
    id             INTEGER PRIMARY KEY,
    appended_at    INTEGER NOT NULL,
    records_before INTEGER NOT NULL,
    bytes_before   INTEGER NOT NULL,
    records        INTEGER NOT NULL,
    checksum       INTEGER NOT NULL,
    key            BLOB NOT NULL,
    headers        BLOB NOT NULL,
    body           BLOB NOT NULL
);
CREATE TABLE accepted (
    minute  INTEGER NOT NULL,
    topic   TEXT NOT NULL,
    tenant  TEXT NOT NULL,
    signal  TEXT NOT NULL,
    records INTEGER NOT NULL,
    PRIMARY KEY (minute, topic, tenant, signal)
) WITHOUT ROWID;
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
"""

DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
WAYS_OUT: Final = {
    sqlite3.SQLITE_FULL: "free some room on its disk",
    sqlite3.SQLITE_BUSY: "another program has the file open; close it",
    sqlite3.SQLITE_READONLY: "make the folder writable, or name another",
    sqlite3.SQLITE_CANTOPEN: "make the folder writable, or name another",
    sqlite3.SQLITE_PERM: "make the folder writable, or name another",
}
MISSING: Final = """
SELECT topic, partition FROM partitions p WHERE end_offset > first_offset AND (
    NOT EXISTS (SELECT 1 FROM messages WHERE id = (p.slot << ?) | p.first_offset) OR
    NOT EXISTS (SELECT 1 FROM messages WHERE id = (p.slot << ?) | (p.end_offset - 1)))
"""


def connect(path: Path, *, writer: bool) -> sqlite3.Connection:
    """Return a connection whose commits are durable; one that is no writer cannot change anything."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # the writer does it, after it has answered
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}" if writer else "PRAGMA query_only = ON")
    return connection


def prepare(path: Path, partitions: int) -> sqlite3.Connection:
    """Return the writer's connection to a log that is there or is made. Raises LogUnusable, LogDamaged."""
    try:
        connection = connect(path, writer=True)
    except sqlite3.Error as error:
        raise unusable(path, error) from None
    try:
        _prepare(connection, path, partitions)
    except sqlite3.Error as error:
        connection.close()
        raise unusable(path, error) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, partitions: int) -> None:
    application, version, tables = (
        connection.execute(query).fetchone()[0]
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema")
    )
    if not (application or version or tables):
        _create(connection, path)
    elif application != APPLICATION:
        raise LogUnusable(f"{path} is a database of another program; name another data folder")
    elif version > VERSION:
        raise LogUnusable(f"{path} was written by a newer version of spanpulse; install that version or a newer one")
    else:
        connection.execute("PRAGMA journal_mode = WAL")
        _check(connection, path)
    connection.execute(IMPORTED)  # a log of an earlier version has no such table
    _resize(connection, path, partitions)


def _create(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(
        f"BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
    )
    for folder in (path.parent, path.parent.parent):  # so that a power cut leaves the names in place
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Look at the small tables and at both ends of every partition; bodies are checked when they are read."""
    for table in ("partitions", "accepted", "settings"):
        found = connection.execute(f"PRAGMA quick_check({table})").fetchone()[0]
        if found != "ok":
            raise _damaged(path, found)
    missing = connection.execute(MISSING, (OFFSET_BITS, OFFSET_BITS)).fetchone()
    if missing:
        raise _damaged(path, f"messages of {missing[0]} partition {missing[1]} are missing")


def _resize(connection: sqlite3.Connection, path: Path, partitions: int) -> None:
    found = connection.execute("SELECT value FROM settings WHERE name = 'partitions'").fetchone()
    if found and partitions < found[0]:
        raise LogUnusable(
            f"the log {path.parent} has {found[0]} partitions, which cannot become {partitions}; "
            f"set partitions (SPANPULSE_PARTITIONS) to {found[0]} or more"
        )
    if not found or partitions > found[0]:
        connection.execute("INSERT OR REPLACE INTO settings VALUES ('partitions', ?)", (partitions,))
    connection.execute("INSERT OR IGNORE INTO settings VALUES ('identity', ?)", (secrets.randbits(62),))


def identity_of(connection: sqlite3.Connection) -> int:
    """Return the number that this log and its copies have, and no other."""
    return int(connection.execute("SELECT value FROM settings WHERE name = 'identity'").fetchone()[0])


def unusable(path: Path, error: sqlite3.Error) -> LogUnusable:
    """Return what an operator is told of an error of the database, and what there is to do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in DAMAGED:
        return _damaged(path, str(error))
    return LogUnusable(f"cannot use the log {path}: {error}; {WAYS_OUT.get(code, 'check the disk')}")


def _damaged(path: Path, what: str) -> LogDamaged:
    return LogDamaged(
        f"the log {path} is damaged ({what}); check the disk, move the folder {path.parent} away and start again: "
        f"what is stored in the database stays, what was not processed yet is in that folder only"
    )
