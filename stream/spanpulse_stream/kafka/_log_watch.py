"""Whether Kafka takes what is sent: seen from what it acknowledges, and asked where nothing comes back.

While no broker answers, the log refuses at once instead of letting every request wait; the watch goes on asking, so
that it ends by itself. A partition whose batch waits for long is refused alone: the others may be led by other brokers.
"""

import asyncio
import logging
import time
from typing import Final

from spanpulse_stream.kafka._log_connection import Connection
from spanpulse_stream.kafka._log_connections import Connections
from spanpulse_stream.observe import Condition, Health, Metrics, catalog

__all__ = ["Watch"]

logger = logging.getLogger(__name__)
EVERY_S: Final = 0.25
PATIENCE_S: Final = 3.0  # for one batch, and for the answer of the only broker
PATIENCE_OF_MANY_S: Final = 12.0  # one of several brokers that is lost may be asked first, and takes its time
GAP_S: Final = 1.0  # between two producers
ASK_SOON_S: Final = 1.0  # after the last sign of life, while something is open or wrong
ASK_S: Final = 5.0
STANDING_S: Final = 10.0
UNREACHED: Final = "Kafka cannot be reached"
RENEW_AFTER_S: Final = 20.0  # a new client may find its way where an old one does not


class Watch:
    """Hears of every batch, for which senders wait ``timeout`` seconds.

    ``reason`` says to senders why nothing may be sent now, '' if it may; ``partitions`` how many there are.
    """

    def __init__(self, connections: Connections, timeout: float, metrics: Metrics, health: Health) -> None:
        self._connections = connections
        self._renew_after = max(RENEW_AFTER_S, 2 * timeout)
        self._metrics = metrics
        self._health = health
        self._seen: Connection | None = None
        self._open: dict[int, float] = {}  # partition: since when its batch is under way
        self._acknowledged_at = self._heard_at = time.monotonic()
        self._probe: asyncio.Task[bool] | None = None
        self._probed_at = 0.0
        self._deaf = False
        self._told = False
        self._troubled_since = time.monotonic()
        self.partitions = 0
        self.reason = UNREACHED

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._open

    def opened(self, partition: int) -> None:
        """Hear that a batch is under way."""
        self._open[partition] = time.monotonic()

    def acknowledged(self, partition: int, messages: int, size: int, seconds: float) -> None:
        """Hear that Kafka has a batch."""
        del self._open[partition]
        self._acknowledged_at = self._heard_at = time.monotonic()
        self._metrics.add(catalog.KAFKA_PRODUCED_MESSAGES, messages)
        self._metrics.add(catalog.KAFKA_PRODUCED_BYTES, size)
        self._metrics.observe(catalog.KAFKA_ACKNOWLEDGE_SECONDS, seconds)

    def failed(self, partition: int, error: BaseException) -> None:
        """Hear that a batch failed."""
        del self._open[partition]
        self._metrics.add(catalog.KAFKA_PRODUCE_ERRORS, 1, type(error).__name__)

    def stuck(self, partition: int) -> bool:
        """Tell whether a partition's batch has waited for too long."""
        since = self._open.get(partition)
        return since is not None and time.monotonic() - since > PATIENCE_S

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                self.reason = self._look(time.monotonic())
                self._tell(time.monotonic())
                await asyncio.sleep(EVERY_S)
        finally:
            self._forget_probe()

    def _look(self, now: float) -> str:
        """Return why nothing may be sent."""
        connection = self._connections.now
        if connection is None:
            short = self._seen is not None and now - self._connections.lost_at < GAP_S
            return self.reason if short else UNREACHED
        if connection is not self._seen:
            self._seen, self._heard_at, self._deaf = connection, now, False
            self._forget_probe()
        self.partitions = connection.partitions or self.partitions
        self._ask(connection, now)
        if now - max(self._acknowledged_at, min(self._open.values(), default=now)) > self._renew_after:
            self._connections.replace(connection, hurry=True)
        if not self._deaf:
            return ""
        if now - self._heard_at > self._renew_after:
            self._connections.replace(connection, hurry=True)
        return f"Kafka has not answered for {now - self._heard_at:.0f} s"

    def _ask(self, connection: Connection, now: float) -> None:
        """Ask for a sign of life where there was none, and find out whether the brokers are deaf."""
        if self._probe is None:
            if now - self._heard_at > (ASK_SOON_S if self._open or self._deaf else ASK_S):
                self._probe, self._probed_at = asyncio.create_task(connection.probe()), now
        elif self._probe.done():
            answered = not self._probe.cancelled() and self._probe.exception() is None and self._probe.result()
            if answered:
                self._heard_at = now
            self._deaf = not answered
            self._probe = None
        else:
            patience = PATIENCE_S if connection.brokers < 2 else PATIENCE_OF_MANY_S
            self._deaf = self._deaf or now - self._probed_at > patience
        if self._heard_at > self._probed_at:
            self._deaf = False

    def _forget_probe(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None

    def _tell(self, now: float) -> None:
        """Report to whoever asks for readiness, and log what changed."""
        reason = self.reason
        standing = now - max(self._acknowledged_at, min(self._open.values(), default=now))
        if not reason and standing > STANDING_S:
            reason = f"Kafka has acknowledged nothing for {standing:.0f} s"
        if not reason:
            self._health.clear(Condition.KAFKA_FAILING)
            if self._told:
                logger.warning("Kafka takes messages again")
            self._told, self._troubled_since = False, now
            return
        if self._connections.now is None:
            reason = self._connections.detail
        self._health.report(Condition.KAFKA_FAILING, reason)
        if not self._told and now - self._troubled_since > GAP_S:
            logger.warning("requests are refused: %s", reason)
            self._told = True
