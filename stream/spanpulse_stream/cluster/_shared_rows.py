"""A row of `shared_state`, and how one is added.

A token names what is added, so that an insert that is repeated adds it once. A token outlives an insert that was killed
at its rename, and a proxy may say "ok" for an insert that nobody did: `add_surely` looks for the row, and adds it under
the next token of a fixed sequence where it is missing. Guarantee: the row was seen when `add_surely` returns. Not
guaranteed: that of `add_row`; anything about what the text says; who adds a row knows that.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.backoff import pause
from spanpulse_sinks.clickhouse import Failure, QueryFailed, SinkError
from spanpulse_sinks.clickhouse.server import ServerDatabase

__all__ = ["SharedRow", "add_row", "add_surely", "understood"]

TABLE = "shared_state"
ATTEMPTS = 6
MOST_TOKENS = 16  # as many inserts of one row may be killed, in all starts together
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


def add_surely(database: ServerDatabase, row: SharedRow, token: str, what: str, there: Callable[[], bool]) -> None:
    """Insert a row, again where that may help, until ``there`` says that it is there.

    Raises SinkError, which says that ClickHouse does not take ``what``, and what ``there`` raises.
    """
    for repetition in range(MOST_TOKENS):
        _insert(database, row, f"{token}/r{repetition}" if repetition else token, what)
        if there():
            return
    raise SinkError(f"ClickHouse does not take {what}: it said ok {MOST_TOKENS} times, and does not have the row")


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Raise QueryFailed where an answer is not ``what``: some proxies answer for a server with a page of their own."""
    try:
        yield
    except (ValueError, KeyError, TypeError):
        raise QueryFailed(QueryFailed.Kind.FAILED, f"the answer is not {what}") from None


def _insert(database: ServerDatabase, row: SharedRow, token: str, what: str) -> None:
    """Insert a row under a token until ClickHouse says ok, and this replica has what others took. Raises SinkError."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            add_row(database, row, token)
            database.settle(TABLE)
        except ClickHouseError as error:
            if Failure.of(error) is Failure.PERMANENT or attempt == ATTEMPTS:
                raise SinkError(f"ClickHouse does not take {what}: {error}") from error
            time.sleep(pause(attempt, FIRST_WAIT_S, LONGEST_WAIT_S))
        else:
            return
