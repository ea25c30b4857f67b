"""A row of `shared_state`, and how one is added.

A token names what is added, so that an insert that is repeated adds it once. Not guaranteed: anything about what the
text says; who adds a row knows that.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.backoff import pause
from spanpulse_sinks.clickhouse import Failure, SinkError
from spanpulse_sinks.clickhouse.server import ServerDatabase

__all__ = ["SharedRow", "add_row", "add_surely"]

TABLE = "shared_state"
ATTEMPTS = 6
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 3.0


@dataclass(frozen=True, slots=True)
class SharedRow:
    """One row; ``version`` is ms since 1970 for what people import. The text, maybe hashes of keys, is not in repr."""

    kind: str
    version: int
    text: str = field(repr=False)
    imported_by: str


def add_row(database: ServerDatabase, row: SharedRow, token: str) -> None:
    """Insert a row. Raises ClickHouseError."""
    columns: dict[str, Any] = {
        "kind": pa.array([row.kind]),
        "version": pa.array([row.version], pa.uint64()),
        "text": pa.array([row.text]),
        "imported_by": pa.array([row.imported_by]),
    }
    database.insert(TABLE, pa.RecordBatch.from_pydict(columns), token=f"shared/{token}")


def add_surely(database: ServerDatabase, row: SharedRow, token: str, what: str, *, settle: bool = False) -> None:
    """Insert a row, again where that may help; with ``settle`` until this replica has what others took.

    Raises SinkError, which says that ClickHouse does not take ``what``.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            add_row(database, row, token)
            if settle:
                database.settle(TABLE)
        except ClickHouseError as error:
            if Failure.of(error) is Failure.PERMANENT or attempt == ATTEMPTS:
                raise SinkError(f"ClickHouse does not take {what}: {error}") from error
            time.sleep(pause(attempt, FIRST_WAIT_S, LONGEST_WAIT_S))
        else:
            return
