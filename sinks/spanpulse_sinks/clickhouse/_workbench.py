"""A session for maintenance beside the writer: reads, writes and moves parts while batches are being written.

Guarantee: what it inserts is durable when `insert` returns, one part for each partition of the rows. Not guaranteed:
that a table holds still; what must not change meanwhile is held by `BatchWriter.between_batches`. One thread at a
time; one workbench at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse._database import DatabaseSession
from spanpulse_sinks.clickhouse._embedded import EmbeddedDatabase
from spanpulse_sinks.clickhouse._errors import failure_of_query
from spanpulse_sinks.clickhouse._handover import Handover

__all__ = ["ReadBench", "Workbench", "workbench"]

MARK = "/* w:maintenance */ "  # by which a closing database finds its statements
MIB = 1024 * 1024


class ReadBench:
    """The reading half; it works on a server as well."""

    def __init__(self, client: DatabaseSession) -> None:
        self._client = client

    def read(self, sql: str) -> pa.Table:
        """Return the result of a query. Raises QueryFailed."""
        try:
            answer = self._client.raw_query(f"{MARK}{sql}\nFORMAT ArrowStream")
        except ClickHouseError as error:
            raise failure_of_query(error) from error
        return pa.ipc.open_stream(answer).read_all()

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query as values of Python. Raises QueryFailed."""
        found: list[dict[str, Any]] = self.read(sql).to_pylist()
        return found


class Workbench(ReadBench):
    """Made by `workbench`."""

    def __init__(self, client: DatabaseSession, handover: Handover) -> None:
        super().__init__(client)
        self._handover = handover

    def command(self, sql: str) -> None:
        """Run a statement that gives no rows. Raises ClickHouseError."""
        self._client.command(MARK + sql)

    def insert(self, table: str, rows: pa.RecordBatch) -> None:
        """Insert rows of one partition as one part. Raises ClickHouseError or OSError."""
        columns = ", ".join(f"`{name}`" for name in rows.schema.names)
        self.command(f"INSERT INTO {table} ({columns}) {self._handover.put(rows)}")


@contextmanager
def workbench(database: EmbeddedDatabase, *, memory_bytes: int = 384 * MIB) -> Iterator[Workbench]:
    """Open a workbench; a statement of it takes at most ``memory_bytes``. Raises QueryFailed."""
    client = database.maintainer({"max_memory_usage": memory_bytes})
    handover = Handover(database.folder / "incoming", "maintenance.arrows")
    try:
        yield Workbench(client, handover)
    finally:
        client.close()
        handover.remove()
