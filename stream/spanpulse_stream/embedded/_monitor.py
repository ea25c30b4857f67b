"""The process looks after itself: progress, disk, memory, the retention of the state table.

Once a second it tells health and metrics how far each partition is and how much disk is left; now and then it
gives free memory back and drops days of `seen` that no state needs. A failure is logged, and the next round tries
again.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from spanpulse_sinks.clickhouse import EmbeddedDatabase, free_bytes, trim_seen
from spanpulse_stream.embedded._folder import DataFolder
from spanpulse_stream.embedded._limits import DiskCap
from spanpulse_stream.log import TOPIC, LocalLog
from spanpulse_stream.observe import Condition, Health, Metrics, catalog
from spanpulse_stream.pipeline import History
from spanpulse_stream.process._runtime import give_back_memory
from spanpulse_stream.settings import Settings

__all__ = ["Monitor"]

LOG = logging.getLogger(__name__)
EVERY_S = 1.0
TRIM_SEEN_EVERY = 3600  # rounds
GIVE_BACK_EVERY = 10
CAP_EVERY = 10


@dataclass(frozen=True, slots=True)
class Monitor:
    """Watches the parts of one process."""

    settings: Settings
    folder: DataFolder
    log: LocalLog
    database: EmbeddedDatabase
    metrics: Metrics
    health: Health
    cap: DiskCap

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
        capped = rounds % CAP_EVERY == 0 and await self.cap.once()
        if rounds % GIVE_BACK_EVERY == GIVE_BACK_EVERY - 1:
            await asyncio.to_thread(give_back_memory)
        if capped or rounds % TRIM_SEEN_EVERY == TRIM_SEEN_EVERY - 1:
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
        stats, now = self.log.stats(), time.time()
        mine = [each for each in stats.partitions if each.topic == TOPIC]
        for each in mine:
            self.health.progress(each.partition, committed=each.committed, end=each.end_offset)
            self.metrics.set(catalog.LOG_LAG, each.lag_records, str(each.partition))
        ages = (now - each.oldest_pending_ms / 1000 for each in mine if each.oldest_pending_ms is not None)
        self.metrics.set(catalog.LOG_PENDING_AGE, max((0.0, *ages)))
        self.metrics.set(catalog.LOG_PENDING_BYTES, sum(each.pending_bytes for each in mine))
        counted = self.metrics.value(catalog.LOG_COMMITS)
        self.metrics.add(catalog.LOG_COMMITS, max(0.0, stats.transactions - counted))

    def _disk(self) -> None:
        left, floor = free_bytes(self.folder.path), self.settings.disk_floor_bytes
        self.metrics.set(catalog.DISK_FREE, left)
        if left < floor:
            detail = f"{left / 1e9:.2f} GB are free, below the floor of {floor / 1e9:.2f} GB: OTLP answers 429"
            self.health.report(Condition.DISK_LOW, detail)
        else:
            self.health.clear(Condition.DISK_LOW)
