"""Whole received days before a date: dropped from every table that holds what people wrote or who they are.

As after retention the sums of minutes, services, experiments and scores stay; those of users go. What partitions
remember of those days stays as ids of spans alone, without users and sessions.
"""

from datetime import date

from spanpulse_sinks.clickhouse import DayOfTable, Workbench, days_of, note_removal, remove_day
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._erase_request import EraseRequest
from spanpulse_stream.maintenance._erase_rows import TENANTS, mutate
from spanpulse_stream.maintenance._erase_targets import note_request, quoted

__all__ = ["PERSONAL", "count_days", "erase_days"]

PERSONAL = ("span_rows", "span_updates", "span_texts", "scores", "dead_letters", "rollup_user")
REASON = "erased"


def count_days(bench: Workbench, request: EraseRequest) -> dict[str, int]:
    """Return how many rows of each table would go. Raises QueryFailed."""
    found = dict.fromkeys(PERSONAL, 0)
    for what in _days(bench, request):
        found[what.table] += _rows_of(bench, what, request)
    return found


def erase_days(context: Context, bench: Workbench, request: EraseRequest) -> dict[str, int]:
    """Drop the days; returns rows by table. While nothing is written. Raises ClickHouseError, QueryFailed, Stopped."""
    note_request(bench, request)
    found = dict.fromkeys((*PERSONAL, "seen"), 0)
    for what in _days(bench, request):
        context.say(f"erasing {what.day} from {what.table}")
        rows = _rows_of(bench, what, request)
        found[what.table] += rows
        if request.tenant is None:
            remove_day(bench, what, REASON)
        elif rows:
            gone = DayOfTable(what.table, what.day, rows, what.bytes * rows // max(1, what.rows))
            note_removal(bench, gone, REASON, request.tenant)
            mutate(bench, what.table, what.day, f"tenant IN {TENANTS}", None)
    for what in days_of(bench, ["seen"]):
        if what.day < _end(request):
            found["seen"] += _forget(bench, what.day)
    return found


def _forget(bench: Workbench, day: date) -> int:
    where = f"tenant IN {TENANTS} AND (user_id != '' OR session_id != '')"
    received = f"toDate(received_at) = '{day}'"
    rows = bench.rows(f"SELECT toInt64(count()) AS n FROM seen WHERE {received} AND {where}")
    if count := int(rows[0]["n"]):
        mutate(bench, "seen", day, where, {"user_id": "''", "session_id": "''"})
    return count


def _days(bench: Workbench, request: EraseRequest) -> list[DayOfTable]:
    return [what for what in days_of(bench, PERSONAL) if what.day < _end(request)]


def _end(request: EraseRequest) -> date:
    assert request.before is not None
    return request.before


def _rows_of(bench: Workbench, what: DayOfTable, request: EraseRequest) -> int:
    if request.tenant is None:
        return what.rows
    day = "received_day" if what.table.startswith("rollup_") else "toDate(received_at)"
    where = f"{day} = '{what.day}' AND tenant = {quoted(request.tenant)}"
    return int(bench.rows(f"SELECT toInt64(count()) AS n FROM {what.table} WHERE {where}")[0]["n"])
