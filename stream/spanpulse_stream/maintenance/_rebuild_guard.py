"""Which rollups of a received day must not be counted again: their sums know of more, or of less, than its rows.

Rows are held against what the batches say they stored. Not guaranteed: that rows which are there in the right number
are the right ones. Older batches do not say how many scores they had: of their days only a lack is seen.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from spanpulse_sinks.clickhouse import Workbench, days_of
from spanpulse_stream.decisions import SIGNAL as DECISIONS
from spanpulse_stream.maintenance._audit_batches import BatchAudit
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._rebuild_days import Received, below, corrects_gone, spans_gone
from spanpulse_stream.pipeline import CALL_ROLLUPS, SCORE_ROLLUPS

__all__ = ["kept_back"]

RESTART = "A start of `spanpulse up` brings back what the log still has"


def kept_back(
    context: Context, bench: Workbench, found: Received, ends: Mapping[int, int], tables: Collection[str]
) -> dict[str, str]:
    """Return those of ``tables`` that must be left as they are on a day, each with why; ``ends`` are of the batches.

    Raises QueryFailed.
    """
    if not found.batches and not found.spans and (why := _unaccounted(bench, ends)):
        return dict.fromkeys(tables, why)
    day, audit = found.day, BatchAudit(bench.read, [found.day], ends, {})
    retention = context.database.config.retention
    spans = spans_gone(retention, bench, day) or _differ("spans", audit.rows("spans"))
    calls = spans or corrects_gone(retention, bench, day) or _differ("corrections", audit.rows("corrections"))
    # Of corrections only those that drop a span change how many there are.
    drops = spans or corrects_gone(retention, bench, day, "dropped") or (calls if _was_decided(bench, day) else None)
    scores = spans_gone(retention, bench, day, "scores") or _differ("scores", _scores(bench, audit, day, ends))
    whys = {**dict.fromkeys(CALL_ROLLUPS, calls), "rollup_service": drops, **dict.fromkeys(SCORE_ROLLUPS, scores)}
    return {table: why for table in tables if (why := whys[table])}


def _was_decided(bench: Workbench, day: date) -> bool:
    """Tell whether decisions changed something on a day, by what its batches say."""
    where = f"toDate(received_at) = '{day}' AND signal = '{DECISIONS}' AND updates + decided > 0"
    return bool(bench.rows(f"SELECT 1 AS one FROM batches WHERE {where} LIMIT 1"))


def _differ(what: str, findings: Iterable[Mapping[str, Any]]) -> str | None:
    """Return what is said of rows that are not those their batches stored."""
    lacking = more = 0
    for each in findings:
        difference = each["expected"] - each["found"]
        lacking, more = lacking + max(difference, 0), more + max(-difference, 0)
    if lacking:
        return f"{lacking} of its {what} are missing: the rollups would lose them too. {RESTART}"
    if more:
        return f"{more} more of its {what} are there than its batches stored: the rollups would count them too"
    return None


def _scores(bench: Workbench, audit: BatchAudit, day: date, ends: Mapping[int, int]) -> Iterator[Mapping[str, Any]]:
    """Yield how the scores differ from what the batches say, or else a lack of those that were summed."""
    yield from audit.rows("scores")
    (row,) = bench.rows(
        "SELECT (SELECT countIf(isNull(scores)) > 0 FROM batches"
        f" WHERE toDate(received_at) = '{day}' AND {below(ends, 'last_offset')}) AS unknown,"
        f" (SELECT toInt64(sum(scores)) FROM rollup_score WHERE received_day = '{day}') AS expected,"
        f" (SELECT toInt64(count()) FROM scores WHERE toDate(received_at) = '{day}') AS found"
    )
    if row["unknown"] and row["expected"] > row["found"]:
        yield row


def _unaccounted(bench: Workbench, ends: Mapping[int, int]) -> str | None:
    """Return why the rollups of a day without batches may be all that is left of it."""
    days = sorted({each.day for each in days_of(bench, ("batches",))})
    if any(BatchAudit(bench.read, days, ends, {}).offsets()):
        return f"batches are missing, and these rollups may be of them. {RESTART}"
    return None
