"""The embedded database: ClickHouse inside this process, one folder, one writer, readers, and sessions for guests.

Readers are the program's own; people's queries run in sessions of their own, so that they neither keep a reader
waiting nor leave anything behind in it. Guarantee: one process owns the folder; a second one gets `DatabaseInUse`.
`close` ends running queries before the engine goes. Not guaranteed: survival of a fork after `open`; that a query
ends which waits for another machine: `close` returns without it, and the process must then leave by os._exit.
"""

import fcntl
import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, chdir, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Self

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse._config import DATABASE, GUEST_SETTINGS, READ_SETTINGS, WRITE_SETTINGS, EmbeddedConfig
from spanpulse_sinks.clickhouse._embedded_inserts import EmbeddedInserts
from spanpulse_sinks.clickhouse._errors import DatabaseInUse, Failure, QueryFailed, SinkError, failure_of_query
from spanpulse_sinks.clickhouse._handover import Handover
from spanpulse_sinks.clickhouse._migrate import migrate
from spanpulse_sinks.clickhouse._pool import Pool
from spanpulse_sinks.clickhouse._session import Session

__all__ = ["EmbeddedDatabase"]

LOG = logging.getLogger(__name__)
CLOSE_SECONDS = 4.0
LEND_WITHIN_S = 10.0
MOST_OF_A_REASON = 300
ENGINE_FILE = "config.xml"  # the name that the engine looks for first, before the homes of other ClickHouses
UNFIT = frozenset("*?{}\\")  # in a path they are patterns to the engine: it would read no file, or another one


