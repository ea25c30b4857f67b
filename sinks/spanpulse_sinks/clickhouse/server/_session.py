"""A session with a ClickHouse server: settings of its own on a client that all threads share.

Nothing is kept on the server between two requests, so a session costs nothing, and a failed query leaves nothing
behind. Each request has the client's timeout. What reads may be repeated: with patience it is, until the server
answers. Not guaranteed: that a statement which failed to be answered was not done.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import random
from typing import Any, TypeVar

from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from spanpulse_sinks.clickhouse._errors import Failure
from spanpulse_sinks.clickhouse.server._breaker import Breaker

__all__ = ["Patience", "ServerAway", "ServerSession"]

PAUSE_S = 1.0

Result = TypeVar("Result")


class ServerAway(OperationalError):  # type: ignore[misc]  # the client has no types
    """The server did not answer of late, and is not asked again yet."""


@dataclass(frozen=True, slots=True)
class Patience:
    """For how many ``seconds`` a read is repeated that the server did not answer, or was too busy for.

    ``wait`` is called before each repetition with the seconds to wait; where it raises, that ends the read. ``over`` is
    called in the same thread when a read that was repeated has ended, whether it was answered or given up.
    """

    seconds: float = 0.0
    wait: Callable[[float], None] = time.sleep
    over: Callable[[], None] = lambda: None


class ServerSession:
    """A `DatabaseSession` over HTTP. Methods raise ClickHouseError."""

    def __init__(
        self, client: Any, breaker: Breaker, settings: Mapping[str, int | float | str], patience: Patience
    ) -> None:
        self._client = client
        self._breaker = breaker
        self._patience = patience
        self._settings: dict[str, Any] = dict(settings)

    def query(self, sql: str) -> Any:
        """Return the client's result object."""
        return self._read(lambda: self._client.query(sql, settings=self._settings))

    def raw_query(self, sql: str, parameters: Mapping[str, object] | None = None) -> bytes:
        """Return the bytes of a result in the format that ``sql`` names; ``parameters`` are bound by the server."""
        given = dict(parameters) if parameters else None
        return self._read(lambda: bytes(self._client.raw_query(sql, parameters=given, settings=self._settings)))

    def command(self, sql: str, settings: dict[str, Any] | None = None) -> Any:
        """Run a statement, with settings of its own."""
        return self._asked(lambda: self._client.command(sql, settings={**self._settings, **(settings or {})}))

    def insert(self, table: str, columns: Sequence[str], stream: memoryview, settings: Mapping[str, Any]) -> Any:
        """Insert an Arrow stream and return the summary of the server's answer.

        Bytes would be sent again by the client where the connection broke, which is for the writer to decide, after
        it has looked; as data of a command they would be read as text first, to see whether they are a query.
        """
        given = {**self._settings, **settings}
        return self._asked(lambda: self._client.raw_insert(table, columns, stream, settings=given, fmt="ArrowStream"))

    def bound(self, settings: Mapping[str, int | float | str]) -> None:
        """Give the session these settings. They stay until others are given for the same names."""
        self._settings.update(settings)

    def close(self) -> None:
        """Do nothing: the client is everybody's."""

    def _read(self, request: Callable[[], Result]) -> Result:
        """Make a request that may be repeated."""
        deadline = time.monotonic() + self._patience.seconds
        try:
            return self._asked(request)
        except ClickHouseError as error:
            if _given_up(error, deadline):
                raise
        try:
            return self._repeated(request, deadline)
        finally:
            self._patience.over()

    def _repeated(self, request: Callable[[], Result], deadline: float) -> Result:
        """Make a request that failed again, until it is answered or ``deadline`` has passed."""
        while True:
            self._patience.wait(PAUSE_S * (0.5 + random()))  # noqa: S311 -- jitter
            try:
                return self._asked(request)
            except ClickHouseError as error:
                if _given_up(error, deadline):
                    raise

    def _asked(self, request: Callable[[], Result]) -> Result:
        """Make a request, unless the server is known to be away."""
        if not self._breaker.admits():
            raise ServerAway("the database server has not answered of late; it is asked again in a moment")
        try:
            result = request()
        except ClickHouseError as error:
            if getattr(error, "code", None) is None:
                self._breaker.failed(_why(error))
            else:
                self._breaker.answered()
            raise
        self._breaker.answered()
        return result


def _given_up(error: ClickHouseError, deadline: float) -> bool:
    return Failure.of(error) is Failure.PERMANENT or time.monotonic() >= deadline


def _why(error: ClickHouseError) -> str:
    """Return the kind of what went wrong; its text has the whole address of the request."""
    cause = error.__cause__ or error
    return type(getattr(cause, "reason", None) or cause).__name__
