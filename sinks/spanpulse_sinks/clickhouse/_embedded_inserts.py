"""How rows get into the embedded database: no token, since nobody else writes, and an eye on disk and parts.

While the disk is low every table is read back, for the engine says "ok" to an insert that met a full one. A broken part
of the batch that is being written is dropped, and the batch written again; a broken part of others ends the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse._check import landed
from spanpulse_sinks.clickhouse._disk import DiskState, disk_state
from spanpulse_sinks.clickhouse._errors import Failure, NeedsRestart, WriteFailed
from spanpulse_sinks.clickhouse._parts import drop_broken_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanpulse_sinks.clickhouse._batch import Batch, WriteReport
    from spanpulse_sinks.clickhouse._embedded import EmbeddedDatabase

__all__ = ["EmbeddedInserts"]


class EmbeddedInserts:
    """`Inserts` of a folder; ``disk`` tells how full its file system is."""

    def __init__(self, database: EmbeddedDatabase, disk: Callable[[], DiskState] | None = None) -> None:
        self._database = database
        self._disk = disk or (lambda: disk_state(database.folder, full=database.config.free_bytes_to_insert))

    def insert(self, batch: Batch, table: str, rows: pa.RecordBatch, report: WriteReport, *, suspect: bool) -> None:  # noqa: ARG002 -- nobody else writes
        """Insert rows once, and read them back where the disk is low. Raises ClickHouseError or OSError."""
        self._database.insert(table, rows)
        report.inserted[table] = rows.num_rows
        if self._disk() is not DiskState.OK:
            report.read_back.append(table)
            if not landed(self._database.writer, table, batch).rows:
                raise OSError(f"the rows of {table} are not there after the insert")

    def recover(self, failure: Failure, batch: Batch, report: WriteReport) -> None:
        """Drop this batch's broken parts; raises NeedsRestart where a part of another batch went, for repair."""
        if failure is not Failure.BROKEN:
            return
        writer, partition = self._database.writer, batch.received_day.isoformat()
        for table, _ in batch.filled():
            try:
                dropped = drop_broken_parts(writer, table, partition)
                if not dropped:
                    continue
                report.dropped_parts += dropped
                if len(dropped) > 1 or landed(writer, table, batch).rows:
                    raise NeedsRestart(f"broken parts of {table} held earlier batches: {', '.join(dropped)}")
            except (ClickHouseError, OSError) as error:
                raise WriteFailed(f"cannot repair {table}: {error}") from error