class EmbeddedDatabase:
    """An open folder. Made by `open`; all methods may be called from any thread."""

    def __init__(self, folder: Path, config: EmbeddedConfig, lock: IO[str]) -> None:
        self.folder = folder
        self.config = config
        self._lock = lock
        self._inserting = threading.Lock()
        self._handover = Handover(folder / "incoming")
        self._closed = False
        self._prepare_folders()
        _load_engine(folder)
        self.control = self._client({})
        self.control.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
        self.control.database = DATABASE
        migrate(self.control, config)
        self.writer = self._client({**WRITE_SETTINGS}, DATABASE)
        self.inserts = EmbeddedInserts(self)
        self._readers = Pool([self._reader(READ_SETTINGS) for _ in range(config.readers)])
        self._guests = Pool([self._reader(GUEST_SETTINGS) for _ in range(config.guests)])

    @classmethod
    def open(cls, folder: Path, config: EmbeddedConfig | None = None) -> "EmbeddedDatabase":
        """Open or make the database in ``folder`` and bring its schema up to date (about a second).

        Raises DatabaseInUse, SchemaTooNew, SinkError where the engine cannot read what is there or cannot take the
        folder's path, or OSError where the folder cannot be written.
        """
        folder = folder.resolve()
        if unfit := sorted(UNFIT.intersection(str(folder))):
            raise SinkError(f"the database cannot lie in {folder}: the path must not hold {' '.join(unfit)}")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _locked(folder / "lock")
        try:
            return cls(folder, config or EmbeddedConfig(), lock)
        except ClickHouseError as error:
            lock.close()
            raise SinkError(_unreadable(folder, error)) from error
        except BaseException:
            lock.close()
            raise

    @staticmethod
    def check_free(folder: Path) -> None:
        """Raise DatabaseInUse where another process has ``folder`` open: at once, which `open` may be late to say."""
        if (lock := folder / "lock").exists():
            _locked(lock).close()

    def insert(self, table: str, rows: pa.RecordBatch) -> None:
        """Insert rows as one block, with the writer's client; the table's missing columns get their defaults.

        Raises ClickHouseError or OSError.
        """
        columns = ", ".join(f"`{name}`" for name in rows.schema.names)
        with self._inserting:
            self.writer.command(f"INSERT INTO {table} ({columns}) {self._handover.put(rows)}")

    def reader(self, *, within: float = LEND_WITHIN_S) -> AbstractContextManager[Any]:
        """Lend a reader's client to this thread, waiting at most ``within`` seconds; raises QueryFailed."""
        return self._readers.lend(within)

    def guest(self, *, within: float = LEND_WITHIN_S) -> AbstractContextManager[Any]:
        """Lend a session for a person's query, as `reader` does."""
        return self._guests.lend(within)

    @contextmanager
    def guest_with(self, settings: Mapping[str, str]) -> Iterator[Any]:
        """Make a guest's session with settings of its own, for who holds one already. Raises QueryFailed."""
        asked = {**GUEST_SETTINGS, **settings}
        asked["readonly"] = asked.pop("readonly")  # last: nothing can be set behind it
        try:
            session = self._reader(asked)
        except ClickHouseError as error:
            raise failure_of_query(error) from error
        try:
            yield session
        finally:
            session.close()

    def maintainer(self, settings: Mapping[str, int | str]) -> Any:
        """Make a session that writes, beside the writer's; who asks closes it. Raises QueryFailed."""
        if self._closed:
            raise QueryFailed(QueryFailed.Kind.CLOSED, "the database is closing")
        try:
            return self._client({**WRITE_SETTINGS, **settings}, DATABASE)
        except ClickHouseError as error:
            raise failure_of_query(error) from error

    def kill(self, mark: str) -> None:
        """End the running queries marked so, by the comment ``/* mark */`` or by `log_comment`; '' means all of them.

        Of a query with parameters the engine keeps a text of its own, without comments.
        """
        marked = f"startsWith(query, '/* {mark}') OR startsWith(Settings['log_comment'], '{mark or 'q:'}')"
        with suppress(ClickHouseError):
            self.control.command(f"KILL QUERY WHERE {marked} ASYNC")

    def close(self) -> None:
        """Refuse new queries, end running ones, wait for their threads to let go, close every client.

        What does not end within seconds is left behind, and `stuck` says so.
        """
        if self._closed:
            return
        self._closed = True
        pools = (self._readers, self._guests)
        for pool in pools:
            pool.refuse()
        deadline = time.monotonic() + CLOSE_SECONDS
        returned: list[Any] = []
        while True:
            self.kill("")
            returned += [client for pool in pools for client in pool.take_back(0.1)]
            if not self.stuck or time.monotonic() > deadline:
                break
        if self.stuck:
            LOG.error("%d queries did not end within %g s", self.stuck, CLOSE_SECONDS)
        for client in (*returned, self.writer, self.control):
            client.close()
        self._handover.remove()
        self._lock.close()

    @property
    def stuck(self) -> int:
        """How many queries `close` has left behind. 0 before it."""
        return self._readers.out + self._guests.out if self._closed else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare_folders(self) -> None:
        for name in ("incoming", "tmp"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir()
        beside = self.folder / f"{ENGINE_FILE}.new"
        beside.write_text(self.config.engine_file(), "utf-8")
        beside.replace(self.folder / ENGINE_FILE)

    def _client(self, settings: dict[str, Any], database: str | None = None) -> Any:
        options = {
            **self.config.engine_options(),
            "config-file": str(self.folder / ENGINE_FILE),
            "tmp_path": f"{self.folder / 'tmp'}{os.sep}",
        }
        client = clickhouse_connect.get_client(
            interface="chdb",
            path=str(self.folder / "store"),
            chdb_options=options,
            settings=settings,
            database=database,
        )
        return Session(client)

    def _reader(self, settings: Mapping[str, int | str]) -> Any:
        return self._client({**self.config.limits.settings(), **settings}, DATABASE)


def _load_engine(folder: Path) -> None:
    """Import the engine where it finds our file: as it is imported it reads the first config.xml that it finds."""
    with chdir(folder):
        import_module("chdb")


def _unreadable(folder: Path, error: ClickHouseError) -> str:
    """Return what to do about a folder that could not be opened, in one line."""
    why = " ".join(str(error).split())
    why = why.rpartition("DB::Exception: ")[2][:MOST_OF_A_REASON]
    if Failure.of(error) is Failure.NO_SPACE:
        return f"the database in {folder} cannot be opened, free some space: {why}"
    return (
        f"the database in {folder} cannot be read: move this folder away and start again, "
        f"the log refills what it still has ({why})"
    )


def _locked(path: Path) -> IO[str]:
    """Take the lock of a folder; the system lets go of it when the process ends, however it ends."""
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        owner = file.read().strip()
        file.close()
        raise DatabaseInUse(f"{path.parent} is in use by process {owner or 'unknown'}") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
