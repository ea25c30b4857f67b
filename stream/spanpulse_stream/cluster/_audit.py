"""`spanpulse audit` of a cluster: asked of the ClickHouse server by the command itself."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from spanpulse_stream.cluster._database import connect_server
from spanpulse_stream.maintenance import audit_shared
from spanpulse_stream.operations import Progress
from spanpulse_stream.settings import Settings

__all__ = ["audit_cluster"]


def audit_cluster(
    settings: Settings, arguments: Mapping[str, Any], report: Callable[[Progress], None]
) -> dict[str, Any]:
    """Audit what the server has. Raises SettingsError, SinkError, ServerUnreachable, MaintenanceError, QueryFailed."""
    database = asyncio.run(connect_server(settings, lambda line: report(Progress(line))))
    try:
        return audit_shared(database.bench(), database.config.retention, arguments, report)
    finally:
        database.close()
