"""What the dashboard knows of the cluster: batches in the database, and how far the workers are behind.

It looks every few seconds, once for everybody who has a page open. Where the database does not answer, what was known
stays, and readiness says so. Without Kafka the page does its work: how far the workers are behind is unknown then,
which is a warning. Not guaranteed: records that wait, which nobody counts before they are read;
they are taken to be as many a message as those that were.
"""

import asyncio
import logging
import os
import time
from dataclasses import dataclass, field
from typing import Any

from aiokafka.errors import KafkaError

from spanpulse_sinks.clickhouse import Database, QueryFailed
from spanpulse_stream.cluster._database import short_reason
from spanpulse_stream.cluster._lag import GroupLag, PartitionLag
from spanpulse_stream.kafka import read_topics
from spanpulse_stream.observe import Condition, Health
from spanpulse_stream.process import Lag, Stored
from spanpulse_stream.settings import Settings

__all__ = ["ClusterState"]

LOG = logging.getLogger(__name__)
LOOK_EVERY_S = 2.0
LAG_UNKNOWN = "Kafka does not say how far the workers are; what is shown to wait is what was known last"
OUTCOMES = ("stored", "duplicate", "dead_lettered", "filtered")
COUNTS = ("accepted", *OUTCOMES, "unjoined")
SINCE_MINUTES = 5
RECENT = f"""
SELECT toInt64(count()) AS batches, toInt64(sum(size)) AS messages,
    toInt64(sum(counted)) AS records, toInt64(sumIf(counted, at > now() - INTERVAL {SINCE_MINUTES} MINUTE)) AS lately
FROM (SELECT any(last_offset) - first_offset + 1 AS size, sum(accepted) AS counted, max(received_at) AS at
    FROM batches WHERE received_at > now() - INTERVAL 1 DAY GROUP BY log_source, first_offset)
"""  # noqa: S608 -- a number of our own


@dataclass(slots=True)
class ClusterState:
    """Looks at one cluster. `once` or `run` first."""

    settings: Settings
    database: Database
    health: Health
    version: str
    batches: int = 0
    _lag: Lag = field(default_factory=lambda: Lag(0, 0.0))
    _per_message: float = 1.0
    _rate: float = 0.0
    _behind_since: float | None = None
    _begun: float = field(default_factory=time.monotonic)

    async def run(self) -> None:
        """Look until cancelled."""
        group = GroupLag(self.settings, read_topics(self.settings))
        try:
            while True:
                await self.once()
                await self._look_at_kafka(group)
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await group.close()

    async def once(self) -> None:
        """Look at the database."""
        try:
            (row,) = await asyncio.to_thread(Stored(self.database).rows, RECENT)
        except QueryFailed as error:
            self.health.report(Condition.DATABASE_FAILING, short_reason(error))  # shown to everybody
            return
        self.health.clear(Condition.DATABASE_FAILING)
        self.batches = row["batches"]
        self._per_message = row["records"] / row["messages"] if row["messages"] else 1.0
        self._rate = row["lately"] / (SINCE_MINUTES * 60)

    def lag(self) -> Lag:
        """Return what waits: records as far as they can be told, and for how many seconds something has."""
        return self._lag

    async def status(self) -> dict[str, Any]:
        """Return what the page and `spanpulse status` show. Raises QueryFailed."""
        return await asyncio.to_thread(self._status)

    async def _look_at_kafka(self, group: GroupLag) -> None:
        try:
            found = await group.read()
        except (KafkaError, TimeoutError, OSError) as error:
            LOG.warning("Kafka did not say how far the workers are: %r", error)
            self.health.report(Condition.LAG_UNKNOWN, LAG_UNKNOWN)
            return
        self.health.clear(Condition.LAG_UNKNOWN)
        self._lag = self._lag_of(found)

    def _lag_of(self, found: list[PartitionLag]) -> Lag:
        messages, now = sum(each.messages for each in found), time.monotonic()
        if not messages:
            self._behind_since = None
            return Lag(0, 0.0)
        self._behind_since = self._behind_since or now
        return Lag(max(1, round(messages * self._per_message)), now - self._behind_since)

    def _status(self) -> dict[str, Any]:
        stored, lag = Stored(self.database), self._lag
        counts = stored.counts(COUNTS)
        reasons = [{"reason": each.condition.value, "detail": each.detail} for each in self.health.reasons()]
        known = sum(counts[name] for name in OUTCOMES)
        return {
            "version": self.version,
            "pid": os.getpid(),
            "uptime_seconds": time.monotonic() - self._begun,
            "ready": not reasons,
            "reasons": reasons,
            "warnings": [{"reason": each.condition.value, "detail": each.detail} for each in self.health.warnings()],
            "addresses": {},
            "completeness": {
                **counts,
                "accepted": counts["accepted"] + lag.records,
                "pending": lag.records,
                "unaccounted": counts["accepted"] - known,
                "refused_since_start": 0,
            },
            "refused_requests_since_start": {},
            "lag": {"records": lag.records, "bytes": 0, "oldest_seconds": lag.seconds},
            "rates": {"accepted_per_second": self._rate},
            "disk": {"free_bytes": 0, "log_bytes": 0, "database_bytes": self._bytes(stored), "used_bytes": 0},
            **stored.shown(),
        }

    def _bytes(self, stored: Stored) -> int:
        """Return what the tables take on disk, this server's part of it."""
        (row,) = stored.rows(
            "SELECT toInt64(sum(bytes_on_disk)) AS size FROM system.parts"  # noqa: S608 -- a name of our own settings
            f" WHERE database = '{self.settings.clickhouse_database}' AND active"
        )
        return int(row["size"])
