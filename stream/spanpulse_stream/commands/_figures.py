"""Reading figures out of the database of this process: SQL of our own with typed parameters."""

from collections.abc import Callable
from typing import Any

import orjson

from spanpulse_sinks.clickhouse import Database, Parameters, query

__all__ = ["Read", "reader_of"]

Read = Callable[[str, Parameters], list[dict[str, Any]]]
"""Returns the rows of a query; its second argument has a value for each place ``{name:Type}``. Raises QueryFailed."""


def reader_of(database: Database) -> Read:
    """Return a function that reads this database, for use outside the event loop."""

    def read(sql: str, parameters: Parameters) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in query(database, sql, parameters=parameters).splitlines()]

    return read
