"""`audit`: whether the spans that were accepted are there, once, and the rollups say what the spans say.

One moment between two batches is looked at: everything committed until then, nothing after. Rollups of days that
still grow are kept as hard links of that moment. Nothing is changed. Not guaranteed: anything about what people sent
and nobody accepted, about texts, and about days whose spans are gone: those are named in ``unchecked``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from spanpulse_sinks.clickhouse import days_of
from spanpulse_stream.day import DAY_MS, date_of, number_of
from spanpulse_stream.log import TOPIC
from spanpulse_stream.maintenance._audit_batches import BatchAudit
from spanpulse_stream.maintenance._audit_rollups import RollupAudit
from spanpulse_stream.maintenance._audit_rows import DayRows
from spanpulse_stream.maintenance._audit_scope import days_gone, full_dimensions
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._rebuild_days import days_asked, today
from spanpulse_stream.maintenance._rebuild_swap import Asides, aside_of, asides
from spanpulse_stream.pipeline import ROLLUPS

__all__ = ["audit"]

MOST_FINDINGS = 5_000


@dataclass(frozen=True, slots=True)
class _Moment:
    """What is looked at: ``ends`` of the sources, days that still grow, and where the log's partitions stand."""

    ends: Mapping[int, int]
    growing: frozenset[date]
    partitions: Sequence[tuple[int, int, int | None]]  # source, committed, end of the claim
    counted_until: int  # ms; the minutes before it are all in batches


def audit(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Audit the received days between ``from`` and ``to``.

    Returns ``whole``, ``days``, ``unchecked`` (day, table, why) and ``findings``, the worst first: check, day, minute,
    tenant, table, expected, found and, for rollups, dimensions and measure. Raises MaintenanceError, Stopped,
    QueryFailed, TimeoutError and OSError.
    """
    days = days_asked(arguments)
    findings: list[dict[str, Any]] = []
    with asides(context, ROLLUPS) as beside:
        moment = _look(context, beside)
        found = days_of(beside.bench, ("batches", "span_rows", *ROLLUPS))
        present = sorted({each.day for each in found if days.first <= each.day <= days.last})
        gone, unchecked = days_gone(context.database.config.retention, beside.bench, present)
        more = 0
        for finding in _findings(context, beside, moment, present, gone):
            if len(findings) < MOST_FINDINGS:
                findings.append(finding)
            else:
                more += 1
    return {
        "whole": not findings,
        "days": [str(day) for day in present],
        "unchecked": unchecked,
        "findings": findings,
        "more_findings": more,
    }


def _look(context: Context, beside: Asides) -> _Moment:
    """Take what has to be of one moment."""
    with context.between_batches() as ends:
        partitions = []
        for partition in range(context.settings.partitions):
            claim = context.log.claimed(TOPIC, partition)
            source, committed = context.log.source(TOPIC, partition), context.log.committed(TOPIC, partition)
            partitions.append((source, committed, claim.end if claim else None))
        pending = [context.log.oldest_pending_ms(TOPIC, number) for number in range(context.settings.partitions)]
        now = int(datetime.now(UTC).timestamp() * 1000)
        oldest = min([now, *(at for at in pending if at is not None)])
        growing = frozenset(date_of(day) for day in range(oldest // DAY_MS, now // DAY_MS + 1))
        for day in growing:
            for table in beside.tables:
                beside.copy(table, day)
        return _Moment(dict(ends), growing, partitions, oldest // 60_000 * 60_000)


def _findings(
    context: Context, beside: Asides, moment: _Moment, days: Sequence[date], gone: Mapping[str, Sequence[date]]
) -> Iterator[dict[str, Any]]:
    read = beside.bench.read
    batches = BatchAudit(read, days, moment.ends, gone)
    context.say("comparing batches with the log and with rows")
    if not days or today() in days:
        yield from _ends(moment)
    yield from _accepted(context, moment, batches, days)
    yield from batches.findings()
    for number, day in enumerate(days):
        context.say(f"comparing the rollups of {day} with its spans", number, len(days), "days")
        tables = [table for table in ROLLUPS if day not in gone[table]]
        stands_in = {table: aside_of(table) for table in ROLLUPS} if day in moment.growing else {}
        rollups = RollupAudit(
            read, DayRows(day, moment.ends, full_dimensions(beside.bench, day, moment.ends)), stands_in
        )
        for finding in rollups.differences(tables):
            yield {"check": "rollups", "day": str(day), **finding}


def _ends(moment: _Moment) -> Iterator[dict[str, Any]]:
    """Yield log partitions whose committed offset is not where the batches end."""
    for source, committed, claimed in moment.partitions:
        end = moment.ends.get(source, 0)
        if end not in {committed, claimed}:  # a batch is whole a moment before its claim is committed
            yield {"check": "log", "table": "batches", "source": source, "expected": committed, "found": end}


def _accepted(context: Context, moment: _Moment, batches: BatchAudit, days: Sequence[date]) -> Iterator[dict[str, Any]]:
    """Yield minutes of which the log counted more records than the batches took."""
    taken = batches.accepted()
    for day in days:
        first = number_of(day) * DAY_MS
        counted = context.log.accepted(first, min(first + DAY_MS, moment.counted_until))
        for (at, tenant, signal), expected in sorted(counted.items()):
            if expected > (found := taken.get((at, tenant, signal), 0)):
                minute = datetime.fromtimestamp(at // 1000, UTC).isoformat()
                where = {"day": str(day), "minute": minute, "tenant": tenant, "signal": signal}
                yield {"check": "accepted", **where, "table": "batches", "expected": expected, "found": found}
