"""What `spanpulse status` shows: completeness, lag, rates, disk, unpriced models, dimensions that are full.

Counts come from the log's counters and from `batches`, which outlive the process; only what ends in `_since_start`
is the process's own. accepted = stored + duplicate + dead_lettered + filtered + pending, and `unaccounted`, what is
left of that equation, must be 0. offered = accepted + refused; most refusals happen before the records of a request
are counted, so `refused_requests_since_start` counts requests, by HTTP status, and `refused_since_start` the records
of those that were counted.
"""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spanpulse_sinks.clickhouse import EmbeddedDatabase, free_bytes
from spanpulse_stream.embedded._folder import DataFolder
from spanpulse_stream.gateway import REFUSALS
from spanpulse_stream.log import TOPIC, LocalLog, PartitionStats
from spanpulse_stream.observe import Health, Metrics, catalog
from spanpulse_stream.process import Stored
from spanpulse_stream.settings import Settings

__all__ = ["StatusReader"]

SIGNALS = ("traces", "logs")
REQUESTED = (*SIGNALS, "metrics", "none")
OUTCOMES = ("stored", "duplicate", "dead_lettered", "filtered")
COUNTS = (*OUTCOMES, "unjoined")
RATE_MINUTES = 5


@dataclass(frozen=True, slots=True)
class StatusReader:
    """Reads the state of one process; ``begun`` is its start by ``clock`` (seconds)."""

    settings: Settings
    folder: DataFolder
    log: LocalLog
    database: EmbeddedDatabase
    metrics: Metrics
    health: Health
    version: str
    addresses: Callable[[], dict[str, str | None]]
    begun: float
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time

    async def read(self) -> dict[str, Any]:
        """Return the status. Raises QueryFailed."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> dict[str, Any]:
        stored = Stored(self.database)
        reasons = [{"reason": each.condition.value, "detail": each.detail} for each in self.health.reasons()]
        sizes = self.folder.sizes()
        partitions = self._partitions()
        oldest = [each.oldest_pending_ms for each in partitions if each.oldest_pending_ms is not None]
        return {
            "version": self.version,
            "pid": os.getpid(),
            "uptime_seconds": self.clock() - self.begun,
            "ready": not reasons,
            "reasons": reasons,
            "warnings": [{"reason": each.condition.value, "detail": each.detail} for each in self.health.warnings()],
            "addresses": self.addresses(),
            "completeness": self._completeness(partitions, stored),
            "refused_requests_since_start": self._refused(),
            "lag": {
                "records": sum(each.lag_records for each in partitions),
                "bytes": sum(each.pending_bytes for each in partitions),
                "oldest_seconds": max(0.0, self.wall_clock() - min(oldest) / 1000) if oldest else 0.0,
            },
            "rates": {"accepted_per_second": self._rate()},
            "disk": {
                "free_bytes": free_bytes(self.folder.path),
                "log_bytes": sizes["log"],
                "database_bytes": sizes["database"],
                "used_bytes": sum(sizes.values()),
                "max_bytes": self.settings.disk_max_bytes or None,
            },
            **stored.shown(),
        }

    def _completeness(self, partitions: list[PartitionStats], stored: Stored) -> dict[str, int]:
        """Return what became of every record that was ever accepted, as the log stood at one moment."""
        ends = " OR ".join(f"(log_source = {each.source} AND last_offset < {each.committed})" for each in partitions)
        counts = stored.counts(COUNTS, ends)
        accepted = sum(each.accepted_records for each in partitions)
        pending = sum(each.lag_records for each in partitions)
        known = sum(counts[name] for name in OUTCOMES)
        refused = sum(self.metrics.value(catalog.RECEIVER_RECORDS, signal, "refused") for signal in SIGNALS)
        return {
            "accepted": accepted,
            **counts,
            "pending": pending,
            "unaccounted": accepted - known - pending,
            "refused_since_start": int(refused),
        }

    def _refused(self) -> dict[str, int]:
        """Return HTTP status -> requests that were refused with it."""
        requests = self.metrics.value
        found = {
            str(code): sum(requests(catalog.RECEIVER_REQUESTS, signal, str(code)) for signal in REQUESTED)
            for code in REFUSALS
        }
        return {code: int(count) for code, count in found.items() if count}

    def _partitions(self) -> list[PartitionStats]:
        return [each for each in self.log.stats().partitions if each.topic == TOPIC]

    def _rate(self) -> float:
        """Return records accepted a second over the last whole minutes."""
        end = int(self.wall_clock() // 60) * 60_000
        return sum(self.log.accepted(end - RATE_MINUTES * 60_000, end).values()) / (RATE_MINUTES * 60)
