"""What the writer, the queries and the steps know of a database: embedded or a server, they do not ask which.

Not part of it: what only one of them can do (backup by hard links, people's own SQL in a session of its own).
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import pyarrow as pa

from spanpulse_sinks.clickhouse._batch import Batch, WriteReport
from spanpulse_sinks.clickhouse._config import QueryLimits, Retention
from spanpulse_sinks.clickhouse._errors import Failure

__all__ = ["Database", "DatabaseConfig", "DatabaseSession", "Inserts"]


class DatabaseSession(Protocol):
    """A client for one thread at a time. All methods raise ClickHouseError."""

    def query(self, sql: str) -> Any:
        """Return the client's result object."""

    def raw_query(self, sql: str, parameters: Mapping[str, object] | None = None) -> bytes:
        """Return the bytes of a result in the format that ``sql`` names; ``parameters`` are bound by the engine."""

    def command(self, sql: str, settings: dict[str, Any] | None = None) -> Any:
        """Run a statement, with settings of its own."""

    def bound(self, settings: Mapping[str, int | float | str]) -> None:
        """Give the session these settings. They stay until others are given for the same names."""


class DatabaseConfig(Protocol):
    """What both configurations have."""

    @property
    def limits(self) -> QueryLimits:
        """The bounds of a query that names none."""

    @property
    def retention(self) -> Retention:
        """The days that rows are kept."""


class Inserts(Protocol):
    """How the rows of a batch get into a table, and what can be done where that failed."""

    def insert(self, batch: Batch, table: str, rows: pa.RecordBatch, report: WriteReport, *, suspect: bool) -> None:
        """Insert rows once, and see that they are there where that is in doubt. Raises ClickHouseError or OSError.

        ``suspect``: the table was looked at before and did not have them, but somebody else may be writing them.
        """

    def recover(self, failure: Failure, batch: Batch, report: WriteReport) -> None:
        """Do what makes another attempt possible. Raises WriteFailed or NeedsRestart where nothing does."""


class Database(Protocol):
    """An open database. All methods may be called from any thread."""

    @property
    def config(self) -> DatabaseConfig:
        """How it was opened."""

    @property
    def writer(self) -> DatabaseSession:
        """The session of the one thread that writes."""

    @property
    def inserts(self) -> Inserts:
        """How this database takes the rows of a batch."""

    def reader(self, *, within: float = ...) -> AbstractContextManager[Any]:
        """Lend a session that reads, waiting at most ``within`` seconds for it. Raises QueryFailed."""

    def kill(self, mark: str) -> None:
        """End the running queries with this mark."""

    def close(self) -> None:
        """End what runs, and close every client."""
