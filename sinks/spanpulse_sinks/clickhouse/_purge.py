"""Parts that a merge or a mutation replaced: removed at once, where what they hold must not stay.

They are kept for `old_parts_lifetime`, so that a broken part can be made again from them. Before they go, what
replaced them is brought to the disk. Not guaranteed: that a file system does not keep freed blocks.
"""

import os
from collections.abc import Iterable

from spanpulse_sinks.clickhouse._config import OLD_PARTS_LIFETIME_S
from spanpulse_sinks.clickhouse._workbench import Workbench

__all__ = ["purge_old_parts"]

NO_DAY = "1970-01-01"  # dropping a day that is not there clears old parts at once


def purge_old_parts(bench: Workbench, tables: Iterable[str]) -> int:
    """Remove the old parts of ``tables``; returns how many are still held by a reader. Raises ClickHouseError."""
    os.sync()
    held = 0
    for table in tables:
        bench.command(f"ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = 0")
        try:
            bench.command(f"ALTER TABLE {table} DROP PARTITION '{NO_DAY}'")
        finally:
            bench.command(f"ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = {OLD_PARTS_LIFETIME_S}")
        (row,) = bench.rows(
            "SELECT toInt64(count()) AS n FROM system.parts"
            f" WHERE NOT active AND database = currentDatabase() AND table = '{table}'"
        )
        held += int(row["n"])
    return held
