"""The process looks after itself: progress, disk, the log's and the state table's retention.

Once a second it tells health and metrics how far each partition is and how much disk is left; now and then it
trims the log and drops days of `seen` that no state needs. A failure is logged, and the next round tries again.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from spanpulse_sinks.clickhouse import EmbeddedDatabase, free_bytes, trim_seen
from spanpulse_stream.embedded._folder import DataFolder
from spanpulse_stream.log import TOPIC, LocalLog
from spanpulse_stream.observe import Condition, Health, Metrics, catalog
from spanpulse_stream.pipeline import History
from spanpulse_stream.settings import Settings

__all__ = ["Monitor"]

LOG = logging.getLogger(__name__)
EVERY_S = 1.0
TRIM_LOG_EVERY = 10  # rounds
TRIM_SEEN_EVERY = 3600


@dataclass(frozen=True, slots=True)
class Monitor:
    """Watches the parts of one process."""

    settings: Settings
    folder: DataFolder
    log: LocalLog
    database: EmbeddedDatabase
    metrics: Metrics
    health: Health

    async def run(self) -> None:
        """Watch until cancelled."""
        rounds = 0
        while True:
            try:
                await self.once(rounds)
            except Exception:
                LOG.exception("the process could not look after itself")
            rounds += 1
            await asyncio.sleep(EVERY_S)

    async def once(self, rounds: int) -> None:
        """Do what is due in a round."""
        self._progress()
        self._disk()
        if rounds % TRIM_LOG_EVERY == 0:
            await asyncio.to_thread(self.log.trim)
        if rounds % TRIM_SEEN_EVERY == TRIM_SEEN_EVERY - 1:
            await asyncio.to_thread(self.trim_seen)

    def trim_seen(self) -> None:
        """Drop the days of `seen` from before what the state of every partition needs, and beyond retention."""
        oldest = datetime.now(UTC).date() - timedelta(days=self.settings.retention_spans_days)
        keep: dict[int, int] = {}
        for partition in range(self.settings.partitions):
            source = self.log.source(TOPIC, partition)
            reach = History(self.database, source).reach(2 * self.settings.window, oldest)
            # What a repair may compute again needs the state from before the log's oldest message.
            keep[source] = min(reach, self.log.first_offset(TOPIC, partition))
        if dropped := trim_seen(self.database, keep):
            LOG.info("dropped days of `seen` that no state needs", extra={"days": len(dropped)})

    def _progress(self) -> None:
        for partition in range(self.settings.partitions):
            committed, end = self.log.committed(TOPIC, partition), self.log.end_offset(TOPIC, partition)
            self.health.progress(partition, committed=committed, end=end)
            self.metrics.set(catalog.LOG_LAG, self.log.lag_records(TOPIC, partition), str(partition))
        self.metrics.set(catalog.LOG_PENDING_BYTES, self.log.pending_bytes())

    def _disk(self) -> None:
        left, floor = free_bytes(self.folder.path), self.settings.disk_floor_bytes
        self.metrics.set(catalog.DISK_FREE, left)
        if left < floor:
            detail = f"{left / 1e9:.2f} GB are free, below the floor of {floor / 1e9:.2f} GB: OTLP answers 429"
            self.health.report(Condition.DISK_LOW, detail)
        else:
            self.health.clear(Condition.DISK_LOW)
