"""Migrations: numbered SQL files, each run once and in order, recorded in the table `migrations`.

Every statement may run twice (a kill between the last statement and the record repeats the file). A folder with a
higher number than this version knows is refused. Retention is not a migration: it follows the configuration.
"""

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from spanpulse_sinks.clickhouse._config import DATABASE, EmbeddedConfig
from spanpulse_sinks.clickhouse._errors import SchemaTooNew
from spanpulse_sinks.clickhouse._measures import later_measures, measure_columns, readable_measures, times_in_ms
from spanpulse_sinks.clickhouse._texts import finish_reasons, late_messages, readable_text

__all__ = ["Migration", "migrate", "migrations", "schema_version"]

RECORD = """CREATE TABLE IF NOT EXISTS migrations
(version UInt32, name String, applied_at DateTime('UTC') DEFAULT now('UTC'))
ENGINE = MergeTree ORDER BY version SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name and its statements with every placeholder filled."""

    version: int
    name: str
    statements: tuple[str, ...]


def migrations(config: EmbeddedConfig) -> list[Migration]:
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


def migrate(client: Any, config: EmbeddedConfig) -> int:
    """Bring the client's current database up to date; returns its version. Raises SchemaTooNew, ClickHouseError."""
    known = migrations(config)
    client.command(RECORD)
    done = {int(row[0]) for row in client.query("SELECT version FROM migrations").result_rows}
    newest = known[-1].version
    if max(done, default=0) > newest:
        raise SchemaTooNew(f"the data has schema {max(done)}, this version knows up to {newest}: upgrade spanpulse")
    for migration in known:
        if migration.version not in done:
            for statement in migration.statements:
                client.command(statement)
            client.command(f"INSERT INTO migrations (version, name) VALUES ({migration.version}, '{migration.name}')")
    follow_retention(client, config)
    return newest


def statements(text: str, config: EmbeddedConfig) -> tuple[str, ...]:
    """Return the statements of a file: comments dropped, placeholders filled."""
    bare = re.sub(r"[ \t]*--.*$", "", text, flags=re.MULTILINE)
    filled = re.sub(r"\{(\w+)(?::(\w+))?\}", lambda match: _fill(match[1], match[2], config), bare)
    return tuple(part.strip() for part in re.split(r";[ \t]*(?:\n|$)", filled) if part.strip())


def follow_retention(client: Any, config: EmbeddedConfig) -> None:
    """Give each table that forgets the TTL of the configuration, where it has another one."""
    rows = client.query(f"SELECT name, create_table_query FROM system.tables WHERE database = '{DATABASE}'").result_rows
    for name, create in rows:
        if match := re.search(r"TTL (toDate\(received_at\)|received_day) \+ toIntervalDay\((\d+)\)", create):
            days = config.retention.days(name)
            if int(match[2]) != days:
                client.command(f"ALTER TABLE {name} MODIFY TTL {match[1]} + toIntervalDay({days})")


def _fill(name: str, argument: str | None, config: EmbeddedConfig) -> str:
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
            return DATABASE
        case "ttl", str(table):
            day = "received_day" if table.startswith("rollup_") else "toDate(received_at)"
            return f"TTL {day} + toIntervalDay({config.retention.days(table)})"
        case "milliseconds", str(column):
            return times_in_ms(column)
        case "late_list", str(direction):
            return late_messages(direction).replace("'", "''")
        case "text_of", str(direction):
            return readable_text(direction, DATABASE)
        case "finish_reasons", None:
            return finish_reasons(DATABASE)
    return "{" + name + "}"  # {condition} is the engine's own
