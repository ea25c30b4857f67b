"""The exceptions of this package.

SinkError
 ├── DatabaseInUse     another process has the folder open
 ├── SchemaTooNew      the data was written by a later version
 ├── SchemaMissing     the server has no tables, or those of an earlier version
 ├── WriteFailed       a batch was not committed; write it again, nothing is doubled
 ├── NeedsRestart      a part is broken that only opening the database anew can restore
 └── QueryFailed       a reader's query; ``kind`` says why
"""

import re
from enum import Enum, StrEnum
from typing import Any

from clickhouse_connect.driver.exceptions import OperationalError

__all__ = [
    "DatabaseInUse",
    "Failure",
    "NeedsRestart",
    "QueryFailed",
    "SchemaMissing",
    "SchemaTooNew",
    "SinkError",
    "WriteFailed",
    "unanswered",
]


class SinkError(Exception):
    """What all errors of this package have in common."""


class DatabaseInUse(SinkError):
    """Another process has the folder open."""


class SchemaTooNew(SinkError):
    """The folder was written by a later version."""


class SchemaMissing(SinkError):
    """The server has no tables of ours, or those of an earlier version: `spanpulse init` makes them."""


class WriteFailed(SinkError):
    """A batch was not committed. Parts of it may be there: the next attempt looks before it inserts."""


class NeedsRestart(SinkError):
    """A merged part is broken: the process must end, and opening the database again restores its sources."""


class QueryFailed(SinkError):
    """A query was refused, failed, ran into a limit or was cancelled."""

    class Kind(StrEnum):
        """Why a query gave no result."""

        CANCELLED = "cancelled"
        LIMIT = "limit"
        READ_ONLY = "read_only"
        CLOSED = "closed"
        BUSY = "busy"
        AWAY = "away"
        FAILED = "failed"

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Failure(Enum):
    """What a ClickHouse error means for a write."""

    NO_SPACE = "no space"  # nothing was written
    BROKEN = "broken part"
    PERMANENT = "permanent"  # repeating it cannot help
    TRANSIENT = "transient"

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """Classify what a client raised."""
        code: Any = getattr(error, "code", None)
        if code in NO_SPACE:
            return cls.NO_SPACE
        if code in BROKEN or (code not in PASSING and "while reading from part" in str(error)):
            return cls.BROKEN
        if code == TOO_MANY_PARTS and "for single INSERT block" in str(error):
            return cls.PERMANENT
        return cls.PERMANENT if code in PERMANENT else cls.TRANSIENT


NO_SPACE = {243}
# CANNOT_READ_ALL_DATA, ATTEMPT_TO_READ_AFTER_EOF, CHECKSUM_DOESNT_MATCH, FILE_DOESNT_EXIST, CORRUPTED_DATA,
# CANNOT_DECOMPRESS, NO_FILE_IN_DATA_PART, BAD_SIZE_OF_FILE_IN_DATA_PART, CANNOT_READ_FROM_FILE_DESCRIPTOR
BROKEN = {32, 33, 40, 74, 107, 226, 228, 246, 271}
# MEMORY_LIMIT_EXCEEDED, TIMEOUT_EXCEEDED, QUERY_WAS_CANCELLED: not the part's fault, though its name is in the message.
# (Garbage in a part shows as almost any code, so the message decides about the others.)
PASSING = {159, 241, 394}
# One code, two meanings: too many parts, which merges cure, and rows of too many partitions in one insert.
TOO_MANY_PARTS = 252
# What only a programming error brings about: columns, types, tables, syntax.
PERMANENT = {6, 16, 20, 27, 41, 43, 46, 47, 50, 53, 60, 62, 70, 81, 117, 349}


def unanswered(error: BaseException) -> bool:
    """Tell whether a client raised it because a server could not be reached, or did not answer."""
    return isinstance(error, OperationalError) and getattr(error, "code", None) is None


def failure_of_query(error: BaseException) -> QueryFailed:
    """Return what a reader raises for an error of the client."""
    code: Any = getattr(error, "code", None)
    otherwise = QueryFailed.Kind.AWAY if unanswered(error) else QueryFailed.Kind.FAILED
    return QueryFailed(QUERY_KINDS.get(code, otherwise), _said_once(str(error)))


def _said_once(message: str) -> str:
    """Return a message without what the engine repeats around an error that it raised again."""
    message = re.sub(r"^(Code: \d+\. DB::Exception: )\1+", r"\1", message)
    return re.sub(r"(?: \(([A-Z_\d]+)\) \(version [\d.]+\)\.)+(?= \(\1\)$)", "", message)


# TIMEOUT_EXCEEDED, TOO_MANY_ROWS, TOO_MANY_BYTES, MEMORY_LIMIT_EXCEEDED, TOO_MANY_ROWS_OR_BYTES; READONLY; CANCELLED
QUERY_KINDS = {
    **dict.fromkeys((158, 159, 160, 241, 307, 396), QueryFailed.Kind.LIMIT),
    164: QueryFailed.Kind.READ_ONLY,
    394: QueryFailed.Kind.CANCELLED,
}
