"""Parts that a merge or a mutation replaced: removed at once, where what they hold must not stay.

They are kept for `old_parts_lifetime`, so that a broken part can be made again from them. Before they go, what
replaced them is brought to the disk. Not guaranteed: that a file system does not keep freed blocks.
"""

import os
import time
from collections.abc import Iterable

from spanpulse_sinks.clickhouse._config import OLD_PARTS_LIFETIME_S
from spanpulse_sinks.clickhouse._workbench import Workbench

__all__ = ["purge_old_parts"]

PURGE_WITHIN_S = 10.0
NO_DAY = "1970-01-01"  # dropping a day that is not there clears old parts at once


def purge_old_parts(bench: Workbench, tables: Iterable[str], *, within: float = PURGE_WITHIN_S) -> int:
    """Remove the parts of ``tables`` that are old now; returns how many are still being read after ``within`` seconds.

    Raises ClickHouseError and QueryFailed.
    """
    os.sync()
    deadline = time.monotonic() + within
    held = 0
    for table in tables:
        old = _old_parts(bench, table)
        while left := old & _old_parts(bench, table):
            _clear(bench, table)
            if time.monotonic() > deadline:
                break
        held += len(left)
    return held


def _clear(bench: Workbench, table: str) -> None:
    bench.command(f"ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = 0")
    try:
        bench.command(f"ALTER TABLE {table} DROP PARTITION '{NO_DAY}'")
    finally:
        bench.command(f"ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = {OLD_PARTS_LIFETIME_S}")


def _old_parts(bench: Workbench, table: str) -> set[str]:
    rows = bench.rows(
        f"SELECT name FROM system.parts WHERE NOT active AND database = currentDatabase() AND table = '{table}'"
    )
    return {row["name"] for row in rows}
