"""ClickHouse: the embedded database, its schema, the writer that writes once, the queries of readers.

`EmbeddedDatabase.open` brings the schema up to date; `BatchWriter` is the only one that writes to its tables.
"""

from spanpulse_sinks.clickhouse._batch import TABLES, Batch, Mismatch, OffsetRange, WriteReport
from spanpulse_sinks.clickhouse._check import WRITTEN_FIRST, HalfWritten, highest_source
from spanpulse_sinks.clickhouse._config import EmbeddedConfig, QueryLimits, Retention
from spanpulse_sinks.clickhouse._database import Database
from spanpulse_sinks.clickhouse._days import replace_tables, trim_seen
from spanpulse_sinks.clickhouse._disk import DiskState, disk_state, free_bytes
from spanpulse_sinks.clickhouse._durable import write_durably
from spanpulse_sinks.clickhouse._embedded import EmbeddedDatabase
from spanpulse_sinks.clickhouse._errors import (
    DatabaseInUse,
    Failure,
    NeedsRestart,
    QueryFailed,
    SchemaMissing,
    SchemaTooNew,
    SinkError,
    WriteFailed,
)
from spanpulse_sinks.clickhouse._measures import GAMMA, MEASURES, percentiles
from spanpulse_sinks.clickhouse._migrate import schema_version
from spanpulse_sinks.clickhouse._missing import Committed, DetachedPart, Missing
from spanpulse_sinks.clickhouse._purge import purge_old_parts
from spanpulse_sinks.clickhouse._query import Cancel, Parameters, guest_query, query
from spanpulse_sinks.clickhouse._removed import DayOfTable, days_of, note_removal, remove_day, removed_days
from spanpulse_sinks.clickhouse._repair import LogReader, Rebuild, RepairReport, repair
from spanpulse_sinks.clickhouse._unfinished import DamagedNote
from spanpulse_sinks.clickhouse._workbench import ReadBench, Workbench, workbench
from spanpulse_sinks.clickhouse._writer import BatchWriter, Retry

__all__ = [
    "GAMMA",
    "MEASURES",
    "TABLES",
    "WRITTEN_FIRST",
    "Batch",
    "BatchWriter",
    "Cancel",
    "Committed",
    "DamagedNote",
    "Database",
    "DatabaseInUse",
    "DayOfTable",
    "DetachedPart",
    "DiskState",
    "EmbeddedConfig",
    "EmbeddedDatabase",
    "Failure",
    "HalfWritten",
    "LogReader",
    "Mismatch",
    "Missing",
    "NeedsRestart",
    "OffsetRange",
    "Parameters",
    "QueryFailed",
    "QueryLimits",
    "ReadBench",
    "Rebuild",
    "RepairReport",
    "Retention",
    "Retry",
    "SchemaMissing",
    "SchemaTooNew",
    "SinkError",
    "Workbench",
    "WriteFailed",
    "WriteReport",
    "days_of",
    "disk_state",
    "free_bytes",
    "guest_query",
    "highest_source",
    "note_removal",
    "percentiles",
    "purge_old_parts",
    "query",
    "remove_day",
    "removed_days",
    "repair",
    "replace_tables",
    "schema_version",
    "trim_seen",
    "workbench",
    "write_durably",
]
