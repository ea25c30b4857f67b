"""The receiver called as an ASGI application, or on a real socket."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from spanpulse_stream.gateway import HttpServer, MessageLog, OtlpApp, OtlpOptions, Receiver
from spanpulse_stream.observe import Health, Metrics

DEADLINE = 60.0


@dataclass
class Served:
    app: OtlpApp
    receiver: Receiver
    metrics: Metrics
    health: Health
    address: str = ""
    server: HttpServer | None = field(default=None)


@asynccontextmanager
async def receiver(log: MessageLog, options: OtlpOptions | None = None) -> AsyncIterator[Served]:
    metrics, health = Metrics(), Health(time.monotonic)
    taking = Receiver(log, options or OtlpOptions(), metrics, health)
    taking.serve()
    health.started()
    try:
        yield Served(OtlpApp(taking), taking, metrics, health)
    finally:
        taking.close()


@asynccontextmanager
async def listening(log: MessageLog, options: OtlpOptions | None = None) -> AsyncIterator[Served]:
    options = options or OtlpOptions()
    async with receiver(log, options) as got:
        got.server = HttpServer(
            got.app,
            host="127.0.0.1",
            port=0,
            setting="otlp_http",
            limits=options.limits,
            stop_within=1,
            on_refused=got.receiver.refused,
        )
        async with got.server:
            got.address = got.server.address
            yield got


def client(app: OtlpApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://receiver", timeout=DEADLINE)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds; fails after a deadline."""
    async with asyncio.timeout(DEADLINE):
        for turn in itertools.count():
            if condition():
                return
            await asyncio.sleep(0 if turn < 100 else 0.005)


async def exchange(address: str, *pieces: bytes, pause: Callable[[], Awaitable[None]] | None = None) -> bytes:
    """Send raw bytes on a connection of its own and return all that comes back until the peer closes it."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if pause is not None:
                await pause()
        async with asyncio.timeout(DEADLINE):
            return await reader.read()
    finally:
        writer.close()
