"""Queries: any SQL that reads, any output format, bounded in time, rows, bytes and memory.

`query` runs the program's own SQL, with values from outside as typed parameters `{name:Type}`, which the engine binds.
`guest_query` runs that of a person, which is checked first and has sessions of its own, which reach nothing but the
database. Not guaranteed: safety from a hostile guest, who may read every tenant's
rows and keep two threads busy; only the operator's own SQL may come here, never a visitor's.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse._config import QueryLimits
from spanpulse_sinks.clickhouse._database import Database
from spanpulse_sinks.clickhouse._embedded import EmbeddedDatabase
from spanpulse_sinks.clickhouse._errors import QueryFailed, failure_of_query
from spanpulse_sinks.clickhouse._statement import read_statement

__all__ = ["Cancel", "Parameters", "guest_query", "query"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
PLACE = re.compile(r"\{(\w+):[^}]+\}")
Parameters = Mapping[str, str | int | float | Sequence[str] | Sequence[int] | None]
"""Values by the names of their places. Times are texts (`2026-01-31 12:00:00`) or integers."""


class Cancel:
    """A handle to end a query from another thread; before the query begins it keeps it from beginning."""

    def __init__(self) -> None:
        self.mark = f"q:{uuid4().hex}"
        self._asked = threading.Event()

    def cancel(self, database: Database) -> None:
        """End the query; it raises QueryFailed (cancelled) in its own thread."""
        self._asked.set()
        database.kill(self.mark)

    @property
    def asked(self) -> bool:
        """Whether somebody called `cancel`."""
        return self._asked.is_set()


def query(
    database: Database,
    sql: str,
    *,
    parameters: Parameters | None = None,
    output_format: str = "JSONEachRow",
    limits: QueryLimits | None = None,
    cancel: Cancel | None = None,
) -> bytes:
    """Return the result of the program's own SQL, which names no format. Raises QueryFailed.

    ``parameters`` fill the places ``{name:Type}`` of ``sql``, each of them. Raises ValueError where names differ,
    and for integers of more than 64 bits.
    """
    _check(sql, parameters or {})
    cancel = cancel or Cancel()
    with database.reader() as client:
        _set_limits(client, limits or database.config.limits, cancel.mark)
        return _run(client, sql, f"\nFORMAT {output_format}", cancel, parameters)


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


def _check(sql: str, parameters: Parameters) -> None:
    """Raise for what the client would take, and do something else with.

    Without a place for a value it writes values into the text; integers beyond 64 bits wrap around.
    """
    places = set(PLACE.findall(sql)) if parameters else set()
    if places != set(parameters):
        raise ValueError(f"the query has places for {sorted(places)}, the parameters are {sorted(parameters)}")
    for name, value in parameters.items():
        for each in [value] if value is None or isinstance(value, str | int | float) else value:
            if isinstance(each, int) and not -(2**63) <= each < 2**64:
                raise ValueError(f"parameter {name} has more than 64 bits")
            if isinstance(each, str) and not each.isascii():
                _check_unicode(each)


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise QueryFailed(QueryFailed.Kind.FAILED, "the query is no valid UTF-8") from None


def _run(client: Any, text: str, suffix: str, cancel: Cancel, parameters: Parameters | None = None) -> bytes:
    if cancel.asked:
        raise QueryFailed(QueryFailed.Kind.CANCELLED, "cancelled before it began")
    mark = f"/* {cancel.mark} */ "
    try:
        return bytes(client.raw_query(f"{mark}{text}{suffix}", parameters))
    except ClickHouseError as error:
        failure = failure_of_query(error)
        said = str(failure).replace(mark, "")
        raise QueryFailed(failure.kind, said.replace(suffix, "") if suffix else said) from error


def _set_limits(client: Any, limits: QueryLimits, mark: str) -> None:
    """Give the session these limits and this mark. They stay until the next query on it sets its own."""
    try:
        client.bound({**limits.settings(), "log_comment": mark})
    except ClickHouseError as error:
        raise failure_of_query(error) from error
