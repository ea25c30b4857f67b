"""How a ClickHouse server is reached, and what its tables are told.

Less is set than for the embedded engine: a server's memory, caches and merges are its operator's. What stands here is
what the promises of a write rest on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spanpulse_sinks.clickhouse._config import DATABASE, MIB, ONE_PART, QueryLimits, Retention

__all__ = ["INSERT_SETTINGS", "QUERY_SETTINGS", "ServerConfig"]

REMEMBERED_PARTS = 10_000  # tokens by which an insert that comes again is known; what it costs was measured: nothing
REMEMBERED_S = 7 * 86_400  # and a replicated table forgets them after an hour if it is not told otherwise
REPLICA = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'"

# The answer of an insert comes when it is done, and of two with one token one is dropped.
INSERT_SETTINGS: Mapping[str, int | str] = {**ONE_PART, "insert_deduplicate": 1}
REPLICATED_INSERTS: Mapping[str, int | str] = {"insert_quorum": "auto", "insert_quorum_parallel": 0}

QUERY_SETTINGS: Mapping[str, int | str] = {
    "session_timezone": "UTC",
    "timeout_overflow_mode": "throw",
    "result_overflow_mode": "throw",
    "output_format_json_validate_utf8": 1,
    "max_query_size": 16 * MIB,
    "readonly": 2,
}


# A subquery of a join or IN is asked once, of all shards; an answer without a shard's rows would be a wrong one.
SHARD_QUERIES: Mapping[str, int | str] = {"distributed_product_mode": "global", "skip_unavailable_shards": 0}


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Address, user and bounds of a server. Times are seconds.

    ``cluster`` names a cluster of the server's configuration: tables are then made ON CLUSTER and replicated, with the
    server's own macros `shard` and `replica`, and the name may hold such a macro. ``readers`` is how many queries of
    this process run at once. Where there are several shards, this is the address of one, ``distributed`` names the
    cluster of all of them, and ``reads_all`` says that queries read every shard's rows.
    """

    host: str
    port: int = 8123
    tls: bool = False
    user: str = "default"
    password: str = field(default="", repr=False)
    database: str = DATABASE
    ca: Path | None = None
    certificate: Path | None = None
    cluster: str | None = None
    distributed: str | None = None
    reads_all: bool = False
    readers: int = 4
    connect_timeout: float = 5.0
    timeout: float = 60.0
    limits: QueryLimits = field(default_factory=QueryLimits)
    retention: Retention = field(default_factory=Retention)

    @property
    def everywhere(self) -> str:
        """The database whose tables are those of all shards."""
        return f"{self.database}_all"

    @property
    def query_settings(self) -> dict[str, int | str]:
        """The settings of every query."""
        return {**QUERY_SETTINGS, **(SHARD_QUERIES if self.reads_all else {})}

    @property
    def insert_settings(self) -> dict[str, int | str]:
        """The settings of every insert."""
        return {**INSERT_SETTINGS, **(REPLICATED_INSERTS if self.cluster else {})}

    def table_settings(self) -> str:
        """Return the MergeTree settings that stand for {settings}."""
        window = "replicated_deduplication_window" if self.cluster else "non_replicated_deduplication_window"
        settings: dict[str, int | str] = {
            window: REMEMBERED_PARTS,
            **({"replicated_deduplication_window_seconds": REMEMBERED_S} if self.cluster else {}),
            "fsync_after_insert": 1,
            "fsync_part_directory": 1,
            "ttl_only_drop_parts": 1,
            "materialize_ttl_recalculate_only": 1,
        }
        return "SETTINGS " + ", ".join(f"{name} = {value}" for name, value in settings.items())

    def placed(self, statement: str) -> str:
        """Return a statement of the schema for this server: on every host of the cluster, of a replicated engine."""
        if self.cluster is None:
            return statement
        on = f"\\1 ON CLUSTER '{self.cluster}'"
        placed = re.sub(DEFINES, on, statement, count=1, flags=re.IGNORECASE)
        return re.sub(r"ENGINE = (\w*)MergeTree(?!\()", rf"ENGINE = Replicated\1MergeTree({REPLICA})", placed)


DEFINES = (
    r"^((?:CREATE TABLE IF NOT EXISTS|CREATE OR REPLACE TABLE|CREATE OR REPLACE VIEW|CREATE VIEW IF NOT EXISTS"
    r"|CREATE OR REPLACE DICTIONARY|CREATE OR REPLACE FUNCTION|CREATE FUNCTION IF NOT EXISTS"
    r"|CREATE DATABASE IF NOT EXISTS|ALTER TABLE|DROP TABLE IF EXISTS|DROP VIEW IF EXISTS|TRUNCATE TABLE) [\w.`]+)"
)
"""The statements of migrations that change every host's schema; what follows them is the name of what they define."""
