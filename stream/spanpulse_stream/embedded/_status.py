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

import orjson

from spanpulse_sinks.clickhouse import EmbeddedDatabase, free_bytes, query
from spanpulse_stream.embedded._folder import DataFolder
from spanpulse_stream.gateway import REFUSALS
from spanpulse_stream.log import TOPIC, LocalLog, PartitionStats
from spanpulse_stream.observe import Health, Metrics, catalog
from spanpulse_stream.rollup import OTHER
from spanpulse_stream.settings import Settings

__all__ = ["StatusReader"]

SIGNALS = ("traces", "logs")
REQUESTED = (*SIGNALS, "metrics", "none")
OUTCOMES = ("stored", "duplicate", "dead_lettered", "filtered")
COUNTS = (*OUTCOMES, "unjoined")
RATE_MINUTES = 5
UNPRICED = """
SELECT provider, model, toInt64(sum(requests_unpriced)) AS requests FROM rollup_quarter
WHERE quarter > now() - INTERVAL 1 DAY GROUP BY provider, model HAVING requests > 0
ORDER BY requests DESC, model LIMIT 20
"""
REMOVED = """
SELECT received_day AS day, reason, toInt64(sum(row_count)) AS rows, toInt64(sum(byte_count)) AS bytes,
    groupUniqArray(table_name) AS tables, toInt64(sumIf(row_count, table_name = 'span_rows')) AS spans
FROM removed_days GROUP BY day, reason ORDER BY day DESC LIMIT 20
"""
CAPPED = ("service_name", "environment", "operation", "provider", "model", "prompt_name", "prompt_version")
BEYOND_CAP = (
    f"SELECT [{', '.join(f'sumIf(requests, {name} = {OTHER!r})' for name in CAPPED)}]::Array(Float64) AS counts"  # noqa: S608 -- names above
    " FROM rollup_quarter WHERE quarter > now() - INTERVAL 1 DAY"
)


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
            "completeness": self._completeness(partitions),
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
            "removed_days": self._rows(REMOVED),
            "unpriced": self._rows(UNPRICED),
            "requests_beyond_cap": self._beyond_cap(),
        }

    def _completeness(self, partitions: list[PartitionStats]) -> dict[str, int]:
        """Return what became of every record that was ever accepted, as the log stood at one moment."""
        ends = " OR ".join(f"(log_source = {each.source} AND last_offset < {each.committed})" for each in partitions)
        sums = ", ".join(f"toInt64(sum({name})) AS {name}" for name in COUNTS)
        counts = self._rows(f"SELECT {sums} FROM batches WHERE {ends}")[0]  # noqa: S608 -- numbers of our own
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

    def _beyond_cap(self) -> dict[str, int]:
        """Return dimension -> requests of the last day whose value came when the day's places were full."""
        (row,) = self._rows(BEYOND_CAP)
        return {name: int(count) for name, count in zip(CAPPED, row["counts"], strict=True) if count}

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

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        lines = query(self.database, sql, output_format="JSONEachRow").splitlines()
        return [orjson.loads(line) for line in lines]
