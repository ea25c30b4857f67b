"""`audit` of a database that many workers write: the same comparisons, without holding anybody.

A day that nobody writes to any more is compared exactly. A day that still grows can only be compared where no batch was
written meanwhile: where one was, it is looked at again, a few times, and then named in ``unchecked``. Not guaranteed:
that what Kafka acknowledged was processed; that is the lag, and what no batch covers is found as left out offsets.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from spanpulse_sinks.clickhouse import ReadBench, Retention, days_of
from spanpulse_stream.maintenance._audit_batches import BatchAudit
from spanpulse_stream.maintenance._audit_rollups import RollupAudit
from spanpulse_stream.maintenance._audit_rows import DayRows
from spanpulse_stream.maintenance._audit_scope import days_gone, full_dimensions
from spanpulse_stream.maintenance._rebuild_days import committed_ends, days_asked
from spanpulse_stream.operations import Progress
from spanpulse_stream.pipeline import ROLLUPS

__all__ = ["audit_shared"]

MOST_FINDINGS = 5_000
LOOKS = 5
Finding = dict[str, Any]


def audit_shared(
    bench: ReadBench, retention: Retention, arguments: Mapping[str, Any], report: Callable[[Progress], None]
) -> dict[str, Any]:
    """Audit the received days between ``from`` and ``to``; returns what `audit` does.

    Raises MaintenanceError and QueryFailed.
    """
    asked = days_asked(arguments)
    found = days_of(bench, ("batches", "span_rows", *ROLLUPS))
    days = sorted({each.day for each in found if asked.first <= each.day <= asked.last})
    gone, unchecked = days_gone(retention, bench, days)
    findings: list[Finding] = []
    for number, day in enumerate(days):
        report(Progress(f"comparing the batches and rollups of {day} with its spans", number, len(days), "days"))
        of_day = _findings_of(bench, day, gone)
        if of_day is None:
            unchecked.append({"day": str(day), "table": "batches", "why": "it grew while it was looked at"})
        else:
            findings += of_day
    return {
        "whole": not findings,
        "days": [str(day) for day in days],
        "unchecked": unchecked,
        "findings": findings[:MOST_FINDINGS],
        "more_findings": max(0, len(findings) - MOST_FINDINGS),
    }


def _findings_of(bench: ReadBench, day: date, gone: Mapping[str, list[date]]) -> list[Finding] | None:
    """Return what is wrong with a day; None where it grew each time it was looked at."""
    for _ in range(LOOKS):
        before = _marks(bench, day)
        ends = committed_ends(bench)
        found = list(_compared(bench, day, ends, gone))
        if not found or _marks(bench, day) == before:
            return found
    return None


def _compared(
    bench: ReadBench, day: date, ends: Mapping[int, int], gone: Mapping[str, list[date]]
) -> Iterator[Finding]:
    yield from BatchAudit(bench.read, [day], ends, gone).findings()
    rollups = RollupAudit(bench.read, DayRows(day, ends, full_dimensions(bench, day, ends)), {})
    for finding in rollups.differences([table for table in ROLLUPS if day not in gone[table]]):
        yield {"check": "rollups", "day": str(day), **finding}


def _marks(bench: ReadBench, day: date) -> list[dict[str, Any]]:
    """Return what changes with every batch of a day, however far it is written."""
    spans = f"SELECT toInt64(count()) AS n FROM span_rows WHERE toDate(received_at) = '{day}'"
    batches = f"SELECT toInt64(count()) AS n FROM batches WHERE toDate(received_at) = '{day}'"
    return bench.rows(f"{spans} UNION ALL {batches} ORDER BY n")
