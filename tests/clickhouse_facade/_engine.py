"""The engine of this process: opened once on a folder, then any number of connections to it.

Guarantee: the folder holds the data under `store`; what a killed process left beside it is swept. Not guaranteed: a
path with characters that the engine takes for patterns.
"""

import itertools
import os
import shutil
import threading
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from clickhouse_facade._connection import TAG, Connection
from clickhouse_facade._errors import ServerError, error_of_engine

__all__ = ["Engine"]

MIB = 1024 * 1024
UNFIT = frozenset("*?{}\\")
NO_CONFIGURATION = "<clickhouse></clickhouse>\n"


class Engine:
    """``options`` are server settings of the engine, over these defaults."""

    def __init__(self, folder: Path, options: Mapping[str, str]) -> None:
        folder = folder.resolve()
        if UNFIT.intersection(str(folder)):
            raise ValueError(f"the engine takes {folder} for a pattern")
        self._incoming = folder / "incoming"
        for beside in (self._incoming, folder / "tmp"):
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
        configuration = folder / "config.xml"
        configuration.write_text(NO_CONFIGURATION, "utf-8")
        defaults = {
            "max_server_memory_usage": 1024 * MIB,
            "mark_cache_size": 64 * MIB,
            "background_pool_size": 2,
            "background_schedule_pool_size": 4,
            "tmp_path": f"{folder / 'tmp'}{os.sep}",
            "config-file": str(configuration),
        }
        self._address = f"{folder / 'store'}?{urlencode({**defaults, **options})}"
        os.chdir(folder)  # while it is imported the engine takes the first config.xml that it finds
        self._connect = import_module("chdb").connect
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self.names: Mapping[int, str] = {}
        self._control = self.connect()
        self.names = self._error_names()
        self.version, self.timezone = self._ask("SELECT version(), timezone()").split("\t")

    def connect(self) -> Connection:
        """Open a connection (a millisecond)."""
        handle: Any = self._connect(self._address)
        return Connection(handle, self._incoming / f"{next(self._numbers)}.data", self._error)

    def kill(self, query_id: str | None = None) -> None:
        """End the query with a client's id, or all of them; it ends in its own thread, with code 394."""
        which = f"Settings['{TAG}'] = {{id:String}}" if query_id is not None else "1"
        parameters = {"id": query_id} if query_id is not None else {}
        with self._lock, suppress(ServerError):
            self._control.execute(f"KILL QUERY WHERE {which} ASYNC".encode(), "Null", parameters)

    def count_rows(self, path: Path, data_format: str) -> int:
        """Return the number of rows of a file in a format."""
        sql = "SELECT count() FROM file({path:String}, {format:String})"
        with self._lock:
            parameters = {"path": str(path), "format": data_format}
            return int(self._control.execute(sql.encode(), "TabSeparated", parameters).body)

    def close(self) -> None:
        """Close the own connection; the last one to be closed closes the engine."""
        self._control.close()

    def _ask(self, sql: str) -> str:
        return self._control.execute(sql.encode(), "TabSeparated", {}).body.decode().rstrip("\n")

    def _error_names(self) -> dict[int, str]:
        sql = "SELECT number, errorCodeToName(toInt32(number)) AS name FROM numbers(1, 1200) WHERE name != ''"
        return {int(number): name for number, name in (row.split("\t") for row in self._ask(sql).splitlines())}

    def _error(self, raised: BaseException) -> ServerError:
        return error_of_engine(raised, self.names)
