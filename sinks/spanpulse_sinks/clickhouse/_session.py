"""A session of the embedded engine in which a failed query leaves nothing behind.

The engine keeps what a query had written before it failed (a header, rows, the first bytes of Arrow) and puts it in
front of the next result of the same session. So every failure is followed by a query whose result is thrown away.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["Session"]

WASH = "SELECT 1 FORMAT Null"


class Session:
    """A client, with those of its methods that are used here. For one thread at a time, as the client is."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @property
    def database(self) -> str | None:
        """The database of names without one."""
        return str(self._client.database)

    @database.setter
    def database(self, name: str) -> None:
        self._client.database = name

    def query(self, sql: str) -> Any:
        """Return the client's result object. Raises ClickHouseError."""
        with self._washed():
            return self._client.query(sql)

    def raw_query(self, sql: str, parameters: Mapping[str, object] | None = None) -> bytes:
        """Return the bytes of a result in the format that ``sql`` names. Raises ClickHouseError.

        ``parameters`` fill the places ``{name:Type}``: the engine binds them, they never become text of the query.
        """
        with self._washed():
            return bytes(self._client.raw_query(sql, parameters=dict(parameters) if parameters else None))

    def command(self, sql: str, settings: dict[str, Any] | None = None) -> Any:
        """Run a statement, with settings of its own. Raises ClickHouseError."""
        with self._washed():
            return self._client.command(sql, settings=settings)

    def bound(self, settings: Mapping[str, int | float | str]) -> None:
        """Give the session these settings. They stay until others are given for the same names."""
        self.command("SET " + ", ".join(f"{name} = {_literal(value)}" for name, value in settings.items()))

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    @contextmanager
    def _washed(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with suppress(Exception):
                self._client.raw_query(WASH)
            raise


def _literal(value: float | str) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)
