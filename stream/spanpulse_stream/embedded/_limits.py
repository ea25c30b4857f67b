"""The cap on what the data folder takes (`disk_max_bytes`): a warning first, then the oldest received days go.

Spans, texts, scores and dead letters of the oldest day go together, then those of the next; rollups only when there is
nothing else. What is of today, or of a day that still waits in the log, stays: where that alone is too much, OTLP
answers 429. A day that retention is about to drop anyway counts as dropped by retention. Not guaranteed: that the
folder never exceeds the cap; it is measured now and then, and nothing is removed while an operation runs.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from spanpulse_sinks.clickhouse import DayOfTable, Workbench, days_of, purge_old_parts, remove_day, workbench
from spanpulse_stream.day import date_of, day_of
from spanpulse_stream.embedded._folder import DataFolder
from spanpulse_stream.embedded._maintenance import Maintenance
from spanpulse_stream.log import TOPIC, LocalLog
from spanpulse_stream.maintenance import Context
from spanpulse_stream.observe import Condition, Health, Metrics, catalog
from spanpulse_stream.pipeline import ROLLUPS
from spanpulse_stream.settings import Settings

__all__ = ["REASON", "DiskCap"]

LOG = logging.getLogger(__name__)
REASON = "disk_cap"
WARN_FROM = 0.9  # of the cap
SPANS = ("span_rows", "span_updates", "span_texts", "scores", "dead_letters")


@dataclass(slots=True)
class DiskCap:
    """Holds one data folder below its cap."""

    settings: Settings
    folder: DataFolder
    log: LocalLog
    maintenance: Maintenance
    metrics: Metrics
    health: Health
    _warned: bool = field(default=False)

    async def once(self) -> bool:
        """Measure, warn, and remove what is too much; returns whether that was so. Raises what the database raises."""
        if not (most := self.settings.disk_max_bytes):
            return False
        used = await asyncio.to_thread(self._used)
        self._warn(used, most)
        reduced = used > most and not self.maintenance.busy
        if reduced:
            used = await self.maintenance.attempt("the cap on the disk", self._reduce)
        self._refuse(used, most)
        return reduced

    def _used(self) -> int:
        used = sum(self.folder.sizes().values())
        self.metrics.set(catalog.DISK_USED, used)
        return used

    def _warn(self, used: int, most: int) -> None:
        if used < WARN_FROM * most:
            self._warned = False
            self.health.clear(Condition.DISK_NEAR_CAP)
            return
        detail = f"the data folder takes {used / 1e9:.2f} of {most / 1e9:.2f} GB (disk_max_bytes): the oldest days go"
        self.health.report(Condition.DISK_NEAR_CAP, detail)
        if not self._warned:
            LOG.warning("%s", detail)
        self._warned = True

    def _refuse(self, used: int, most: int) -> None:
        """Have OTLP answer 429 while even what must stay is too much."""
        if used <= most:
            self.log.deny(None)
        elif not self.maintenance.busy:
            self.log.deny(
                f"the data folder takes {used / 1e9:.2f} GB and may take {most / 1e9:.2f} (disk_max_bytes): "
                "what was received today alone is too much"
            )

    def _reduce(self, context: Context) -> int:
        """Remove the oldest days until the folder is below its cap, or nothing is left; returns the bytes it takes."""
        used, most = self._used(), self.settings.disk_max_bytes
        with workbench(context.database) as bench:
            for days in _oldest_first(bench, self._keep_from()):
                if used <= most:
                    break
                for what in days:
                    self._remove(bench, what)
                purge_old_parts(bench, [what.table for what in days])
                used = self._used()
            if used > most:
                purge_old_parts(bench, SPANS)
                used = self._used()
        return used

    def _keep_from(self) -> date:
        """Return the first day of which nothing may go: today, or that of the oldest message that waits."""
        waiting = (self.log.oldest_pending_ms(TOPIC, partition) for partition in range(self.settings.partitions))
        return min([datetime.now(UTC).date(), *(date_of(day_of(at)) for at in waiting if at is not None)])

    def _remove(self, bench: Workbench, what: DayOfTable) -> None:
        retention = self.maintenance.database.config.retention
        if what.day <= datetime.now(UTC).date() - timedelta(days=retention.days(what.table)):
            bench.command(f"ALTER TABLE {what.table} DROP PARTITION '{what.day}'")  # retention would have, in hours
            return
        remove_day(bench, what, REASON)
        self.metrics.add(catalog.DISK_REMOVED_DAYS, 1, what.table)
        self.metrics.add(catalog.DISK_REMOVED_BYTES, what.bytes)
        detail = {"table": what.table, "day": str(what.day), "rows": what.rows, "bytes": what.bytes}
        LOG.warning("removed %(day)s from %(table)s: the data folder is at its cap", detail, extra=detail)


def _oldest_first(bench: Workbench, keep_from: date) -> list[list[DayOfTable]]:
    """Return what may go, day by day, in the order in which it goes."""
    found: list[list[DayOfTable]] = []
    for tables in (SPANS, ROLLUPS):
        by_day: dict[date, list[DayOfTable]] = {}
        for what in days_of(bench, tables):
            if what.day < keep_from:
                by_day.setdefault(what.day, []).append(what)
        found += [by_day[day] for day in sorted(by_day)]
    return found
