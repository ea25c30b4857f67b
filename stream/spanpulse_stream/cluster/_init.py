"""`spanpulse init`: the topics of Kafka and the tables of ClickHouse, made where they are missing.

It may be repeated at any time, also while workers run: it adds, and takes nothing away. Not guaranteed: that a topic
gets more partitions where there are fewer than the settings say; that is the operator's decision, as is to keep
messages for a shorter time.
"""

import asyncio
from collections.abc import Callable

from spanpulse_sinks.clickhouse import highest_source
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster._database import connect_shards, shard_configs, wait_for_server
from spanpulse_stream.cluster._owner import check_names, own_database, replace_owner
from spanpulse_stream.kafka import (
    LogSources,
    connection,
    ensure_topics,
    partition_counts,
    read_topics,
    wait_for_brokers,
)
from spanpulse_stream.settings import Settings

__all__ = ["prepare"]


async def prepare(
    settings: Settings, said: Callable[[str], None], *, lower_retention: bool = False, replace_log: bool = False
) -> list[str]:
    """Make what is missing; returns what was done, a line each. ``lower_retention`` is that of `ensure_topics`.

    With ``replace_log`` the database, which must be another log's then, becomes that of these settings.

    Raises SettingsError, KafkaMisconfigured, TopicsRefused, SinkError or ServerUnreachable.
    """
    configs = shard_configs(settings)
    connection(settings, "spanpulse-init")  # its mistakes are told before anything is waited for
    await wait_for_server(settings, said)
    done = []
    for config in configs:
        version = await asyncio.to_thread(ServerDatabase.prepare, config)
        of = f" at {config.host}:{config.port}" if len(configs) > 1 else ""
        done.append(f"ClickHouse: database {config.database}{of} has schema {version}")
    databases = await connect_shards(settings, said)
    try:
        if not replace_log:
            await asyncio.to_thread(check_names, settings, databases[0])  # before topics are made for nobody
        done += await _prepare_log(settings, said, databases, lower_retention=lower_retention, replace_log=replace_log)
    finally:
        for database in databases:
            await asyncio.to_thread(database.close)
    if len(configs) > 1:
        await number_partitions(settings)
    return done


async def _prepare_log(
    settings: Settings,
    said: Callable[[str], None],
    databases: list[ServerDatabase],
    *,
    lower_retention: bool,
    replace_log: bool,
) -> list[str]:
    await wait_for_brokers(settings, said, patience_s=settings.clickhouse_patience)
    done = [f"Kafka: {line}" for line in await ensure_topics(settings, lower_retention=lower_retention)]
    highest = max([await asyncio.to_thread(highest_source, database.writer) for database in databases])
    if replace_log:
        done += await replace_owner(settings, databases[0], highest)
    else:
        await own_database(settings, databases[0])
    await LogSources.found(settings, highest + 1)
    return done


async def number_partitions(settings: Settings) -> None:
    """Give all partitions their numbers at once, so that they are spread over the shards evenly.

    What workers would number by themselves, each where it takes a partition, may fall on one shard.
    Raises KafkaAway, KafkaMisconfigured or TopicsRefused.
    """
    counts = await partition_counts(settings, read_topics(settings))
    wanted = [(topic, partition) for topic, count in sorted(counts.items()) for partition in range(count)]
    await LogSources(settings).places(wanted)
