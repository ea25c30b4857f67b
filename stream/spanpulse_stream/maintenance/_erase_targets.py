"""Where the traces of a user, or one trace, are: positions of rows, gathered in a table of the database.

Of a user's traces goes what no other user owns: the spans above a call repeat its texts, and carry no user of their
own. What is found stays listed until the erasure has ended, so that what arrives later for the same traces is found
as well. No statement that changes a table names an id: mutations are kept on disk as text, so they name this table.
"""

import secrets
import time
from collections.abc import Iterable

import pyarrow as pa

from spanpulse_sinks.clickhouse import Workbench
from spanpulse_stream.maintenance._erase_letters import BY_WORD, letters_of_traces, letters_with
from spanpulse_stream.maintenance._erase_request import EraseRequest
from spanpulse_stream.normalise import USER_KEYS
from spanpulse_stream.usage import SHORT_ID, SHORT_NUMBER

__all__ = [
    "PLACE",
    "TARGETS",
    "drop_targets",
    "find_targets",
    "found_rows",
    "note_request",
    "places",
    "quoted",
    "tenants_of",
]

TARGETS = "erasing"
TABLE = f"""
CREATE TABLE IF NOT EXISTS {TARGETS}
(
    what         LowCardinality(String), -- a table, or: user, tenant, trace, other (a span of another user), secret
    log_source   UInt32,
    log_offset   Int64,
    ordinal      Int32,
    received_day Date,
    tenant       String,
    trace_id     String,
    span_id      String,
    response_id  String,
    user_id      String,
    secret       UInt64,
    key_high     UInt64 MATERIALIZED reinterpretAsUInt64(reverse(unhex(substring(trace_id, 1, 16)))),
    key_low      UInt64 MATERIALIZED reinterpretAsUInt64(reverse(unhex(substring(trace_id, 17, 16)))),
    span_key     UInt64 MATERIALIZED reinterpretAsUInt64(reverse(unhex(span_id)))
)
ENGINE = MergeTree ORDER BY (what, log_source, log_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, add_minmax_index_for_numeric_columns = 0
"""
PLACE = "log_source, log_offset, ordinal"
COLUMNS = f"what, {PLACE}, received_day, tenant, trace_id, span_id"
TOUCHED = f"(SELECT tenant, trace_id FROM {TARGETS} WHERE what IN ('span_rows', 'trace'))"
OF_NOBODY_ELSE = (
    f"(SELECT tenant, trace_id FROM {TARGETS} WHERE what = 'span_rows'"
    f" AND (tenant, trace_id) NOT IN (SELECT tenant, trace_id FROM {TARGETS} WHERE what = 'other'))"
)
RESPONSES = (
    f"(SELECT tenant, response_id FROM {TARGETS} WHERE what = 'span_rows'"
    f" AND (length(response_id) >= {SHORT_ID}"
    f" OR length(arrayElement(splitByRegexp('[-_]', response_id), -1)) >= {SHORT_NUMBER}))"
)
"""Responses of spans that are listed; a short id is a number that many responses have, and names none."""
LONG_ID = 256  # bytes from which on an id may have stayed an attribute, or in the JSON of one
OWNED = "(SELECT log_source, target_log_offset, target_ordinal FROM span_updates WHERE {})"


def find_targets(bench: Workbench, request: EraseRequest) -> None:
    """List what there is to erase, beside what is listed already. Raises QueryFailed, ClickHouseError, OSError."""
    note_request(bench, request)
    if request.user is not None:
        _spans_of_user(bench, quoted(request.user), _of_tenant(request))
    else:
        _spans_of_trace(bench, str(request.trace), _of_tenant(request))
    _texts_and_scores(bench, request)
    _letters(bench, request)


def found_rows(bench: Workbench) -> dict[str, int]:
    """Return how many rows of each table are listed, and of which letters only a word tells. Raises QueryFailed."""
    rows = bench.rows(f"SELECT what, toInt64(count()) AS n FROM {TARGETS} WHERE log_source > 0 GROUP BY what")
    found = {row["what"]: row["n"] for row in rows if row["what"] != "other"}
    by_word = f"SELECT toInt64(count()) AS n FROM {TARGETS} WHERE what = 'dead_letters' AND response_id = '{BY_WORD}'"
    return found | {"dead_letters_by_word": bench.rows(by_word)[0]["n"]}


def drop_targets(bench: Workbench) -> None:
    """Remove the list from the disk, and copies of days that a kill left. Raises ClickHouseError, QueryFailed."""
    ours = f"name = '{TARGETS}' OR endsWith(name, '_{TARGETS}')"
    for row in bench.rows(f"SELECT name FROM system.tables WHERE database = currentDatabase() AND ({ours})"):
        bench.command(f"DROP TABLE {row['name']} SYNC")


def places(what: str) -> str:
    """Return a subquery for the (log_source, log_offset, ordinal) that are listed of a table."""
    return f"(SELECT {PLACE} FROM {TARGETS} WHERE what = '{what}')"


