"""Keeps one connection to Kafka: waits for brokers that are absent, and replaces a producer that failed.

A new producer begins only when the batches of the old one have come to an end, or had their time: so messages of a
key keep their order unless Kafka is away for long. Attempts are spaced out, with jitter, for as long as the process
runs, whatever an attempt raised: nothing but `stop` ends them. Not guaranteed: that what nobody foresaw passes by
itself; `detail` and the log tell of it.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Final

from aiokafka.errors import KafkaError

from spanpulse_stream.kafka._cancellations import own_cancellations
from spanpulse_stream.kafka._connection import KafkaMisconfigured
from spanpulse_stream.kafka._failures import KafkaUnusable
from spanpulse_stream.kafka._log_connection import Connection
from spanpulse_stream.kafka._log_errors import explained

__all__ = ["Connections"]

logger = logging.getLogger(__name__)
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
FORESEEN: Final = (KafkaUnusable, KafkaMisconfigured, KafkaError, OSError)  # TimeoutError is an OSError


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
            failures = 0 if await self._served() else failures + 1
            await asyncio.sleep(_pause(failures))

    async def _served(self) -> bool:
        """Use one connection from its beginning to its end; tell whether Kafka ever acknowledged anything by it."""
        connection: Connection | None = None
        try:
            connection = self._make()
            with own_cancellations("connected"):
                await connection.start()
            await self._use(connection)
        except Exception as error:  # noqa: BLE001 -- without this task nothing is ever written again
            self._note(error, connection)
        finally:
            self.now = None
            self._there.clear()
            if connection is not None:
                self._close(connection)
        return connection is not None and connection.acknowledged

    async def _use(self, connection: Connection) -> None:
        """Give out a connection until it has failed, and wait until nothing is open."""
        self.now = connection
        self._there.set()
        await connection.spoiled.wait()
        if not connection.in_a_hurry:
            await connection.drain(self._drain)

    def _note(self, error: Exception, connection: Connection | None) -> None:
        """Say why there is no connection: in readiness and in the log, there with the traceback once if unforeseen."""
        before, trace = self.detail, None
        if connection is not None and isinstance(error, FORESEEN):
            self.detail = explained(error, connection.topic)
        else:  # its text may say anything, and readiness is for everybody
            self.detail = f"connecting to Kafka fails with {type(error).__name__}; the log of this process says more"
            trace = error if self.detail != before else None
        logger.warning("cannot write to Kafka: %s", self.detail, exc_info=trace)

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
