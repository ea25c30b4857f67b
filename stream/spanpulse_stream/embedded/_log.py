"""The local log of a data folder, as the settings want it, opened against what its database holds."""

from functools import partial

from spanpulse_sinks.clickhouse import EmbeddedDatabase, highest_source
from spanpulse_stream.embedded._database import committed_ends, reached_ends
from spanpulse_stream.embedded._folder import DataFolder
from spanpulse_stream.log import LocalLog
from spanpulse_stream.settings import Settings

__all__ = ["open_log"]


def open_log(folder: DataFolder, settings: Settings, database: EmbeddedDatabase) -> LocalLog:
    """Open or make the log of a data folder. Raises LogInUse, LogUnusable, QueryFailed.

    The database says which sources it has seen, in case the log was removed, and how far, in case one is older.
    """
    return LocalLog.open(
        folder.log,
        partitions=settings.partitions,
        max_bytes=settings.log_max_bytes,
        retain_records=settings.log_retain_records,
        ballast_bytes=settings.ballast_bytes,
        disk_floor_bytes=settings.disk_floor_bytes,
        sources_above=highest_source(database.control),
        stored=committed_ends(database),
        reached=partial(reached_ends, database),
    )
