"""Whose database it is: which log may be written to it, a row of `shared_state` of the first shard.

Sources are numbers that one topic gives out, and workers of one group share its partitions. Workers of another topic,
another Kafka or another group would write under the same numbers, or everything once more. So `spanpulse init` writes
down whose database it is, and `init` and every worker compare that with their own before they write. A row has the
number of its generation as its version; of two that are written at once the server keeps the first, by its token.

Not guaranteed: anything against workers that run already while the row is replaced, or of a version without the row.
"""

import asyncio
from dataclasses import asdict, dataclass, fields
from typing import Any

import orjson

from spanpulse_sinks.clickhouse import QueryFailed, SinkError, query
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster._shared_rows import SharedRow, add_surely
from spanpulse_stream.kafka import LogSources, OwnTopics, TopicsRefused
from spanpulse_stream.settings import Settings, SettingsError

__all__ = ["Owner", "check_names", "own_database", "replace_owner"]

KIND = "log"
REPLACE = "with all workers of both stopped, `spanpulse init --replace-log` (docs/cluster.md says what it takes)"


@dataclass(frozen=True, slots=True)
class Owner:
    """A log: its topics' prefix, the workers' group, and the id of its topic of sources, which no other topic has."""

    prefix: str
    group: str
    sources: str

    @classmethod
    async def of(cls, settings: Settings) -> "Owner":
        """Return that of the settings. Raises KafkaAway, KafkaMisconfigured, TopicsRefused."""
        return cls(settings.kafka_topic_prefix, settings.kafka_group, str(await LogSources(settings).id()))


def check_names(settings: Settings, database: ServerDatabase) -> None:
    """Compare what can be compared before there are topics; like `own_database`."""
    _, held = _held(database)
    if held is not None:
        _compare_names(settings, database, held)


async def own_database(settings: Settings, database: ServerDatabase) -> None:
    """Return where the database belongs to the log of the settings, or to nobody: then it does from now on.

    Raises SettingsError for another prefix or group, TopicsRefused for another topic of sources, SinkError where the
    row cannot be read or written, and KafkaAway or KafkaMisconfigured.
    """
    mine = await Owner.of(settings)
    _, held = await asyncio.to_thread(_held, database)
    if held is None:
        held = await asyncio.to_thread(_write, database, 1, mine)
    _compare(settings, database, mine, held)


async def replace_owner(settings: Settings, database: ServerDatabase, highest: int) -> list[str]:
    """Have the database belong to the log of the settings; returns what was done. No worker may run.

    ``highest`` is the highest source that the database has. Raises TopicsRefused where the topic of sources is another
    one and gave out numbers that the database has, and as `own_database` does, where somebody else did so just now.
    """
    mine = await Owner.of(settings)
    generation, held = await asyncio.to_thread(_held, database)
    if held == mine:
        return []
    if held is not None and held.sources != mine.sources and await LogSources.found(settings, highest + 1) <= highest:
        raise TopicsRefused(
            f"topic {OwnTopics.of(settings).sources} gave out numbers that database {database.config.database} has "
            "from another log: delete the topic, and run `spanpulse init --replace-log` again"
        )
    _compare(settings, database, mine, await asyncio.to_thread(_write, database, generation + 1, mine))
    return [f"ClickHouse: database {database.config.database} is now written by group {mine.group} of {mine.prefix}.*"]


def _compare(settings: Settings, database: ServerDatabase, mine: Owner, held: Owner) -> None:
    _compare_names(settings, database, held)
    if held.sources != mine.sources:
        raise TopicsRefused(
            f"topic {OwnTopics.of(settings).sources} has the id {mine.sources}, and database "
            f"{database.config.database} has the numbers of one with the id {held.sources}: that one was deleted, "
            "or is of another Kafka. Every partition would get a new number, and what was written but not committed "
            "would be stored twice. For another Kafka use another clickhouse_database; for a topic made anew, "
            f"{REPLACE}"
        )


def _compare_names(settings: Settings, database: ServerDatabase, held: Owner) -> None:
    mine = {"kafka_topic_prefix": settings.kafka_topic_prefix, "kafka_group": settings.kafka_group}
    wrong = [
        f"{name} {theirs} (here {mine[name]})"
        for name, theirs in (("kafka_topic_prefix", held.prefix), ("kafka_group", held.group))
        if theirs != mine[name]
    ]
    if wrong:
        raise SettingsError(
            f"database {database.config.database} is written by workers with {' and '.join(wrong)}; two that write to "
            "one database lose and double spans. Use the same, or another clickhouse_database; if the change is "
            f"deliberate, {REPLACE}"
        )


def _held(database: ServerDatabase) -> tuple[int, Owner | None]:
    """Return the newest generation and whose it is; 0 and None where there is none.

    Raises QueryFailed, and SinkError for a row of a newer release.
    """
    sql = (
        "SELECT count() AS found, max(version) AS generation, argMax(text, (version, text)) AS owner"  # noqa: S608
        f" FROM shared_state WHERE kind = '{KIND}'"
    )
    try:
        row = orjson.loads(query(database, sql, output_format="JSONEachRow"))
        if not int(row["found"]):
            return 0, None
        return int(row["generation"]), _owner(orjson.loads(row["owner"]))
    except (ValueError, KeyError, TypeError):
        raise QueryFailed(QueryFailed.Kind.FAILED, "the answer does not say whose the database is") from None


def _owner(row: Any) -> Owner:
    """Return whose a stored row says that the database is. Raises SinkError, TypeError."""
    known = {field.name for field in fields(Owner)}
    if isinstance(row, dict) and row.keys() >= known and (unknown := sorted(row.keys() - known)):
        raise SinkError(
            f"a newer release wrote down whose the database is, with {', '.join(unknown)}, which this one does not "
            "know: only processes of that release, or of a newer one, may write to it"
        )
    return Owner(**row)


def _write(database: ServerDatabase, generation: int, owner: Owner) -> Owner:
    """Write a row, unless somebody else did just now; returns whose the database is then. Raises SinkError."""
    row = SharedRow(KIND, generation, orjson.dumps(asdict(owner)).decode(), "spanpulse")
    token, what = f"{KIND}/{generation}", "the row that says whose the database is"
    add_surely(database, row, token, what, lambda: _held(database)[0] >= generation)
    _, held = _held(database)
    if held is None:
        raise SinkError("ClickHouse said ok, and does not have the row that says whose the database is")
    return held
