"""`spanpulse audit` of a cluster: asked of the ClickHouse servers by the command itself, shard by shard.

All that a source brought is on one shard, so each shard is whole or not by itself. Not guaranteed: that a source is on
one shard alone; the topic of sources says so, and nothing here reads it.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from spanpulse_stream.cluster._database import connect_shards
from spanpulse_stream.maintenance import audit_shared
from spanpulse_stream.operations import Progress
from spanpulse_stream.settings import Settings

__all__ = ["audit_cluster"]


def audit_cluster(
    settings: Settings, arguments: Mapping[str, Any], report: Callable[[Progress], None]
) -> dict[str, Any]:
    """Audit what the servers have; findings name their shard (from 1) where there are several.

    Raises SettingsError, SinkError, ServerUnreachable, MaintenanceError, QueryFailed.
    """
    databases = asyncio.run(connect_shards(settings, lambda line: report(Progress(line))))
    try:
        found = [audit_shared(each.bench(), each.config.retention, arguments, report) for each in databases]
    finally:
        for database in databases:
            database.close()
    return found[0] if len(found) == 1 else _together(found)


def _together(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "whole": all(each["whole"] for each in found),
        "days": sorted({day for each in found for day in each["days"]}),
        "unchecked": _of_shards(found, "unchecked"),
        "findings": _of_shards(found, "findings"),
        "more_findings": sum(each["more_findings"] for each in found),
    }


def _of_shards(found: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [{**row, "shard": number} for number, each in enumerate(found, 1) for row in each[name]]
