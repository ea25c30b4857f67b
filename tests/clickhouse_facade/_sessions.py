"""Which connection a request gets: its session's, or any idle one.

A session is a connection that keeps what SET, USE and CREATE TEMPORARY TABLE did. Requests that may only read get
other connections, because the engine does not let go of `readonly`; they see the settings of their session, but not
its temporary tables. Sessions that nobody used for their time (60 s) are closed, when another one is asked for.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from clickhouse_facade._connection import Connection
from clickhouse_facade._engine import Engine
from clickhouse_facade._errors import ServerError

__all__ = ["Sessions", "Wanted"]

MOST_REQUESTS = 100
MOST_IDLE = 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks of its connection; ``database`` '' is that of the session."""

    settings: Mapping[str, str]
    database: str = ""
    session: str = ""
    session_seconds: float = 60.0
    session_must_exist: bool = False


@dataclass(slots=True)
class _Session:
    connection: Connection
    seconds: float
    busy: bool = True
    used: float = field(default_factory=time.monotonic)


class Sessions:
    """All connections of the process. Every method may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._idle: dict[str, list[Connection]] = {"0": [], "2": []}  # by `readonly`; with 1 none can be used again
        self._sessions: dict[str, _Session] = {}
        self._requests = 0

    @contextmanager
    def lend(self, wanted: Wanted) -> Iterator[Connection]:
        """Lend a connection with the settings and database of a request. Raises ServerError."""
        with self._lock:
            if self._requests >= MOST_REQUESTS:
                raise ServerError(202, f"Too many simultaneous queries. Maximum: {MOST_REQUESTS}")
            self._requests += 1
        try:
            own = self._of_session(wanted) if wanted.session else self._pooled(wanted.settings, wanted.database)
            with own as connection:
                yield connection
        finally:
            with self._lock:
                self._requests -= 1

    def close(self) -> None:
        """Close what no request has."""
        with self._lock:
            idle = [connection for each in self._idle.values() for connection in each]
            ended = [*idle, *(each.connection for each in self._sessions.values() if not each.busy)]
            self._idle, self._sessions = {}, {}
        for connection in ended:
            connection.close()

    @contextmanager
    def _pooled(self, settings: Mapping[str, str], database: str) -> Iterator[Connection]:
        readonly = _readonly(settings)
        with self._lock:
            idle = self._idle.get(readonly)
            connection = idle.pop() if idle else None
        connection = connection or self._engine.connect()
        try:
            rest = {name: value for name, value in settings.items() if name != "readonly"}
            # readonly comes last, for nothing can be set behind it
            connection.configure(rest if readonly == "0" else {**rest, "readonly": readonly}, database or "default")
            yield connection
        finally:
            with self._lock:
                idle = self._idle.get(readonly)
                keep = connection.fit and idle is not None and len(idle) < MOST_IDLE
                if keep and idle is not None:
                    idle.append(connection)
            if not keep:
                connection.close()

    @contextmanager
    def _of_session(self, wanted: Wanted) -> Iterator[Connection]:
        session = self._taken(wanted)
        try:
            if _readonly(wanted.settings) != "0":
                settings = {**session.connection.own_settings(), **wanted.settings}
                database = wanted.database or session.connection.session_database
                with self._pooled(settings, database) as connection:
                    yield connection
            else:
                session.connection.configure(wanted.settings, wanted.database)
                yield session.connection
        finally:
            session.used = time.monotonic()
            session.busy = False

    def _taken(self, wanted: Wanted) -> _Session:
        self._close_expired()
        with self._lock:
            session = self._sessions.get(wanted.session)
            if session is None:
                if wanted.session_must_exist:
                    raise ServerError(372, f"Session {wanted.session} not found")
                session = _Session(self._engine.connect(), wanted.session_seconds)
                self._sessions[wanted.session] = session
            elif session.busy:
                raise ServerError(373, f"Session {wanted.session} is locked by a concurrent client")
            session.busy = True
            session.seconds = wanted.session_seconds
            return session

    def _close_expired(self) -> None:
        now = time.monotonic()
        with self._lock:
            expired = [
                name for name, each in self._sessions.items() if not each.busy and now - each.used > each.seconds
            ]
            ended = [self._sessions.pop(name) for name in expired]
        for session in ended:
            session.connection.close()


def _readonly(settings: Mapping[str, str]) -> str:
    return settings.get("readonly") or "0"
