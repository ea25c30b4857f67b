"""Two shards in one engine: each half of a database's rows is a shard, and what reads all of them is the real thing.

A query over the shards is planned, run on each and put together by the engine as it is over a network; only the way
to a shard is none, since the embedded engine reaches no other. Which rows a shard has is said by filters of the user:
`shardNum()` is the shard that is asked, and 0 where a table is asked by itself, which then has all rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from clickhouse_running import ClickHouse
from spanpulse_sinks.clickhouse import TABLES
from spanpulse_sinks.clickhouse.server import ServerConfig, ServerDatabase
from spanpulse_sinks.clickhouse.server._everywhere import everywhere_statements

__all__ = ["halved", "whole"]

DATABASE = "spanpulse"
LOCAL_SHARDS = "Remote('127.0.0.1,localhost', "
FALLS_TO = {"span_updates": "target_log_offset", "batches": "first_offset"}  # what is joined lies together
OF_THE_FIRST = ("dead_letter_replays", "removed_days", "shared_state", "migrations")
USERS = """<clickhouse><users><default><password></password><profile>default</profile><quota>default</quota>
<networks><ip>::/0</ip></networks><databases><{database}>{filters}</{database}></databases></default></users>
<profiles><default></default></profiles><quotas><default></default></quotas></clickhouse>"""
CONFIG = """<clickhouse><user_directories><users_xml><path>{users}</path></users_xml></user_directories></clickhouse>"""


@contextmanager
def whole(folder: Path) -> Iterator[tuple[ClickHouse, ServerConfig]]:
    """Start a server on a database that `halved` divides once it is filled."""
    folder.mkdir(parents=True)
    users, config = folder / "users.xml", folder / "halves.xml"
    filters = "".join(f"<{name}><filter>{_falls(name)}</filter></{name}>" for name in (*TABLES, *OF_THE_FIRST))
    users.write_text(USERS.format(database=DATABASE, filters=filters), "utf-8")
    config.write_text(CONFIG.format(users=users), "utf-8")
    with ClickHouse.start(folder / "server", options={"config-file": str(config)}) as server:
        made = ServerConfig("127.0.0.1", server.port, timeout=120, distributed="all")
        ServerDatabase.prepare(replace(made, distributed=None))
        yield server, made


def halved(server: ClickHouse, config: ServerConfig) -> ServerDatabase:
    """Return what reads the two halves of a database."""
    client = server.client(database=DATABASE)
    tables = client.query(f"SHOW TABLES FROM {DATABASE}").result_rows
    known = {*TABLES, *OF_THE_FIRST}
    for statement in everywhere_statements(config, [str(name) for (name,) in tables if name in known]):
        client.command(statement.replace(f"Distributed('{config.distributed}', ", LOCAL_SHARDS))
        client.database = config.everywhere
    client.close()
    return ServerDatabase.connect(replace(config, reads_all=True))


def _falls(table: str) -> str:
    """Return which rows fall to the shard that is asked."""
    if table in OF_THE_FIRST:
        return "shardNum() IN (0, 1)"
    place = "cityHash64(applied)" if table.startswith("rollup_") else FALLS_TO.get(table, "log_offset")
    return f"shardNum() IN (0, {place} % 2 + 1)"
