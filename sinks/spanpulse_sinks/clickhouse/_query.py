"""Queries: any SQL that reads, any output format, bounded in time, rows, bytes and memory.

`query` runs the program's own SQL, `guest_query` that of a person, which is checked first and has sessions of its
own, which reach nothing but the database. Not guaranteed: safety from a hostile guest, who may read every tenant's
rows and keep two threads busy; only the operator's own SQL may come here, never a visitor's.
"""

import re
import threading
from typing import Any
from uuid import uuid4

from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse._config import QueryLimits
from spanpulse_sinks.clickhouse._embedded import EmbeddedDatabase
from spanpulse_sinks.clickhouse._errors import QueryFailed, failure_of_query
from spanpulse_sinks.clickhouse._statement import read_statement

__all__ = ["Cancel", "guest_query", "query"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Cancel:
    """A handle to end a query from another thread; before the query begins it keeps it from beginning."""

    def __init__(self) -> None:
        self.mark = f"q:{uuid4().hex}"
        self._asked = threading.Event()

    def cancel(self, database: EmbeddedDatabase) -> None:
        """End the query; it raises QueryFailed (cancelled) in its own thread."""
        self._asked.set()
        database.kill(self.mark)

    @property
    def asked(self) -> bool:
        """Whether somebody called `cancel`."""
        return self._asked.is_set()


def query(
    database: EmbeddedDatabase,
    sql: str,
    *,
    output_format: str = "JSONEachRow",
    limits: QueryLimits | None = None,
    cancel: Cancel | None = None,
) -> bytes:
    """Return the result of the program's own SQL, which names no format. Raises QueryFailed."""
    cancel = cancel or Cancel()
    with database.reader() as client:
        _set_limits(client, limits or database.config.limits)
        return _run(client, sql, f"\nFORMAT {output_format}", cancel)


def guest_query(
    database: EmbeddedDatabase,
    sql: str,
    *,
    output_format: str = "JSONEachRow",
    cancel: Cancel | None = None,
) -> bytes:
    """Return the result of one statement that reads, in a ClickHouse format; its own FORMAT clause wins.

    The limits are those of the configuration, whatever the statement says. Raises QueryFailed; its message shows the
    person's own text and positions in it alone.
    """
    if not NAME.fullmatch(output_format):
        raise QueryFailed(QueryFailed.Kind.FAILED, f"{output_format!r} is no format")
    cancel = cancel or Cancel()
    with database.guest() as client:
        statement = read_statement(client, sql)
        suffix = "" if statement.formatted else f"\nFORMAT {output_format}"
        if not statement.settings:
            return _run(client, statement.text, suffix, cancel)
        with database.guest_with(statement.settings) as session:
            return _run(session, statement.text, suffix, cancel)


def _run(client: Any, text: str, suffix: str, cancel: Cancel) -> bytes:
    if cancel.asked:
        raise QueryFailed(QueryFailed.Kind.CANCELLED, "cancelled before it began")
    mark = f"/* {cancel.mark} */ "
    try:
        return bytes(client.raw_query(f"{mark}{text}{suffix}"))
    except ClickHouseError as error:
        failure = failure_of_query(error)
        said = str(failure).replace(mark, "")
        raise QueryFailed(failure.kind, said.replace(suffix, "") if suffix else said) from error


def _set_limits(client: Any, limits: QueryLimits) -> None:
    """Give the session these limits. They stay until the next query on it sets its own."""
    try:
        client.command("SET " + ", ".join(f"{name} = {value}" for name, value in limits.settings().items()))
    except ClickHouseError as error:
        raise failure_of_query(error) from error
