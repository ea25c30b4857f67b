"""A ClickHouse server as the steps know a database: a writer, readers, and inserts with tokens.

Guarantee: no request waits longer than its timeout, and a server that is away is not asked by everybody at once.
Not guaranteed: that rows are there after an insert that raised; `BatchWriter` looks.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any, Self

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httputil import get_pool_manager

from spanpulse_sinks.clickhouse._errors import SinkError
from spanpulse_sinks.clickhouse._migrate import check_schema, migrate
from spanpulse_sinks.clickhouse._pool import Pool
from spanpulse_sinks.clickhouse._workbench import ReadBench
from spanpulse_sinks.clickhouse.server._breaker import Breaker
from spanpulse_sinks.clickhouse.server._config import ServerConfig
from spanpulse_sinks.clickhouse.server._everywhere import check_everywhere, make_everywhere
from spanpulse_sinks.clickhouse.server._inserts import ServerInserts
from spanpulse_sinks.clickhouse.server._session import Patience, ServerSession

__all__ = ["ServerDatabase"]

LEND_WITHIN_S = 10.0
BENCH_WITHIN_S = 3600
COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


class ServerDatabase:
    """A connection to a server. Made by `connect`; all methods may be called from any thread."""

    def __init__(self, config: ServerConfig, client: Any, patience: Patience) -> None:
        self.config = config
        self._patience = patience
        self.breaker = Breaker()
        self._client = client
        self.writer = self._session({"session_timezone": "UTC"})
        self.inserts = ServerInserts(self)
        self._readers = Pool(
            [self._session({**config.limits.settings(), **config.query_settings}) for _ in range(config.readers)]
        )

    @classmethod
    def connect(cls, config: ServerConfig, patience: Patience | None = None) -> Self:
        """Connect, and see that the schema is one that this version can work with. ``patience`` is that of reads.

        Raises SchemaTooNew, SchemaMissing where `spanpulse init` was not run, or ClickHouseError.
        """
        database = cls(config, _client(config, config.database), patience or Patience())
        try:
            check_schema(database.writer, config)
            if config.reads_all:
                check_everywhere(database.writer, config)
                database._client.database = config.everywhere
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def attach(cls, config: ServerConfig) -> Self:
        """Connect and look at nothing: for a user who may read one table. Raises SinkError, ClickHouseError."""
        return cls(config, _client(config, config.database), Patience())

    @staticmethod
    def reach(config: ServerConfig) -> None:
        """Ask the server for nothing but an answer. Raises ClickHouseError."""
        _client(config, None).close()

    @classmethod
    def prepare(cls, config: ServerConfig) -> int:
        """Make the database and bring its schema up to date; returns its version. May be repeated, by many at once.

        Of several shards this prepares the one whose address it is. Raises SchemaTooNew or ClickHouseError.
        """
        client = _client(config, None)
        try:
            client.command(config.placed(f"CREATE DATABASE IF NOT EXISTS {config.database}"))
            client.database = config.database
            version = migrate(client, config)
            if config.distributed is not None:
                make_everywhere(client, config)
            return version
        finally:
            client.close()

    def insert(self, table: str, rows: pa.RecordBatch, *, token: str | None = None) -> int | None:
        """Insert rows as one block; returns how many the server says it has written, None where it says nothing.

        Rows go to the own tables of the server that is connected to, of one shard where there are several.
        Raises ClickHouseError.
        """
        settings: dict[str, Any] = dict(self.config.insert_settings)
        if token is not None:
            settings["insert_deduplication_token"] = token
        answer = self.writer.insert(self._local(table), rows.schema.names, _stream(rows), settings)
        summary: Mapping[str, str] = getattr(answer, "summary", None) or {}
        written = summary.get("written_rows")
        return int(written) if written is not None else None

    def _local(self, table: str) -> str:
        return f"{self.config.database}.{table}" if self.config.reads_all else table

    def settle(self, table: str) -> None:
        """Have what was inserted through another replica arrive at this one before it is looked for."""
        if self.config.cluster is not None:
            self.writer.command(f"SYSTEM SYNC REPLICA {table} LIGHTWEIGHT")

    def reader(self, *, within: float = LEND_WITHIN_S) -> AbstractContextManager[Any]:
        """Lend a session that reads, waiting at most ``within`` seconds for it. Raises QueryFailed."""
        return self._readers.lend(within)

    def bench(self) -> ReadBench:
        """Return what maintenance reads with: long queries, in Arrow."""
        return ReadBench(self._session({**self.config.query_settings, "max_execution_time": BENCH_WITHIN_S}))

    def kill(self, mark: str) -> None:
        """End the running queries of this user whose `log_comment` begins with ``mark``."""
        if not mark:
            raise ValueError("a server is shared: name the queries to end")
        with suppress(ClickHouseError):
            self.writer.command(f"KILL QUERY WHERE startsWith(Settings['log_comment'], '{mark}') ASYNC")

    def close(self) -> None:
        """Lend nothing from now on, and close the connections; running queries end with them."""
        self._readers.refuse()
        self._client.close()

    def _session(self, settings: Mapping[str, int | float | str]) -> ServerSession:
        return ServerSession(self._client, self.breaker, settings, self._patience)


def _client(config: ServerConfig, database: str | None) -> Any:
    """Connect. Raises ClickHouseError, or SinkError where a file of a certificate cannot be used."""
    options: dict[str, Any] = {"maxsize": config.readers + 2, "num_pools": 1}
    if config.ca is not None:
        options["ca_cert"] = str(config.ca)
    if config.certificate is not None:
        options["client_cert"] = str(config.certificate)
    for path in filter(None, (config.ca, config.certificate)):
        if not path.is_file():
            raise SinkError(f"the certificate file {path} of ClickHouse cannot be read")
    return clickhouse_connect.get_client(
        host=config.host,
        port=config.port,
        interface="https" if config.tls else "http",
        username=config.user,
        password=config.password,
        database=database,
        compress="lz4",
        connect_timeout=round(config.connect_timeout),
        send_receive_timeout=round(config.timeout),
        query_retries=0,
        autogenerate_session_id=False,
        show_clickhouse_errors=True,
        pool_mgr=get_pool_manager(**options),
    )


def _stream(rows: pa.RecordBatch) -> memoryview:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=COMPRESSED) as stream:
        stream.write_batch(rows)
    return memoryview(sink.getvalue())
