"""The ClickHouse server as the settings want it, waited for where it is away."""

import asyncio
import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.backoff import pause
from spanpulse_sinks.clickhouse import Failure
from spanpulse_sinks.clickhouse.server import Patience, ServerConfig, ServerDatabase
from spanpulse_stream.process import query_limits, retention
from spanpulse_stream.settings import Settings, SettingsError

__all__ = [
    "ServerUnreachable",
    "connect_server",
    "connect_shards",
    "server_config",
    "shard_configs",
    "short_reason",
    "wait_for_server",
]

Result = TypeVar("Result")

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
TELL_EVERY_S = 30.0
MOST_OF_A_REASON = 300
REFUSALS = {
    192,
    193,
    194,
    497,
    516,
}  # unknown user, wrong or no password, access denied
NO_DATABASE = 81
PORTS = {"http": 8123, "https": 8443}
ADDRESS = re.compile(r"Max retries exceeded with url: \S* ?")  # of the request, in what urllib3 says


class ServerUnreachable(Exception):  # noqa: N818 -- what it is
    """The ClickHouse server does not answer, or refuses; the message says what to do."""


def server_config(settings: Settings) -> ServerConfig:
    """Return how everything is read: of the first shard's server, with the rows of all shards where there are several.

    Raises SettingsError where no address is set.
    """
    first = shard_configs(settings)[0]
    return replace(first, reads_all=first.distributed is not None)


def shard_configs(settings: Settings) -> list[ServerConfig]:
    """Return how each shard is written to, the first one first. Raises SettingsError where no address is set."""
    if settings.clickhouse_url is None:
        raise SettingsError("clickhouse_url is not set: name the server (SPANPULSE_CLICKHOUSE_URL=http://host:8123)")
    several = bool(settings.clickhouse_shards)
    return [
        _at(address, settings, settings.clickhouse_distributed if several else None)
        for address in (settings.clickhouse_url, *settings.clickhouse_shards)
    ]


def _at(address: str, settings: Settings, distributed: str | None) -> ServerConfig:
    url, password = urlsplit(address), settings.clickhouse_password
    return ServerConfig(
        host=url.hostname or "",
        port=url.port or PORTS[url.scheme],
        tls=url.scheme == "https",
        user=settings.clickhouse_user,
        password=password.get_secret_value() if password else "",
        database=settings.clickhouse_database,
        ca=settings.clickhouse_ca,
        certificate=settings.clickhouse_certificate,
        cluster=settings.clickhouse_cluster,
        distributed=distributed,
        readers=settings.clickhouse_connections,
        timeout=settings.clickhouse_timeout,
        limits=query_limits(settings),
        retention=retention(settings),
    )


async def connect_server(
    settings: Settings, said: Callable[[str], None], patience: Patience | None = None
) -> ServerDatabase:
    """Return the open database, once the server answers; it reads what all shards have.

    Raises SettingsError, SinkError, ServerUnreachable.
    """
    return await _connected(settings, said, server_config(settings), patience)


async def connect_shards(
    settings: Settings, said: Callable[[str], None], patience: Patience | None = None
) -> list[ServerDatabase]:
    """Return each shard, once it answers: what its own tables have. Raises as `connect_server` does."""
    databases: list[ServerDatabase] = []
    try:
        for config in shard_configs(settings):
            databases += [await _connected(settings, said, config, patience)]
    except BaseException:
        for database in databases:
            database.close()
        raise
    return databases


async def wait_for_server(settings: Settings, said: Callable[[str], None]) -> None:
    """Return once every shard's server answers. Raises SettingsError, SinkError, ServerUnreachable."""
    for config in shard_configs(settings):
        await _patiently(settings, said, config, partial(ServerDatabase.reach, config))


async def _connected(
    settings: Settings, said: Callable[[str], None], config: ServerConfig, patience: Patience | None
) -> ServerDatabase:
    return await _patiently(settings, said, config, partial(ServerDatabase.connect, config, patience))


async def _patiently(
    settings: Settings, said: Callable[[str], None], config: ServerConfig, attempt: Callable[[], Result]
) -> Result:
    """Try until the server answers. What only a person can mend (user, password, schema) is not waited for."""
    loop, failures, told = asyncio.get_running_loop(), 0, 0.0
    begun = loop.time()
    where = f"ClickHouse at {'https' if config.tls else 'http'}://{config.host}:{config.port}"
    while True:
        try:
            return await asyncio.to_thread(attempt)
        except ClickHouseError as error:
            why, code = short_reason(error), getattr(error, "code", None)
            if code == NO_DATABASE:
                raise ServerUnreachable(
                    f"{where} has no database {config.database}: run `spanpulse init` first"
                ) from None
            if code in REFUSALS or (code is not None and Failure.of(error) is Failure.PERMANENT):
                raise ServerUnreachable(f"{where} refuses: {why}") from None
            if loop.time() - begun > settings.clickhouse_patience:
                raise ServerUnreachable(f"{where} does not answer: {why}") from None
            if loop.time() >= told:
                said(f"waiting for {where}: {why}")
                told = loop.time() + TELL_EVERY_S
        failures += 1
        await asyncio.sleep(pause(failures, FIRST_WAIT_S, LONGEST_WAIT_S))


def short_reason(error: Exception) -> str:
    """Return why, in one line and without the address of the request, whose parameters say too much."""
    text = ADDRESS.sub("", " ".join(str(error).split()))
    with contextlib.suppress(ValueError):
        text = text[: text.index(" executing HTTP request")]
    return text[:MOST_OF_A_REASON]
