"""Ask brokers a question: any of them, another one where the first is down, with a limit on the time.

In KRaft every broker passes what only the controller may do on to it; older clusters name the controller, so it is
asked first. Not for messages: this opens connections for a few questions and closes them.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError, KafkaError

from spanpulse_stream.kafka._broker import reaching
from spanpulse_stream.kafka._failures import KafkaAway, TopicsRefused
from spanpulse_stream.settings import Settings

__all__ = ["Asking", "asking"]

SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.05, 1.0


class Asking:
    """An open client; made by `asking`."""

    def __init__(self, client: AIOKafkaClient, timeout_s: float) -> None:
        self._client = client
        self.timeout_s = timeout_s

    async def ask(self, request: Any) -> Any:
        """Return the answer of one broker. Raises KafkaAway after the time, TopicsRefused where Kafka is too old."""
        wait, deadline = SHORTEST_WAIT_S, time.monotonic() + self.timeout_s
        failure: KafkaError | None = None
        while time.monotonic() < deadline:
            for node in self._nodes():
                try:
                    return await self._client.send(node, request)
                except (IncompatibleBrokerVersion, NotImplementedError):
                    raise TopicsRefused("the brokers are too old: Kafka 2.8 or newer is needed") from None
                except KafkaError as error:
                    failure = error
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 -- spreads load
            wait = min(2 * wait, LONGEST_WAIT_S)
        raise KafkaAway(f"no broker answered within {self.timeout_s:.0f} s: {failure!r}")

    def _nodes(self) -> list[int]:
        cluster = self._client.cluster
        others = [broker.nodeId for broker in cluster.brokers()]
        random.shuffle(others)
        first = cluster.controller
        return others if first is None else sorted(others, key=lambda node: bool(node != first.nodeId))


@asynccontextmanager
async def asking(settings: Settings, client_name: str) -> AsyncIterator[Asking]:
    """Open a client for questions. Raises KafkaAway or KafkaMisconfigured where none answers."""
    timeout_ms = int(settings.kafka_timeout * 1000)
    client = AIOKafkaClient(**await reaching(settings, client_name), request_timeout_ms=timeout_ms)
    try:
        try:
            await client.bootstrap()
        except KafkaConnectionError as error:
            raise KafkaAway(f"Kafka does not answer: {error}") from None
        yield Asking(client, settings.kafka_timeout)
    finally:
        await client.close()
