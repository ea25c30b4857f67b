"""What the local log gives out: records, claims, figures about itself, and the errors it raises.

LogFull            takes nothing now, try again later
LogUnusable        cannot be opened, written or read; the message says what to do
    LogInUse       another process has it open
    LogDamaged     what was stored cannot be read back
LogClosed          was closed
OffsetOutOfRange   nothing is kept at that offset (any more)
"""

from dataclasses import dataclass

__all__ = [
    "Claim",
    "Imported",
    "LogClosed",
    "LogDamaged",
    "LogInUse",
    "LogStats",
    "LogUnusable",
    "OffsetOutOfRange",
    "PartitionStats",
    "Record",
]


class LogUnusable(Exception):  # noqa: N818 -- a state, as the others
    """The log cannot be used; the message says why and what to do."""


class LogInUse(LogUnusable):
    """Another process has the log open; ``pid`` is its process id, None if it cannot be told."""

    def __init__(self, message: str, pid: int | None) -> None:
        super().__init__(message)
        self.pid = pid


class LogDamaged(LogUnusable):
    """The log's file does not hold what was written to it."""


class LogClosed(RuntimeError):  # noqa: N818 -- a state, as the others
    """The log was closed."""

    def __init__(self) -> None:
        super().__init__("the log is closed")


class OffsetOutOfRange(LookupError):  # noqa: N818 -- a state, as the others
    """An offset lies outside of what a partition keeps, [``first``, ``end``]."""

    def __init__(self, offset: int, first: int, end: int) -> None:
        super().__init__(f"offset {offset} is outside of what is kept, {first} to {end}")
        self.first = first
        self.end = end


@dataclass(frozen=True, slots=True)
class Record:
    """One message as it was appended; ``appended_at`` is ms since the epoch and never goes back in a partition."""

    offset: int
    appended_at: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    records: int


@dataclass(frozen=True, slots=True)
class Claim:
    """Offsets [``first``, ``end``) that a process said it would write, and the ``versions`` it writes them with."""

    first: int
    end: int
    versions: str


@dataclass(frozen=True, slots=True)
class Imported:
    """How far an import has come: its first ``chunks`` chunks are in the log, with so many records.

    ``rejected`` of them cannot be read, as the import said. ``newest_ms`` is when the last one was appended (ms), 0 for
    none; ``complete`` whether the whole file was read to its end. ``otherwise_ms`` is when an import that read the same
    file in another way last appended records, 0 for never.
    """

    chunks: int
    records: int
    rejected: int
    newest_ms: int
    complete: bool
    otherwise_ms: int = 0


@dataclass(frozen=True, slots=True)
class PartitionStats:
    """One partition: offsets, records ever accepted and behind, bytes, time (ms) of the oldest one not committed."""

    topic: str
    partition: int
    source: int
    first_offset: int
    committed: int
    end_offset: int
    accepted_records: int
    lag_records: int
    pending_bytes: int
    kept_bytes: int
    oldest_pending_ms: int | None


@dataclass(frozen=True, slots=True)
class LogStats:
    """The log as a whole. Sizes are bytes; ``transactions`` counts durable commits since it was opened."""

    partitions: tuple[PartitionStats, ...]
    transactions: int
    file_bytes: int  # the database and its write-ahead log
    disk_free_bytes: int
    ballast_held: bool
    queued_bytes: int  # of messages that wait for the writer
