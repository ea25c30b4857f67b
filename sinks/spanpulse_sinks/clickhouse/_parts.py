"""Broken parts: which they are, and what may be done about each.

A part that an insert wrote (level 0) may be dropped, for its batch can be written again. A merged part must stay:
opening the database anew brings back the parts it was made of, and dropping it destroys them.
"""

import json
import logging
from dataclasses import dataclass
from typing import Any

from spanpulse_sinks.clickhouse._errors import NeedsRestart

__all__ = ["BrokenPart", "broken_parts", "drop_broken_parts"]

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokenPart:
    """An active part that cannot be read."""

    table: str
    name: str
    level: int


def broken_parts(client: Any, table: str, partition: str) -> list[BrokenPart]:
    """Return the parts of a partition that fail a full check (reads all of it)."""
    check = (
        f"CHECK TABLE {table} PARTITION '{partition}' FORMAT JSONEachRow SETTINGS check_query_single_value_result = 0"
    )
    results = [json.loads(line) for line in client.raw_query(check).splitlines()]
    failed = [str(result["part_path"]) for result in results if not result["is_passed"]]
    rows = client.query(
        f"SELECT name, level FROM system.parts WHERE database = currentDatabase() AND table = '{table}' AND active"
    ).result_rows
    levels = {str(name): int(level) for name, level in rows}
    return [BrokenPart(table, name, levels[name]) for name in failed if name in levels]


def drop_broken_parts(client: Any, table: str, partition: str) -> list[str]:
    """Drop what is broken in a partition and return the names; raises NeedsRestart if a merged part is broken."""
    found = broken_parts(client, table, partition)
    merged = [part.name for part in found if part.level > 0]
    if merged:
        raise NeedsRestart(f"merged parts of {table} are broken: {', '.join(merged)}; a restart restores their sources")
    for part in found:
        LOG.error("dropping the broken part %s of %s", part.name, table)
        client.command(f"ALTER TABLE {table} DROP PART '{part.name}'")
    return [part.name for part in found]