def quoted(text: str) -> str:
    """Return a text as a literal of SQL, for queries alone."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def note_request(bench: Workbench, request: EraseRequest) -> None:
    """List what statements look up: the user or trace, the tenants, a number that nobody keeps, its own number.

    Raises ClickHouseError, QueryFailed or OSError.
    """
    bench.command(TABLE)
    if bench.rows(f"SELECT 1 AS one FROM {TARGETS} WHERE what = 'secret' LIMIT 1"):
        return
    tenants = [request.tenant] if request.tenant else tenants_of(bench)
    rows = [{"what": "tenant", "tenant": tenant} for tenant in tenants]
    if request.user is not None:
        rows += [{"what": "user", "user_id": request.user}]
    elif request.trace is not None:
        rows += [{"what": "trace", "tenant": tenant, "trace_id": request.trace} for tenant in tenants]
    fields = ("what", "tenant", "trace_id", "user_id")
    columns = {
        name: pa.array([row.get(name, "") for row in rows] + ["secret" if name == "what" else ""]) for name in fields
    }
    columns["secret"] = pa.array([0] * len(rows) + [secrets.randbits(63)], pa.uint64())
    columns["log_offset"] = pa.array([0] * len(rows) + [time.time_ns() // 1_000_000])
    bench.insert(TARGETS, pa.RecordBatch.from_pydict(columns))


TENANTS = "SELECT DISTINCT CAST(tenant, 'String') AS tenant FROM batches"


def tenants_of(bench: Workbench) -> list[str]:
    """Return the tenants that anything was received of. Raises QueryFailed."""
    return [row["tenant"] for row in bench.rows(TENANTS)]


def _of_tenant(request: EraseRequest) -> str:
    return f"tenant = {quoted(request.tenant)}" if request.tenant else "1"


def _list_spans(bench: Workbench, what: str, where: str) -> None:
    bench.command(
        f"INSERT INTO {TARGETS} ({COLUMNS}, response_id) SELECT '{what}', {PLACE}, toDate(received_at), tenant,"
        f" trace_id, span_id, coalesce(response_id, '') FROM span_rows"
        f" WHERE NOT erased AND ({PLACE}) NOT IN {places(what)} AND {where}"
    )


def _spans_of_user(bench: Workbench, user: str, tenant: str) -> None:
    owned = OWNED.format(f"user_id = {user} AND {tenant}")
    named = f" OR arrayExists(value -> position(value, {user}) > 0, mapValues(attributes))" * (len(user) > LONG_ID)
    _list_spans(bench, "span_rows", f"{tenant} AND (user_id = {user} OR ({PLACE}) IN {owned}{named})")
    somebody = OWNED.format(f"user_id != '' AND user_id != {user}")
    nobody = f"coalesce(user_id, '') = '' AND ({PLACE}) NOT IN {somebody}"
    # The same call, told of by another instrumentation in a trace of its own.
    _list_spans(bench, "span_rows", f"{tenant} AND (tenant, coalesce(response_id, '')) IN {RESPONSES} AND {nobody}")
    same_trace = f"{tenant} AND (tenant, trace_id) IN {TOUCHED} AND ({PLACE}) NOT IN {places('span_rows')}"
    _list_spans(bench, "other", f"{same_trace} AND (coalesce(user_id, '') != '' OR ({PLACE}) IN {somebody})")
    _list_spans(bench, "span_rows", f"{same_trace} AND ({PLACE}) NOT IN {places('other')}")


def _spans_of_trace(bench: Workbench, trace: str, tenant: str) -> None:
    _list_spans(bench, "span_rows", f"{tenant} AND trace_id = '{trace}'")


def _texts_and_scores(bench: Workbench, request: EraseRequest) -> None:
    others = f"(SELECT tenant, trace_id, span_id FROM {TARGETS} WHERE what = 'other')"
    trace, span = "coalesce(trace_id, '')", "coalesce(span_id, '')"
    of_traces = f"((tenant, {trace}) IN {TOUCHED} AND (tenant, {trace}, {span}) NOT IN {others})"
    named = f"(tenant, coalesce(response_id, '')) IN {RESPONSES}"
    if request.user is not None:
        keys = ", ".join(map(quoted, sorted(USER_KEYS)))
        named += f" OR arrayExists((key, value) -> key IN ({keys}) AND value = {quoted(request.user)},"
        named += " mapKeys(attributes), mapValues(attributes))"
    for table, where in (("span_texts", of_traces), ("scores", f"({of_traces} OR {named})")):
        bench.command(
            f"INSERT INTO {TARGETS} ({COLUMNS}) SELECT DISTINCT '{table}', {PLACE}, toDate(received_at), tenant, '', ''"
            f" FROM {table} WHERE {_of_tenant(request)} AND {where} AND ({PLACE}) NOT IN {places(table)}"
        )


def _letters(bench: Workbench, request: EraseRequest) -> None:
    where = f"{_of_tenant(request)} AND bytes != '' AND ({PLACE}) NOT IN {places('dead_letters')}"
    _list_letters(bench, letters_with(bench, request, where))
    if request.user is not None and bench.rows(f"SELECT 1 AS one FROM {TARGETS} WHERE what = 'span_rows' LIMIT 1"):
        _list_letters(bench, [letters_of_traces(bench, where, OF_NOBODY_ELSE)])


def _list_letters(bench: Workbench, letters: Iterable[pa.Table]) -> None:
    for found in letters:
        if not len(found):
            continue
        listed = found.append_column("what", pa.array(["dead_letters"] * len(found)))
        bench.insert(TARGETS, listed.combine_chunks().to_batches()[0])
