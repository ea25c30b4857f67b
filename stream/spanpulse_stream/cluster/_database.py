"""The ClickHouse server as the settings want it, waited for where it is away."""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from random import random
from typing import TypeVar
from urllib.parse import urlsplit

from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse import Failure, QueryLimits, Retention
from spanpulse_sinks.clickhouse.server import Patience, ServerConfig, ServerDatabase
from spanpulse_stream.settings import Settings, SettingsError

__all__ = ["ServerUnreachable", "connect_server", "server_config", "wait_for_server"]

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
PORTS = {"http": 8123, "https": 8443}


class ServerUnreachable(Exception):  # noqa: N818 -- what it is
    """The ClickHouse server does not answer, or refuses; the message says what to do."""


def server_config(settings: Settings) -> ServerConfig:
    """Return how the server is reached. Raises SettingsError where no address is set."""
    if settings.clickhouse_url is None:
        raise SettingsError("clickhouse_url is not set: name the server (SPANPULSE_CLICKHOUSE_URL=http://host:8123)")
    url = urlsplit(settings.clickhouse_url)
    password = settings.clickhouse_password
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
        readers=settings.clickhouse_connections,
        timeout=settings.clickhouse_timeout,
        limits=QueryLimits(seconds=settings.query_timeout),
        retention=Retention(
            spans=settings.retention_spans_days,
            rollups=settings.retention_rollups_days,
            dead_letters=settings.retention_dead_letters_days,
        ),
    )


async def connect_server(
    settings: Settings, said: Callable[[str], None], patience: Patience | None = None
) -> ServerDatabase:
    """Return the open database, once the server answers. Raises SettingsError, SinkError, ServerUnreachable."""
    return await _patiently(settings, said, partial(ServerDatabase.connect, server_config(settings), patience))


async def wait_for_server(settings: Settings, said: Callable[[str], None]) -> None:
    """Return once the server answers. Raises SettingsError, SinkError, ServerUnreachable."""
    await _patiently(settings, said, partial(ServerDatabase.reach, server_config(settings)))


async def _patiently(settings: Settings, said: Callable[[str], None], attempt: Callable[[], Result]) -> Result:
    """Try until the server answers. What only a person can mend (user, password, schema) is not waited for."""
    loop, failures, told = asyncio.get_running_loop(), 0, 0.0
    begun = loop.time()
    where = f"ClickHouse at {settings.clickhouse_url}"
    while True:
        try:
            return await asyncio.to_thread(attempt)
        except ClickHouseError as error:
            why, code = _short(error), getattr(error, "code", None)
            if code in REFUSALS or (code is not None and Failure.of(error) is Failure.PERMANENT):
                raise ServerUnreachable(f"{where} refuses: {why}") from None
            if loop.time() - begun > settings.clickhouse_patience:
                raise ServerUnreachable(f"{where} does not answer: {why}") from None
            if loop.time() >= told:
                said(f"waiting for {where}: {why}")
                told = loop.time() + TELL_EVERY_S
        failures += 1
        await asyncio.sleep(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(failures, 10)) * (0.5 + random()))  # noqa: S311


def _short(error: Exception) -> str:
    """Return why, in one line and without the address of the request, whose parameters say too much."""
    text = " ".join(str(error).split())
    with contextlib.suppress(ValueError):
        text = text[: text.index(" executing HTTP request")]
    return text[:MOST_OF_A_REASON]
