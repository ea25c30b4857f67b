"""`spanpulse init`: the topics of Kafka and the tables of ClickHouse, made where they are missing.

It may be repeated at any time, also while workers run: it adds, and takes nothing away. Not guaranteed: that a topic
gets more partitions where there are fewer than the settings say; that is the operator's decision.
"""

import asyncio
from collections.abc import Callable

from spanpulse_sinks.clickhouse import highest_source
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster._database import connect_server, server_config, wait_for_server
from spanpulse_stream.kafka import LogSources, connection, ensure_topics, wait_for_brokers
from spanpulse_stream.settings import Settings

__all__ = ["prepare"]


async def prepare(settings: Settings, said: Callable[[str], None]) -> list[str]:
    """Make what is missing; returns what was done, a line each.

    Raises SettingsError, KafkaMisconfigured, TopicsRefused, SinkError or ServerUnreachable.
    """
    config = server_config(settings)
    connection(settings, "spanpulse-init")  # its mistakes are told before anything is waited for
    await wait_for_server(settings, said)
    version = await asyncio.to_thread(ServerDatabase.prepare, config)
    done = [f"ClickHouse: database {config.database} has schema {version}"]
    await wait_for_brokers(settings, said, patience_s=settings.clickhouse_patience)
    done += [f"Kafka: {line}" for line in await ensure_topics(settings)]
    database = await connect_server(settings, said)
    try:
        highest = await asyncio.to_thread(highest_source, database.writer)
    finally:
        await asyncio.to_thread(database.close)
    await LogSources.found(settings, highest + 1)
    return done
