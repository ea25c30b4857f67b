"""What `spanpulse status` shows: completeness, lag, rates, disk, unpriced models.

Counts come from the log's counters and from `batches`, which outlive the process; only `refused_since_start` is
the process's own. accepted = stored + duplicate + dead_lettered + filtered + pending, and `unaccounted`, what is
left of that equation, must be 0.
"""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spanpulse_sinks.clickhouse import EmbeddedDatabase, free_bytes
from spanpulse_stream.embedded._folder import DataFolder
from spanpulse_stream.log import TOPIC, LocalLog
from spanpulse_stream.observe import Health, Metrics, catalog
from spanpulse_stream.settings import Settings

__all__ = ["StatusReader"]

COUNTS = ("accepted", "stored", "duplicate", "dead_lettered", "filtered", "unjoined")
RATE_MINUTES = 5
UNPRICED = """
SELECT provider, model, toInt64(sum(requests_unpriced)) AS requests FROM rollup_minute
WHERE minute > now() - INTERVAL 1 DAY GROUP BY provider, model HAVING requests > 0
ORDER BY requests DESC, model LIMIT 20
"""


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

    async def read(self) -> dict[str, Any]:
        """Return the status. Raises QueryFailed."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> dict[str, Any]:
        reasons = [{"reason": each.condition.value, "detail": each.detail} for each in self.health.reasons()]
        partitions = range(self.settings.partitions)
        sizes = self.folder.sizes()
        return {
            "version": self.version,
            "pid": os.getpid(),
            "uptime_seconds": self.clock() - self.begun,
            "ready": not reasons,
            "reasons": reasons,
            "addresses": self.addresses(),
            "completeness": self.completeness(),
            "lag": {
                "records": sum(self.log.lag_records(TOPIC, partition) for partition in partitions),
                "bytes": self.log.pending_bytes(),
                "oldest_seconds": self._oldest_seconds(),
            },
            "rates": {"accepted_per_second": self._rate()},
            "disk": {
                "free_bytes": free_bytes(self.folder.path),
                "log_bytes": sizes["log"],
                "database_bytes": sizes["database"],
            },
            "unpriced": self._rows(UNPRICED),
        }

    def completeness(self) -> dict[str, int]:
        """Return what became of every span and log record that was ever accepted."""
        accepted, pending, ends = self._logged()
        committed = " OR ".join(f"(log_source = {source} AND last_offset < {end})" for source, end in ends.items())
        sums = ", ".join(f"toInt64(sum({name})) AS {name}" for name in COUNTS)
        counts = self._rows(f"SELECT {sums} FROM batches WHERE {committed}")[0]  # noqa: S608 -- numbers of our own
        known = sum(counts[name] for name in ("stored", "duplicate", "dead_lettered", "filtered"))
        refused = sum(self.metrics.value(catalog.RECEIVER_RECORDS, signal, "refused") for signal in ("traces", "logs"))
        return {
            **counts,
            "accepted": accepted,
            "pending": pending,
            "unaccounted": accepted - known - pending,
            "refused_since_start": int(refused),
        }
