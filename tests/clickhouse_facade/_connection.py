"""One connection to the engine: runs statements under the settings and in the database that a request asks for.

Settings stay when a request is done and are changed to those of the next one, in one SET: clients repeat themselves.
For one thread at a time. After a failure the engine keeps what the query had written and would put it in front of the
next result; so each failure is followed by a query whose result is thrown away.
"""

import errno
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickhouse_facade._errors import ServerError
from clickhouse_facade._statements import Statement

__all__ = ["TAG", "Connection", "Result"]

TAG = "query_cache_tag"
"""The setting that carries a client's query id: the engine gives its own, and this one has no other effect."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
WASH = "SELECT 1 FORMAT Null"
# Where the engine in a process differs from a server's defaults.
AS_SERVER = "SET implicit_select = 0, allow_introspection_functions = 0"


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave. ``written_rows`` counts what went into tables, views' targets included."""

    body: bytes
    read_rows: int
    read_bytes: int
    written_rows: int
    written_bytes: int
    rows: int
    elapsed_ns: int


class Connection:
    """``handle`` is one of chdb; ``error`` makes a ServerError of what it raises."""

    def __init__(self, handle: Any, file: Path, error: Callable[[BaseException], ServerError]) -> None:
        self._handle = handle
        self._file = file
        self._quoted = str(file).replace("'", "\\'").encode()
        self._error = error
        self._overlay: dict[str, str] = {}
        self._below: dict[str, str] = {}  # of a session: its own values of what the overlay covers
        self._own_settings = False
        self._database = "default"
        self.session_database = "default"
        self.fit = True  # whether another request may have it
        self._run(AS_SERVER)

    def configure(self, settings: Mapping[str, str], database: str) -> None:
        """Apply the settings of a request, no others, and its database, '' for the session's. Raises ServerError."""
        for name in settings:
            if not NAME.fullmatch(name):
                raise ServerError(115, f"Unknown setting '{name}'")
        changes = {name: _quoted(value) for name, value in settings.items() if self._overlay.get(name) != value}
        gone = [name for name in self._overlay if name not in settings]
        if self._own_settings:
            self._remember([name for name in changes if name not in self._overlay])
        changes |= {name: self._below.pop(name, "DEFAULT") for name in gone}
        try:
            self._set(changes)
        except ServerError:
            self.fit = self._own_settings  # another request gets a new one, but a session has this one only
            self._overlay |= dict(settings)
            self._drop_overlay()
            raise
        self._overlay = dict(settings)
        target = database or self.session_database
        if target != self._database:
            self._run(b"USE `%s`" % target.replace("\\", "\\\\").replace("`", "\\`").encode())
            self._database = target

    def execute(self, text: bytes, output_format: str, parameters: Mapping[str, str]) -> Result:
        """Run a statement; data it names are in it. Raises ServerError."""
        done = self._run(text, output_format, parameters)
        return _result(done, inserted=False)

    def insert(self, statement: Statement) -> Result:
        """Run an INSERT whose data came with the request. Raises ServerError.

        By a file, for `send_insert` of the engine answers "ok" to inserts that were killed or refused.
        """
        assert statement.data is not None
        try:
            opened = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
            with open(opened, "wb") as file:  # noqa: PTH123 -- of an open file, which it does not cut to nothing first
                file.write(statement.data)
                file.truncate()
        except OSError as error:
            raise ServerError(243 if error.errno == errno.ENOSPC else 425, f"Cannot write the data: {error}") from error
        return _result(self._run(statement.with_file(self._quoted)), inserted=True)

    def execute_own(self, word: bytes, text: bytes) -> None:
        """Run a SET or USE, which lasts as long as the session. Raises ServerError."""
        self._drop_overlay()
        self._run(text)
        self._own_settings = self._own_settings or word == b"SET"
        if word == b"USE":
            self._database = self.session_database = self._run("SELECT currentDatabase()").bytes().decode().strip()

    def own_settings(self) -> dict[str, str]:
        """Return what SET has changed in this session."""
        if not self._own_settings:
            return {}
        self._drop_overlay()
        return {name: value for name, value in self._changed("1").items() if name != "database"}

    def close(self) -> None:
        """Let go of it, and of its file."""
        self._handle.close()
        self._file.unlink(missing_ok=True)

    def _run(self, text: bytes | str, output_format: str = "TabSeparated", parameters: Mapping[str, str] = {}) -> Any:
        try:
            return self._handle.query(text, output_format, params=dict(parameters))
        except Exception as raised:  # noqa: BLE001 -- whatever it is, the client hears of it
            with suppress(Exception):
                self._handle.query(WASH)
            raise self._error(raised) from None

    def _set(self, literals: Mapping[str, str]) -> None:
        if literals:
            self._run("SET " + ", ".join(f"{name} = {literal}" for name, literal in literals.items()))

    def _drop_overlay(self) -> None:
        """Go back to what the session itself has set."""
        for name in self._overlay:
            with suppress(ServerError):  # one that the engine does not know was never set
                self._set({name: self._below.get(name, "DEFAULT")})
        self._overlay, self._below = {}, {}

    def _remember(self, names: list[str]) -> None:
        if names:
            own = self._changed(f"name IN ({', '.join(map(_quoted, names))})")
            self._below |= {name: _quoted(value) for name, value in own.items()}

    def _changed(self, where: str) -> dict[str, str]:
        sql = f"SELECT name, value FROM system.settings WHERE changed AND {where} FORMAT JSONEachRow"
        rows = [json.loads(line) for line in self._run(sql).bytes().splitlines()]
        return {row["name"]: row["value"] for row in rows}


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _result(done: Any, *, inserted: bool) -> Result:
    return Result(
        body=done.bytes() or b"",
        read_rows=done.rows_read() if inserted else done.storage_rows_read(),
        read_bytes=done.bytes_read() if inserted else done.storage_bytes_read(),
        written_rows=done.rows_written(),
        written_bytes=done.bytes_written(),
        rows=0 if inserted else done.rows_read(),
        elapsed_ns=int(done.elapsed() * 1e9),
    )
