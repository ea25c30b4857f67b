"""A ClickHouse server: the same schema, queries and writer as the embedded database, over HTTP, shared by processes."""

from spanpulse_sinks.clickhouse.server._config import ServerConfig
from spanpulse_sinks.clickhouse.server._database import ServerDatabase
from spanpulse_sinks.clickhouse.server._session import Patience

__all__ = ["Patience", "ServerConfig", "ServerDatabase"]
