"""What a scope means for stored spans: a condition with typed parameters.

A span matches by its own columns and, for user, session and prompt, also by what a correction has given it since. Its
time is that of its end, as in the rollups. Not guaranteed: that a trace lies in the range as a whole.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from spanpulse_dashboards._scope import FILTERS, Scope
from spanpulse_sinks.clickhouse import Parameters

__all__ = ["COLUMNS", "Condition", "condition_of", "ns_of", "time_of"]

COLUMNS = {
    "tenant": "tenant",
    "service": "service_name",
    "environment": "environment",
    "provider": "provider",
    "model": "coalesce(response_model, request_model)",
    "prompt": "prompt_name",
    "prompt_version": "prompt_version",
    "user": "user_id",
    "session": "session_id",
}
CORRECTED = ("prompt", "prompt_version", "user", "session")
assert set(COLUMNS) == set(FILTERS)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL of our own over `span_rows`, and the values of its places."""

    sql: str
    parameters: Parameters


def condition_of(scope: Scope, start_ns: int, end_ns: int, through_ms: int) -> Condition:
    """Return what spans must fulfil that end in [start, end), were received by ``through_ms`` and match the filters."""
    parts = [
        "end_time >= fromUnixTimestamp64Nano({from_ns:Int64})",
        "end_time < fromUnixTimestamp64Nano({to_ns:Int64})",
        "received_at <= fromUnixTimestamp64Milli({through_ms:Int64})",
        "NOT erased",  # what is left of an erased span belongs to no trace
    ]
    parameters: dict[str, int | list[str]] = {"from_ns": start_ns, "to_ns": end_ns, "through_ms": through_ms}
    for name, values in scope.filters:
        parts.append(_matches(name, with_empty="" in values))
        parameters[f"f_{name}"] = list(values)
    return Condition(" AND ".join(parts), parameters)


def ns_of(moment: datetime) -> int:
    """Return a time as ns since the epoch, exact to the microsecond that it has."""
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def time_of(ns: int) -> datetime:
    """Return a time in ns since the epoch, to the microsecond."""
    return EPOCH + timedelta(microseconds=ns // 1000)


def _matches(name: str, *, with_empty: bool) -> str:
    column, values = COLUMNS[name], f"{{f_{name}:Array(String)}}"
    own = f"ifNull({column}, '') IN {values}" if with_empty else f"{column} IN {values}"
    if name not in CORRECTED:
        return own
    later = (
        "(log_source, log_offset, ordinal) IN (SELECT log_source, target_log_offset, target_ordinal"
        f" FROM span_updates WHERE {column} IN {values})"
    )
    return f"({own} OR {later})"
