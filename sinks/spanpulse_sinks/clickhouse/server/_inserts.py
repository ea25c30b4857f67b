"""How rows get into a server's tables once, although another process may be writing the same batch.

Every insert of a batch carries a token made of the table and the batch's place in the log, so of two that are equal
the server drops one. A token outlives an insert that was killed at its rename, and a proxy may say "ok" for an insert
that nobody did; so where the server does not confirm as many rows as were sent, and wherever the batch may be a
repetition, the table is looked at after the insert as well, and where the rows are missing they are sent again under
the next token of a fixed sequence, which a second writer would use too. Not guaranteed: anything against a writer
that slept through more inserts of a table than the server remembers (ten thousand).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from spanpulse_sinks.clickhouse._check import landed

if TYPE_CHECKING:
    from spanpulse_sinks.clickhouse._batch import Batch, WriteReport
    from spanpulse_sinks.clickhouse._errors import Failure
    from spanpulse_sinks.clickhouse.server._database import ServerDatabase

__all__ = ["ServerInserts", "token_of"]

MOST_TOKENS = 4


def token_of(table: str, batch: Batch, repetition: int) -> str:
    """Return the token of a batch's insert into a table: the first one, or that of a repetition."""
    token = f"{table}/{batch.log_source}/{batch.first_offset}-{batch.last_offset}"
    return f"{token}/r{repetition}" if repetition else token


class ServerInserts:
    """`Inserts` of a server."""

    def __init__(self, database: ServerDatabase) -> None:
        self._database = database

    def insert(self, batch: Batch, table: str, rows: pa.RecordBatch, report: WriteReport, *, suspect: bool) -> None:
        """Insert rows once. Raises ClickHouseError, or OSError where the server says "ok" and has no rows."""
        for repetition in range(MOST_TOKENS):
            written = self._database.insert(table, rows, token=token_of(table, batch, repetition))
            report.inserted[table] = rows.num_rows
            if written == rows.num_rows and not suspect:
                return
            report.read_back.append(table)
            self._database.settle(table)
            if landed(self._database.writer, table, batch).rows:
                return
        raise OSError(f"the server answered ok {MOST_TOKENS} times and has no rows of {table}")

    def recover(self, failure: Failure, batch: Batch, report: WriteReport) -> None:
        """Do nothing: a server's disk and parts are its own; the next attempt looks what is there."""
