"""What the settings say of every database, whether it is in the process or a server."""

from spanpulse_sinks.clickhouse import QueryLimits, Retention
from spanpulse_stream.settings import Settings

__all__ = ["query_limits", "retention"]


def retention(settings: Settings) -> Retention:
    """Return how long rows are kept."""
    return Retention(
        spans=settings.retention_spans_days,
        rollups=settings.retention_rollups_days,
        dead_letters=settings.retention_dead_letters_days,
    )


def query_limits(settings: Settings) -> QueryLimits:
    """Return what a reader's query may take."""
    return QueryLimits(seconds=settings.query_timeout)
