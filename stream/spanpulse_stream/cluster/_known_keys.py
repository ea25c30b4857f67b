"""What a gateway knows of the shared API keys: read from ClickHouse, and kept in a file for a start without it.

The file holds hashes, is readable by its owner alone, and belongs to one server and database: another one's is not
used. Not guaranteed: anything about two gateways that share a data folder.
"""

import contextlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from spanpulse_sinks.clickhouse import QueryLimits, write_durably
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster._database import server_config
from spanpulse_stream.cluster._shared import MOST_KEYS_BYTES, Shared, hashed, keys_of
from spanpulse_stream.cluster._shared_rows import SharedRow
from spanpulse_stream.gateway import ApiKeys, InvalidKey
from spanpulse_stream.settings import Settings

__all__ = ["NOTHING_SHARED", "KeysFile", "KeysReader", "KnownKeys"]

LOG = logging.getLogger(__name__)
MIB = 1024 * 1024
FILE = Path("gateway", "keys.json")
MOST_FILE_BYTES = MOST_KEYS_BYTES + MIB
CONNECT_WITHIN_S, ANSWER_WITHIN_S = 3.0, 5.0
LIMITS = QueryLimits(seconds=ANSWER_WITHIN_S, rows=10, result_bytes=16 * MIB)


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """Keys and their version, ms since 1970; 0 and None where nothing is shared: those of the settings hold."""

    version: int
    keys: ApiKeys | None

    @classmethod
    def of(cls, row: SharedRow | None) -> "KnownKeys":
        """Return what a row says. Raises InvalidKey."""
        return cls(row.version, keys_of(row.text)) if row is not None else NOTHING_SHARED


NOTHING_SHARED = KnownKeys(0, None)


class KeysReader:
    """Asks the server, from one thread at a time; it connects when it is first asked."""

    def __init__(self, settings: Settings) -> None:
        self._replicas = settings.clickhouse_cluster is not None
        config = server_config(settings)
        self._config = replace(
            config,
            readers=1,
            connect_timeout=CONNECT_WITHIN_S,
            timeout=min(ANSWER_WITHIN_S, config.timeout),
            limits=LIMITS,
        )
        self._database: ServerDatabase | None = None

    def newest(self) -> SharedRow | None:
        """Return the row that is in force. Raises SinkError (QueryFailed), ClickHouseError."""
        if self._database is None:
            self._database = ServerDatabase.attach(self._config)
        return Shared(self._database).newest_keys(sequential=self._replicas)

    def close(self) -> None:
        """Close the connection. May be called again."""
        if self._database is not None:
            self._database.close()


class KeysFile:
    """The file in the data folder."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.data / FILE
        self._server = f"{settings.clickhouse_url}/{settings.clickhouse_database}"

    def load(self) -> KnownKeys | None:
        """Return what was known last of this server; None where that is nothing, or cannot be read."""
        try:
            with self._path.open("rb") as file:
                kept = orjson.loads(file.read(MOST_FILE_BYTES))
            if kept["server"] != self._server:
                return None
            text = kept["keys"]
            return KnownKeys(int(kept["version"]), keys_of(text)) if text is not None else NOTHING_SHARED
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            why = str(error) if isinstance(error, OSError | InvalidKey) else "it is no file of keys"
            LOG.warning("%s cannot be used: %s", self._path, why)
            return None

    def store(self, known: KnownKeys) -> None:
        """Keep what is known. Raises OSError, after which no older keys are kept either: they may be revoked."""
        text = None if known.keys is None else hashed(known.keys)
        kept = {"server": self._server, "version": known.version, "keys": text}
        try:
            self._path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._path, orjson.dumps(kept).decode())
        except OSError:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            raise
