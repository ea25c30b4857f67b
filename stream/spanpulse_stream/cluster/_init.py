"""`spanpulse init`: the topics of Kafka and the tables of ClickHouse, made where they are missing.

It may be repeated at any time, also while workers run: it adds, and takes nothing away. Not guaranteed: that a topic
gets more partitions where there are fewer than the settings say; that is the operator's decision.
"""

import asyncio
from collections.abc import Callable

from spanpulse_sinks.clickhouse import highest_source
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster._database import connect_shards, shard_configs, wait_for_server
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


async def prepare(settings: Settings, said: Callable[[str], None]) -> list[str]:
    """Make what is missing; returns what was done, a line each.

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
    await wait_for_brokers(settings, said, patience_s=settings.clickhouse_patience)
    done += [f"Kafka: {line}" for line in await ensure_topics(settings)]
    databases = await connect_shards(settings, said)
    try:
        highest = [await asyncio.to_thread(highest_source, database.writer) for database in databases]
    finally:
        for database in databases:
            await asyncio.to_thread(database.close)
    await LogSources.found(settings, max(highest) + 1)
    if len(configs) > 1:
        await number_partitions(settings)
    return done


async def number_partitions(settings: Settings) -> None:
    """Give all partitions their numbers at once, so that they are spread over the shards evenly.

    What workers would number by themselves, each where it takes a partition, may fall on one shard.
    Raises KafkaAway, KafkaMisconfigured or TopicsRefused.
    """
    counts = await partition_counts(settings, read_topics(settings))
    wanted = [(topic, partition) for topic, count in sorted(counts.items()) for partition in range(count)]
    await LogSources(settings).places(wanted)
