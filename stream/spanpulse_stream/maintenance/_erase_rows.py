"""Erasing what is listed: rows are emptied where sums are held against them, and deleted where nothing is.

Every statement may be repeated, and finds what an interrupted one left. A mutation has ended when its function
returns. Not guaranteed: anything for rows that are not listed; and `span_updates`, `seen` and `rollup_user` must hold
still, for those that are written meanwhile would be lost or missed.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date

from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse import Workbench, days_of
from spanpulse_stream.maintenance._erase_targets import PLACE, TARGETS, places

__all__ = ["TENANTS", "count_rest", "erase_bulk", "erase_context", "erase_updates", "erase_user_sums", "mutate"]

Say = Callable[[str], None]
Change = Mapping[str, str] | None
"""Column -> its new value; None: the rows go."""
SWAPPED_ROWS = 300_000  # a second or two to copy
# A literal NULL would only hide the text: the engine keeps it below the mark that says NULL, also on disk.
NOTHING = "materialize(CAST(NULL, 'Nullable(String)'))"
EMPTY = "CAST(map(), 'Map(LowCardinality(String), String)')"
# What a husk loses. Positions, times, model, tokens, cost and the dimensions of the sums stay.
OF_SPAN = {
    **dict.fromkeys(("trace_id", "span_id", "resource"), "''"),
    **dict.fromkeys(("parent_span_id", "response_id", "status_message", "user_id", "session_id"), NOTHING),
    **dict.fromkeys(("input_messages", "output_messages", "retrieval_query", "retrieval_documents"), NOTHING),
    **dict.fromkeys(("events", "links"), NOTHING),
    **dict.fromkeys(("tags", "attributes"), EMPTY),
    "finish_reasons": "[]",
    "erased": "true",
}
OF_SCORE = {
    **dict.fromkeys(("trace_id", "span_id", "response_id", "explanation"), NOTHING),
    "attributes": EMPTY,
}
OF_UPDATE = {**dict.fromkeys(("trace_id", "span_id"), "''"), **dict.fromkeys(("user_id", "session_id"), NOTHING)}
OF_LETTER = {"bytes": "''", "detail": "'erased'"}
# What each listed row of a table loses (None: it goes), and by what one is known that has not lost it yet.
BULK: Mapping[str, tuple[Mapping[str, str] | None, str]] = {
    "span_rows": (OF_SPAN, "NOT erased"),
    "scores": (OF_SCORE, "(coalesce(trace_id, response_id, explanation) IS NOT NULL OR notEmpty(attributes))"),
    "dead_letters": (OF_LETTER, "detail != 'erased'"),
    "span_texts": (None, "true"),
}
USERS = f"(SELECT user_id FROM {TARGETS} WHERE what = 'user')"
TENANTS = f"(SELECT tenant FROM {TARGETS} WHERE what = 'tenant')"
SECRET = f"(SELECT any(secret) FROM {TARGETS} WHERE what = 'secret')"
TRACES = f"(SELECT tenant, key_high, key_low FROM {TARGETS} WHERE what IN ('span_rows', 'trace'))"
OTHERS = f"(SELECT tenant, key_high, key_low, span_key FROM {TARGETS} WHERE what = 'other')"
IN_SEEN = (
    f"record IN (0, 2) AND tenant IN {TENANTS} AND (user_id != '' AND user_id IN {USERS} OR (tenant, key_high, key_low)"
    f" IN {TRACES} AND (tenant, key_high, key_low, span_id) NOT IN {OTHERS})"
)
IN_UPDATES = f"trace_id != '' AND (log_source, target_log_offset, target_ordinal) IN {places('span_rows')}"
IN_SUMS = f"tenant IN {TENANTS} AND user_id IN {USERS}"
# Ids that nobody can find again, and that still tell which of the erased spans belonged together.
OF_SEEN = {
    "key_high": f"sipHash64({SECRET}, 1, key_high, key_low)",
    "key_low": f"sipHash64({SECRET}, 2, key_high, key_low)",
    "span_id": f"sipHash64({SECRET}, span_id)",
    "parent_span_id": f"if(parent_span_id = 0, 0, sipHash64({SECRET}, parent_span_id))",
    **dict.fromkeys(("user_id", "session_id"), "''"),
}


def erase_bulk(bench: Workbench, say: Say, *, still: bool = False) -> None:
    """Empty the listed spans, scores and dead letters, delete the listed texts.

    ``still`` says that nothing is written meanwhile. Raises ClickHouseError, QueryFailed.
    """
    for table, (change, left) in BULK.items():
        where = f"({PLACE}) IN {places(table)} AND {left}"
        for day in _days(bench, table, where):
            say(f"erasing in {table}, {day}")
            _change(bench, table, day, where, change) if still else mutate(bench, table, day, where, change)


def erase_updates(bench: Workbench) -> int:
    """Take ids out of the corrections of the listed spans, day by day; returns how many. What they sum up to stays."""
    found = _days(bench, "span_updates", IN_UPDATES)
    for day in found:
        _swap(bench, "span_updates", day, IN_UPDATES, OF_UPDATE)  # ids are in its key, which no mutation changes
    return sum(found.values())


def erase_context(bench: Workbench) -> int:
    """Take users and ids out of what partitions remember; returns of how many spans."""
    found = _days(bench, "seen", IN_SEEN)
    for day in found:
        _change(bench, "seen", day, IN_SEEN, OF_SEEN)
    return sum(found.values())


def erase_user_sums(bench: Workbench) -> int:
    """Delete the sums of the listed users; returns how many rows."""
    found = _days(bench, "rollup_user", IN_SUMS)
    for day in found:
        _change(bench, "rollup_user", day, IN_SUMS, None)
    return sum(found.values())


def count_rest(bench: Workbench) -> dict[str, int]:
    """Return how many rows the last three would change or delete. Raises QueryFailed."""
    tables = {"span_updates": IN_UPDATES, "seen": IN_SEEN, "rollup_user": IN_SUMS}
    return {table: sum(_days(bench, table, where).values()) for table, where in tables.items()}


def mutate(bench: Workbench, table: str, day: date, where: str, change: Change) -> None:
    """Change the rows of a received day, or delete them (None), and wait for the end. Raises ClickHouseError."""
    what = "DELETE" if change is None else "UPDATE " + ", ".join(f"{name} = {to}" for name, to in change.items())
    try:
        bench.command(f"ALTER TABLE {table} {what} IN PARTITION '{day}' WHERE {where} SETTINGS mutations_sync = 1")
    except ClickHouseError:
        with suppress(ClickHouseError):  # it would be tried for ever
            bench.command(
                f"KILL MUTATION WHERE database = currentDatabase() AND table = '{table}' AND NOT is_done SYNC"
            )
        raise


def _change(bench: Workbench, table: str, day: date, where: str, change: Change) -> None:
    """Change a day of which nothing is written meanwhile, by what takes less time.

    A mutation waits for its turn in the background, a second or two for each part.
    """
    if sum(what.rows for what in days_of(bench, [table]) if what.day == day) <= SWAPPED_ROWS:
        _swap(bench, table, day, where, change)
    else:
        mutate(bench, table, day, where, change)


def _swap(bench: Workbench, table: str, day: date, where: str, change: Change) -> None:
    """Put a changed copy in the place of a day."""
    aside = f"{table}_{TARGETS}"
    received = "received_day" if table.startswith("rollup_") else "toDate(received_at)"
    replaced = ", ".join(f"if({where}, {to}, {name}) AS {name}" for name, to in (change or {}).items())
    columns = f"* REPLACE ({replaced})" if replaced else "*"
    kept = f"NOT ({where})" if change is None else "true"
    bench.command(f"DROP TABLE IF EXISTS {aside} SYNC")
    bench.command(f"CREATE TABLE {aside} AS {table}")
    try:
        bench.command(
            f"INSERT INTO {aside} SELECT {columns} FROM {table} WHERE {received} = '{day}' AND {kept}"
            " SETTINGS prefer_column_name_to_alias = 1"  # a condition means what is there, not what becomes of it
        )
        left = days_of(bench, [aside])
        bench.command(
            f"ALTER TABLE {table} " + (f"REPLACE PARTITION '{day}' FROM {aside}" if left else f"DROP PARTITION '{day}'")
        )
    finally:
        bench.command(f"DROP TABLE IF EXISTS {aside} SYNC")


def _days(bench: Workbench, table: str, where: str) -> dict[date, int]:
    """Return received day -> rows of a table that meet a condition."""
    day = "received_day" if table.startswith("rollup_") else "toDate(received_at)"
    rows = bench.rows(
        f"SELECT {day} AS day, toInt64(count()) AS n FROM {table} WHERE {where} GROUP BY day ORDER BY day"
    )
    return {row["day"]: row["n"] for row in rows}
