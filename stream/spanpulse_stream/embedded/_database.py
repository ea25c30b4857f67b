"""The embedded database as the settings want it, and an operator's queries on it."""

import orjson

from spanpulse_sinks.clickhouse import (
    WRITTEN_FIRST,
    Cancel,
    DatabaseInUse,
    EmbeddedConfig,
    EmbeddedDatabase,
    guest_query,
    query,
)
from spanpulse_stream.embedded._folder import DataFolder, FolderUnusable
from spanpulse_stream.process import query_limits, retention
from spanpulse_stream.settings import Settings

__all__ = ["check_free", "committed_ends", "open_database", "reached_ends", "run_query"]

ROLLUPS = ("rollup_minute", "rollup_service", "rollup_score")


def open_database(folder: DataFolder, settings: Settings) -> EmbeddedDatabase:
    """Open or make the database of a data folder. Raises DatabaseInUse, SchemaTooNew, OSError."""
    config = EmbeddedConfig(
        memory_bytes=settings.memory_max_bytes,
        limits=query_limits(settings),
        retention=retention(settings),
    )
    return EmbeddedDatabase.open(folder.database, config)


def check_free(folder: DataFolder) -> None:
    """Raise FolderUnusable where another process has the folder open. Raises OSError."""
    try:
        EmbeddedDatabase.check_free(folder.database)
    except DatabaseInUse as error:
        at = folder.path
        raise FolderUnusable(
            f"{error}: `spanpulse status --data {at}` asks it; stop it, or name another folder with --data DIR"
        ) from None


def run_query(database: EmbeddedDatabase, sql: str, output_format: str, cancel: Cancel | None = None) -> bytes:
    """Return the result of an operator's query within the configured limits. Raises QueryFailed."""
    return guest_query(database, sql, output_format=output_format, cancel=cancel)


def committed_ends(database: EmbeddedDatabase) -> dict[int, int]:
    """Return log source -> the offset behind the last one that the database has as committed. Raises QueryFailed."""
    sql = "SELECT toInt64(log_source) AS source, max(last_offset) + 1 AS end FROM batches GROUP BY source"
    rows = map(orjson.loads, query(database, sql, output_format="JSONEachRow").splitlines())
    return {row["source"]: row["end"] for row in rows}


def reached_ends(database: EmbeddedDatabase) -> dict[int, int]:
    """Return log source -> the offset behind the last one of any row, committed or not. Raises QueryFailed.

    The rollups are asked too: a database whose other tables lost all their parts is broken, not older.
    """
    each = " UNION ALL ".join(
        f"SELECT log_source, max({offset}) AS last FROM {table} GROUP BY log_source"  # noqa: S608 -- names of our own
        for table, offset in WRITTEN_FIRST.items()
    )
    ends = " UNION ALL ".join(f"SELECT maxMap(applied) AS ends FROM {table}" for table in ROLLUPS)  # noqa: S608
    pairs = f"SELECT arrayJoin(CAST(ends, 'Array(Tuple(UInt32, Int64))')) AS pair FROM ({ends})"  # noqa: S608
    each += f" UNION ALL SELECT pair.1 AS log_source, pair.2 - 1 AS last FROM ({pairs})"  # noqa: S608
    sql = f"SELECT toInt64(log_source) AS source, max(last) + 1 AS end FROM ({each}) GROUP BY source"  # noqa: S608
    rows = map(orjson.loads, query(database, sql, output_format="JSONEachRow").splitlines())
    return {row["source"]: row["end"] for row in rows}
