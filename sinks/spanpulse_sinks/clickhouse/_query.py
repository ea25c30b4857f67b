"""Queries of people: any SQL that reads, any output format, bounded in time, rows, bytes and memory.

The reader's session cannot write. Not guaranteed: safety from a hostile query; file() and url() still work, so
only the operator's own SQL may come here, never a visitor's.
"""

import re
import threading
from typing import Any
from uuid import uuid4

from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse._config import QueryLimits
from spanpulse_sinks.clickhouse._embedded import EmbeddedDatabase
from spanpulse_sinks.clickhouse._errors import QueryFailed, failure_of_query

__all__ = ["Cancel", "query"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
OWN_FORMAT = re.compile(r"\bFORMAT\s+[A-Za-z]\w*\s*$", re.IGNORECASE)


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
    """Return a query's result in a ClickHouse format (the query's own FORMAT clause wins); raises QueryFailed."""
    if not NAME.fullmatch(output_format):
        raise QueryFailed(QueryFailed.Kind.FAILED, f"{output_format!r} is no format")
    cancel = cancel or Cancel()
    text = sql.strip().rstrip(";").rstrip()
    if not OWN_FORMAT.search(text):
        text = f"{text}\nFORMAT {output_format}"
    with database.reader() as client:
        try:
            _set_limits(client, limits or database.config.limits)
            if cancel.asked:
                raise QueryFailed(QueryFailed.Kind.CANCELLED, "cancelled before it began")
            return bytes(client.raw_query(f"/* {cancel.mark} */ {text}"))
        except ClickHouseError as error:
            raise failure_of_query(error) from error


def _set_limits(client: Any, limits: QueryLimits) -> None:
    """Give the session these limits. They stay until the next query on it sets its own."""
    client.command("SET " + ", ".join(f"{name} = {value}" for name, value in limits.settings().items()))
