"""Migrations: numbered SQL files, each run once and in order, recorded in the table `migrations`.

Every statement may run twice (a kill between the last statement and the record repeats the file). A folder with a
higher number than this version knows is refused. Retention is not a migration: it follows the configuration.
"""

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Protocol

from spanpulse_sinks.clickhouse._config import EmbeddedConfig, Retention
from spanpulse_sinks.clickhouse._database import DatabaseSession
from spanpulse_sinks.clickhouse._errors import SchemaMissing, SchemaTooNew
from spanpulse_sinks.clickhouse._measures import later_measures, measure_columns, readable_measures, times_in_ms
from spanpulse_sinks.clickhouse._texts import finish_reasons, late_messages, readable_text

__all__ = ["Migration", "check_schema", "migrate", "migrations", "schema_version"]

CONTRACT = "_contract"
"""How the names of migrations end that take something away from processes of the version before."""

RECORD = """CREATE TABLE IF NOT EXISTS migrations
(version UInt32, name String, applied_at DateTime('UTC') DEFAULT now('UTC'))
ENGINE = MergeTree ORDER BY version SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"""


class SchemaConfig(Protocol):
    """What the schema follows."""

    @property
    def database(self) -> str:
        """The name of the database."""

    @property
    def retention(self) -> Retention:
        """The days that rows are kept."""

    def table_settings(self) -> str:
        """Return the MergeTree settings that stand for {settings}."""

    def placed(self, statement: str) -> str:
        """Return a statement as this database takes it: where it runs, and of which engine a table is."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name and its statements with every placeholder filled."""

    version: int
    name: str
    statements: tuple[str, ...]


def migrations(config: SchemaConfig) -> list[Migration]:
    """Return all migrations in order."""
    found = [
        Migration(int(match[1]), match[2], statements(file.read_text("utf-8"), config))
        for file in files(__package__).joinpath("migrations").iterdir()
        if (match := re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name))
    ]
    return sorted(found, key=lambda migration: migration.version)


def schema_version() -> int:
    """Return the newest schema that this version knows."""
    return migrations(EmbeddedConfig())[-1].version


def migrate(client: Any, config: SchemaConfig) -> int:
    """Bring the client's current database up to date; returns its version. Raises SchemaTooNew, ClickHouseError."""
    known = migrations(config)
    client.command(config.placed(RECORD))
    done = {int(row[0]) for row in client.query("SELECT version FROM migrations").result_rows}
    newest = known[-1].version
    if max(done, default=0) > newest:
        raise SchemaTooNew(f"the data has schema {max(done)}, this version knows up to {newest}: upgrade spanpulse")
    for migration in known:
        if migration.version not in done:
            for statement in migration.statements:
                client.command(config.placed(statement))
            client.command(f"INSERT INTO migrations (version, name) VALUES ({migration.version}, '{migration.name}')")
    follow_retention(client, config)
    return newest


def check_schema(client: DatabaseSession, config: SchemaConfig) -> None:
    """Raise SchemaMissing or SchemaTooNew unless the database has what this version writes and reads.

    A later schema will do unless a migration took something away: processes of two versions run side by side.
    """
    tables = client.query(
        f"SELECT count() FROM system.tables WHERE database = '{config.database}' AND name = 'migrations'"
    )
    done: dict[int, str] = {}
    if tables.result_rows[0][0]:
        done = {int(row[0]): str(row[1]) for row in client.query("SELECT version, name FROM migrations").result_rows}
    known = {migration.version for migration in migrations(config)}
    if missing := known - set(done):
        raise SchemaMissing(
            f"the database {config.database} lacks migration {min(missing)}: run `spanpulse init` first"
        )
    if narrowed := [name for version, name in done.items() if version not in known and name.endswith(CONTRACT)]:
        raise SchemaTooNew(f"the schema no longer fits this version ({', '.join(narrowed)}): upgrade spanpulse")


def statements(text: str, config: SchemaConfig) -> tuple[str, ...]:
    """Return the statements of a file: comments dropped, placeholders filled."""
    bare = re.sub(r"[ \t]*--.*$", "", text, flags=re.MULTILINE)
    filled = re.sub(r"\{(\w+)(?::(\w+))?\}", lambda match: _fill(match[1], match[2], config), bare)
    return tuple(part.strip() for part in re.split(r";[ \t]*(?:\n|$)", filled) if part.strip())


def follow_retention(client: Any, config: SchemaConfig) -> None:
    """Give each table that forgets the TTL of the configuration, where it has another one."""
    rows = client.query(
        f"SELECT name, create_table_query FROM system.tables WHERE database = '{config.database}'"
    ).result_rows
    for name, create in rows:
        if match := re.search(r"TTL (toDate\(received_at\)|received_day) \+ toIntervalDay\((\d+)\)", create):
            days = config.retention.days(name)
            if int(match[2]) != days:
                client.command(f"ALTER TABLE {name} MODIFY TTL {match[1]} + toIntervalDay({days})")


def _fill(name: str, argument: str | None, config: SchemaConfig) -> str:
    match name, argument:
        case "settings", None:
            return config.table_settings()
        case "measures", None:
            return measure_columns()
        case "later_measures", None:
            return later_measures()
        case "readable", None:
            return readable_measures()
        case "database", None:
            return config.database
        case "ttl", str(table):
            day = "received_day" if table.startswith("rollup_") else "toDate(received_at)"
            return f"TTL {day} + toIntervalDay({config.retention.days(table)})"
        case "milliseconds", str(column):
            return times_in_ms(column)
        case "late_list", str(direction):
            return late_messages(direction).replace("'", "''")
        case "text_of", str(direction):
            return readable_text(direction, config.database)
        case "finish_reasons", None:
            return finish_reasons(config.database)
    return "{" + name + "}"  # {condition} is the engine's own
