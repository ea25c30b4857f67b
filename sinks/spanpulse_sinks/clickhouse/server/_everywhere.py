"""The database over all shards: what reads the rows of every shard, under the names of the tables and views.

Rows are written to a shard's own tables, by who knows the shard of a source; nothing is ever inserted through this
database. It holds no data: it is made anew, statement by statement, whenever the schema is brought up to date.
Guarantee: `spans` joins a span with its updates on the shard that has both, since both have one source; late texts are
looked for on every shard, for logs may be of another source than their span. Not guaranteed: an answer while a shard is
away; a query fails then, and never leaves a shard out.
"""

import re
from collections.abc import Iterator
from typing import Any

from spanpulse_sinks.clickhouse._errors import SchemaMissing
from spanpulse_sinks.clickhouse._migrate import migrations
from spanpulse_sinks.clickhouse.server._config import ServerConfig

__all__ = ["check_everywhere", "everywhere_statements", "make_everywhere"]

ROW_BY_ROW = "spans"
"""The view whose rows are those of a table: each shard has its own, and all of them together are the view."""
OF_A_SHARD = frozenset(("migrations",))
DEFINED = re.compile(r"CREATE OR REPLACE (VIEW|DICTIONARY) (\w+)")
TABLES = "SELECT name FROM system.tables WHERE database = '{}' AND endsWith(engine, 'MergeTree') ORDER BY name"


def make_everywhere(client: Any, config: ServerConfig) -> None:
    """Make it anew, on a shard whose own tables are up to date. Raises ClickHouseError.

    Queries that run meanwhile see the old or the new definition of each name.
    """
    client.database = config.database
    tables = [str(name) for (name,) in client.query(TABLES.format(config.database)).result_rows]
    for statement in everywhere_statements(config, [name for name in tables if not name.startswith("aside_")]):
        client.command(config.placed(statement))
        client.database = config.everywhere  # it is there once the first statement was run; views name tables in it


def everywhere_statements(config: ServerConfig, tables: list[str]) -> Iterator[str]:
    """Yield what makes it, the database first. ``tables`` are those of a shard."""
    local, everywhere = config.database, config.everywhere
    yield f"CREATE DATABASE IF NOT EXISTS {everywhere}"
    for name in (*(name for name in tables if name not in OF_A_SHARD), ROW_BY_ROW):
        yield (
            f"CREATE OR REPLACE TABLE {everywhere}.{name} AS {local}.{name}"
            f" ENGINE = Distributed('{config.distributed}', '{local}', '{name}')"
        )
    for kind, name, statement in _newest(config):
        if kind == "DICTIONARY":
            reading = statement.replace(f"FROM {local}.", f"FROM {everywhere}.")
            yield reading.replace(f"{kind} {name}", f"{kind} {local}.{name}", 1)
        elif name != ROW_BY_ROW:
            yield statement.replace(f"{kind} {name}", f"{kind} {everywhere}.{name}", 1)


def check_everywhere(client: Any, config: ServerConfig) -> None:
    """Raise SchemaMissing where it is not there."""
    count = f"SELECT count() FROM system.tables WHERE database = '{config.everywhere}' AND name = '{ROW_BY_ROW}'"
    if not client.query(count).result_rows[0][0]:
        raise SchemaMissing(f"the database {config.everywhere} over all shards is missing: run `spanpulse init` first")


def _newest(config: ServerConfig) -> list[tuple[str, str, str]]:
    """Return kind, name and newest statement of every view and dictionary of the schema."""
    found: dict[str, tuple[str, str, str]] = {}
    for migration in migrations(config):
        for statement in migration.statements:
            if match := DEFINED.match(statement):
                found[match[2]] = (match[1], match[2], statement)
    return list(found.values())
