"""The durable log of one machine, and what is handed to a log of any kind.

`LocalLog` keeps partitions of messages with offsets, commits and claims in one SQLite file; `Message`, `LogFull` and
`MessageLog` are what the receiver knows of any log.
"""

from spanpulse_stream.log._imported import LAST, ChunkName
from spanpulse_stream.log._local import LocalLog
from spanpulse_stream.log._messages import TOPIC, LogAway, LogFull, Message, MessageLog, MessagesRefused, Signal
from spanpulse_stream.log._records import (
    Claim,
    Imported,
    LogClosed,
    LogDamaged,
    LogInUse,
    LogStats,
    LogUnusable,
    OffsetOutOfRange,
    PartitionStats,
    Record,
)
from spanpulse_stream.log._snapshot import LogSnapshot, log_version, newest_log_version

__all__ = [
    "LAST",
    "TOPIC",
    "ChunkName",
    "Claim",
    "Imported",
    "LocalLog",
    "LogAway",
    "LogClosed",
    "LogDamaged",
    "LogFull",
    "LogInUse",
    "LogSnapshot",
    "LogStats",
    "LogUnusable",
    "Message",
    "MessageLog",
    "MessagesRefused",
    "OffsetOutOfRange",
    "PartitionStats",
    "Record",
    "Signal",
    "log_version",
    "newest_log_version",
]
