"""Ask brokers a question: one that answers, another one where it no longer does, with a limit on the time.

Any broker will do: in KRaft each passes on to the controller what only that may do. Not for messages: this opens
connections for a few questions and closes them.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError, KafkaError

from spanpulse_stream.kafka._broker import reaching
from spanpulse_stream.kafka._cancellations import own_cancellations
from spanpulse_stream.kafka._failures import KafkaAway, TopicsRefused
from spanpulse_stream.settings import Settings

__all__ = ["Asking", "asking"]

SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.05, 1.0


class Asking:
    """An open client; made by `asking`. ``address``: of a broker that answered a moment ago."""

    def __init__(self, client: AIOKafkaClient, address: str, timeout_s: float) -> None:
        self._client = client
        self._address = address
        self._answered: int | None = None
        self.timeout_s = timeout_s

    async def ask(self, request: Any) -> Any:
        """Return the answer of one broker. Raises KafkaAway after the time, TopicsRefused where Kafka is too old."""
        wait, deadline = SHORTEST_WAIT_S, time.monotonic() + self.timeout_s
        failure: KafkaError | None = None
        while time.monotonic() < deadline:
            for node in self._nodes():
                try:
                    answer = await self._client.send(node, request)
                except (IncompatibleBrokerVersion, NotImplementedError):
                    raise TopicsRefused("the brokers are too old: Kafka 2.8 or newer is needed") from None
                except KafkaError as error:
                    failure = error
                else:
                    self._answered = node
                    return answer
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 -- spreads load
            wait = min(2 * wait, LONGEST_WAIT_S)
        raise KafkaAway(f"no broker answered within {self.timeout_s:.0f} s: {failure!r}")

    def _nodes(self) -> list[int]:
        """Return every broker: first the one that answered last, so that a silent one costs its time once at most."""
        brokers = list(self._client.cluster.brokers())
        random.shuffle(brokers)
        brokers.sort(key=lambda one: (one.nodeId != self._answered, f"{one.host}:{one.port}" != self._address))
        return [broker.nodeId for broker in brokers]


@asynccontextmanager
async def asking(settings: Settings, client_name: str) -> AsyncIterator[Asking]:
    """Open a client for questions. Raises KafkaAway or KafkaMisconfigured where none answers."""
    timeout_ms = int(settings.kafka_timeout * 1000)
    options = await reaching(settings, client_name)
    client = AIOKafkaClient(**options, request_timeout_ms=timeout_ms)
    try:
        try:
            await client.bootstrap()
        except KafkaConnectionError as error:
            raise KafkaAway(f"Kafka does not answer: {error}") from None
        yield Asking(client, options["bootstrap_servers"][0], settings.kafka_timeout)
    finally:
        with suppress(KafkaError), own_cancellations("closed"):
            await client.close()
