"""What an audit can hold against each other on a day: what is gone by design, and which dimensions are full."""

from collections.abc import Mapping, Sequence
from datetime import date

from spanpulse_sinks.clickhouse import ReadBench, Retention, days_of
from spanpulse_stream.maintenance._rebuild_days import below, corrects_gone, spans_gone
from spanpulse_stream.pipeline import CALL_ROLLUPS, ROLLUPS, SCORE_ROLLUPS
from spanpulse_stream.rollup import DimensionCaps

__all__ = ["HELD_AGAINST", "days_gone", "full_dimensions"]

HELD_AGAINST = ("span_rows", "span_updates", "seen", "dead_letters", "scores", *ROLLUPS)


def days_gone(
    retention: Retention, bench: ReadBench, days: Sequence[date]
) -> tuple[dict[str, list[date]], list[dict[str, str]]]:
    """Return table -> days whose rows need not be there, or cannot be held against anything, and why."""
    gone: dict[str, list[date]] = {table: [] for table in HELD_AGAINST}
    unchecked = []
    in_state = {each.day for each in days_of(bench, ("seen",))}
    for day in days:
        reasons = {table: spans_gone(retention, bench, day, table) for table in HELD_AGAINST if table != "seen"}
        for table in ROLLUPS:
            reasons[table] = reasons[table] or reasons["scores" if table in SCORE_ROLLUPS else "span_rows"]
        corrects = reasons["span_rows"] or corrects_gone(retention, bench, day)
        for table in CALL_ROLLUPS:
            reasons[table] = reasons[table] or corrects
        reasons["rollup_service"] = reasons["rollup_service"] or corrects_gone(retention, bench, day, "dropped")
        # The state is trimmed by whole days as soon as nothing needs it.
        gone["seen"] += [day] if day not in in_state else []
        for table, why in reasons.items():
            if why is not None:
                gone[table].append(day)
                unchecked.append({"day": str(day), "table": table, "why": why})
    return gone, unchecked


def full_dimensions(bench: ReadBench, day: date, ends: Mapping[int, int]) -> set[str]:
    """Return the dimensions of which some tenant has no place left on a day."""
    limit_of = DimensionCaps(lambda _source, _day: ()).limit_of
    rows = bench.rows(
        "SELECT dimension, toInt64(max(n)) AS most FROM (SELECT log_source, tenant, dimension, count() AS n"
        f" FROM dimension_values WHERE toDate(received_at) = '{day}' AND {below(ends)}"
        " GROUP BY log_source, tenant, dimension) GROUP BY dimension"
    )
    return {row["dimension"] for row in rows if row["most"] >= limit_of(row["dimension"])}
