"""Keeps one connection to Kafka: waits for brokers that are absent, and replaces a producer that failed.

A new producer begins only when the batches of the old one have come to an end, or had their time: so messages of a
key keep their order unless Kafka is away for long. Attempts are spaced out, with jitter, for as long as the process
runs.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Final

from aiokafka.errors import KafkaError

from spanpulse_stream.kafka._connection import KafkaMisconfigured
from spanpulse_stream.kafka._failures import KafkaUnusable
from spanpulse_stream.kafka._log_connection import Connection
from spanpulse_stream.kafka._log_errors import explained

__all__ = ["Connections"]

logger = logging.getLogger(__name__)
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0


class Connections:
    """``make`` gives a new connection; ``drain`` seconds are what open batches of a failed producer may take.

    ``detail`` says to an operator why there is none ``now``.
    """

    def __init__(self, make: Callable[[], Connection], drain: float) -> None:
        self._make = make
        self._drain = drain
        self._there = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self.now: Connection | None = None
        self.lost_at = time.monotonic()
        self.detail = "Kafka was not reached yet"

    def start(self) -> None:
        """Begin to connect."""
        self._keeping = asyncio.create_task(self._keep(), name="kafka:connections")

    async def stop(self) -> None:
        """Give up what is open and close all, in bounded time."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        if self._closing:
            await asyncio.wait(self._closing)

    async def current(self) -> Connection:
        """Return the connection to write with, once there is one."""
        while self.now is None:
            await self._there.wait()
        return self.now

    def replace(self, connection: Connection, *, hurry: bool = False) -> None:
        """Write nothing more with a connection that failed; in a hurry give up what is open at once."""
        connection.spoil(hurry=hurry)
        if connection is self.now:
            self.now = None
            self._there.clear()
            self.lost_at = time.monotonic()
            self.detail = "Kafka is being connected to again"

    async def _keep(self) -> None:
        failures = 0
        while True:
            connection = self._make()
            if await self._opened(connection):
                await self._use(connection)
                failures = 0 if connection.acknowledged else failures + 1
            else:
                failures += 1
            await asyncio.sleep(_pause(failures))

    async def _opened(self, connection: Connection) -> bool:
        try:
            await connection.start()
        except (KafkaUnusable, KafkaMisconfigured, KafkaError, OSError) as error:  # TimeoutError is an OSError
            self.detail = explained(error, connection.topic)
            logger.warning("cannot write to Kafka: %s", self.detail)
            self._close(connection)
            return False
        except BaseException:
            self._close(connection)
            raise
        return True

    async def _use(self, connection: Connection) -> None:
        """Give out a connection until it has failed, and wait until nothing is open."""
        self.now = connection
        self._there.set()
        try:
            await connection.spoiled.wait()
            if not connection.in_a_hurry:
                await connection.drain(self._drain)
        finally:
            self.now = None
            self._there.clear()
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        """Close a connection aside: that may take seconds where nobody answers."""
        connection.abandon()
        closing = asyncio.create_task(connection.stop(), name="kafka:closing")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


def _pause(failures: int) -> float:
    """Return seconds to wait after so many failures in a row, with jitter."""
    if not failures:
        return 0.0
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311 -- no secret
