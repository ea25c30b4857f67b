"""The cap on what the data folder takes (`disk_max_bytes`): a warning first, then the oldest received days go.

What the log keeps of processed messages goes before them, for it is in the database too. Then spans, texts, scores and
dead letters of the oldest day go together, then those of the next; rollups only when there is nothing else, and when
that is enough. What is of today, or of a day that still waits in the log, stays: where that alone is too much, OTLP
answers 429. A day that retention is about to drop anyway counts as dropped by retention. Not guaranteed: that the
folder never exceeds the cap; it is measured now and then, and nothing is removed while an operation runs.
"""

import asyncio
import logging
from collections.abc import Sequence
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
MB = 1_000_000
WARN_FROM = 0.9  # of the cap
SLACK = 20  # a twentieth of the cap more is freed of the log than has to be, so that it is not done at every look
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
        await asyncio.to_thread(self._refuse, used, most)
        return reduced

    def _used(self) -> int:
        used = sum(self.folder.sizes().values())
        self.metrics.set(catalog.DISK_USED, used)
        return used

    def _kept_by_log(self) -> int:
        """Return what no day of the database frees: the log with its ballast, and what is beside the database."""
        return sum(size for part, size in self.folder.sizes().items() if part != "database")

    def _warn(self, used: int, most: int) -> None:
        if used < WARN_FROM * most:
            self._warned = False
            self.health.clear(Condition.DISK_NEAR_CAP)
            return
        detail = f"the data folder takes {used / MB:,.0f} of {most / MB:,.0f} MB (disk_max_bytes): the oldest days go"
        self.health.report(Condition.DISK_NEAR_CAP, detail)
        if not self._warned:
            LOG.warning("%s", detail)
        self._warned = True

    def _refuse(self, used: int, most: int) -> None:
        """Have OTLP answer 429 while even what must stay is too much."""
        if used <= most:
            self.log.deny(None)
        elif not self.maintenance.busy:
            sizes = self.folder.sizes()
            ballast = self.settings.ballast_bytes if self.log.stats().ballast_held else 0
            self.log.deny(
                f"the data folder takes {used / MB:,.0f} MB and may take {most / MB:,.0f} (disk_max_bytes): "
                f"database {sizes['database'] / MB:,.0f}, log {(sizes['log'] - ballast) / MB:,.0f} "
                f"({self.log.pending_bytes() / MB:,.0f} wait to be processed), its reserve {ballast / MB:,.0f}; "
                "what was received today and what waits stays"
            )

    def _reduce(self, context: Context) -> int:
        """Free what may go until the folder is below its cap, or that does not help; returns the bytes it takes."""
        used, most = self._used(), self.settings.disk_max_bytes
        if freed := self.log.give_back(used - most + most // SLACK):
            LOG.warning("the log gave %.1f MB of processed messages back: the data folder is at its cap", freed / MB)
            used = self._used()
        if used <= most or self._kept_by_log() > most:
            return used
        with workbench(context.database) as bench:
            purge_old_parts(bench, SPANS)
            used = self._remove_days(bench, _oldest_first(bench, SPANS, self._keep_from()))
            sums = _oldest_first(bench, ROLLUPS, self._keep_from())
            if used - sum(what.bytes for days in sums for what in days) <= most:
                used = self._remove_days(bench, sums)
        return used

    def _remove_days(self, bench: Workbench, oldest_first: list[list[DayOfTable]]) -> int:
        """Remove day by day while the folder takes too much; returns the bytes it takes."""
        used = self._used()
        for days in oldest_first:
            if used <= self.settings.disk_max_bytes:
                break
            for what in days:
                self._remove(bench, what)
            purge_old_parts(bench, [what.table for what in days])
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


def _oldest_first(bench: Workbench, tables: Sequence[str], keep_from: date) -> list[list[DayOfTable]]:
    """Return what may go of some tables, day by day, in the order in which it goes."""
    by_day: dict[date, list[DayOfTable]] = {}
    for what in days_of(bench, tables):
        if what.day < keep_from:
            by_day.setdefault(what.day, []).append(what)
    return [by_day[day] for day in sorted(by_day)]
