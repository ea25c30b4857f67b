"""A session with a ClickHouse server: settings of its own on a client that all threads share.

Nothing is kept on the server between two requests, so a session costs nothing, and a failed query leaves nothing
behind. Each request has the client's timeout. Not guaranteed: that a request which failed to be answered was not done.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from spanpulse_sinks.clickhouse.server._breaker import Breaker

__all__ = ["ServerAway", "ServerSession"]

Result = TypeVar("Result")


class ServerAway(OperationalError):  # type: ignore[misc]  # the client has no types
    """The server did not answer of late, and is not asked again yet."""


class ServerSession:
    """A `DatabaseSession` over HTTP. Methods raise ClickHouseError."""

    def __init__(self, client: Any, breaker: Breaker, settings: Mapping[str, int | float | str]) -> None:
        self._client = client
        self._breaker = breaker
        self._settings: dict[str, Any] = dict(settings)

    def query(self, sql: str) -> Any:
        """Return the client's result object."""
        return self.asked(lambda: self._client.query(sql, settings=self._settings))

    def raw_query(self, sql: str, parameters: Mapping[str, object] | None = None) -> bytes:
        """Return the bytes of a result in the format that ``sql`` names; ``parameters`` are bound by the server."""
        given = dict(parameters) if parameters else None
        return self.asked(lambda: bytes(self._client.raw_query(sql, parameters=given, settings=self._settings)))

    def command(self, sql: str, settings: dict[str, Any] | None = None, data: bytes | None = None) -> Any:
        """Run a statement, with settings of its own; ``data`` follows it, as the rows of an insert do."""
        return self.asked(lambda: self._client.command(sql, data=data, settings={**self._settings, **(settings or {})}))

    def bound(self, settings: Mapping[str, int | float | str]) -> None:
        """Give the session these settings. They stay until others are given for the same names."""
        self._settings.update(settings)

    def close(self) -> None:
        """Do nothing: the client is everybody's."""

    def asked(self, request: Callable[[], Result]) -> Result:
        """Make a request, unless the server is known to be away."""
        if not self._breaker.admits():
            raise ServerAway("the database server has not answered of late; it is asked again in a moment")
        try:
            result = request()
        except ClickHouseError as error:
            if getattr(error, "code", None) is None:
                self._breaker.failed()
            else:
                self._breaker.answered()
            raise
        self._breaker.answered()
        return result
