"""A data folder with ten million spans of the last day: real rows of a real process, repeated minute by minute.

A few requests of generated spans go through `spanpulse up`; what the tables then hold is copied into each minute of
the last 24 hours with new ids, log offsets and times, spans and rollups alike, so that the rollups are those of the
spans. Each minute is faster or slower, cheaper or dearer than the others by a factor of its own: equal extremes in
every minute are no traffic. Not copied: the log, and `seen`.
"""

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx

from running import Running
from spanpulse_sinks.clickhouse import EmbeddedDatabase
from spanpulse_sinks.clickhouse._measures import GAMMA
from spanpulse_stream.traffic import LoadGenerator

SPANS = 10_000_000
MINUTES = 1440
REQUESTS = 14
QUARTER_S = 900
STEP = 30  # minutes copied by one insert
AMOUNTS = ("cost", "weighted_cost", "cost_provider", "cost_computed", "cost_estimated")
TIMES = ("duration_ns", "time_to_first_token_ns")
SKETCHES = ("latency", "time_to_first_token", "time_per_output_token")
STEPS = "(toInt64(cityHash64(n.copy) % 81) - 40)"
"""What a minute's times are shifted by, in buckets of the sketches: 0.45 to 2.2 times as long; its costs alike."""
TABLES = {
    "span_rows": "end_time",
    "span_updates": "received_at",
    "batches": "received_at",
    "rollup_minute": "minute",
    "rollup_quarter": "quarter",
    "rollup_experiment": "minute",
    "rollup_service": "minute",
    "rollup_user": "quarter",
}
PROTOBUF = {"content-type": "application/x-protobuf"}


def make(folder: Path, spans: int = SPANS) -> int:
    """Make the data of ``folder``/data, and return how many spans it holds."""
    with Running(folder) as running:
        base, origin = _send(running)
    minutes = min(MINUTES, spans // base)
    begun = time.perf_counter()
    with EmbeddedDatabase.open(folder / "data" / "database") as database:
        for name in TABLES:
            _copy(database, name, minutes, origin)
        for name in TABLES:
            database.control.command(f"DROP TABLE {name}_base SYNC")
        found = int(database.control.query("SELECT count() FROM span_rows").result_rows[0][0])
    print(f"{found} spans in {minutes} minutes, copied in {time.perf_counter() - begun:.0f} s", flush=True)
    return found


def _send(running: Running) -> tuple[int, int]:
    """Return the number of base rows and their minute, in seconds since the epoch."""
    load = LoadGenerator(seed=7)
    # All of one minute, and of one quarter of an hour: what is copied must not straddle two.
    minute = time.time_ns() // (QUARTER_S * 10**9) * QUARTER_S * 10**9
    for _ in range(REQUESTS):
        body = load.request(minute + 30 * 10**9)
        httpx.post(f"{running.otlp}/v1/traces", content=body, headers=PROTOBUF, timeout=30).raise_for_status()
    running.drain()
    return int(running.one("count() FROM span_rows")), minute // 10**9


def _copy(database: EmbeddedDatabase, table: str, minutes: int, origin: int) -> None:
    """Replace the rows of a table by copies of them, one in each of the last ``minutes`` minutes."""
    control = database.control
    control.command(f"CREATE TABLE {table}_base AS {table} ENGINE = Memory")
    control.command(f"INSERT INTO {table}_base SELECT * FROM {table}")
    control.command(f"TRUNCATE TABLE {table} SYNC")
    columns = {name for name, *_ in control.query(f"DESCRIBE TABLE {table}").result_rows}
    for first in range(0, minutes, STEP):
        span = f"(SELECT number + {first} AS copy FROM numbers({min(STEP, minutes - first)}))"
        for day in _days():
            source = f"SELECT {_shifted(columns, origin)} FROM {table}_base AS b CROSS JOIN {span} AS n"
            control.command(f"INSERT INTO {table} SELECT * FROM ({source}) WHERE {_day_of(columns)} = '{day}'")


def _days() -> list[date]:
    today = datetime.now(UTC).date()
    return [today - timedelta(days=1), today]


def _day_of(columns: set[str]) -> str:
    return "toDate(received_at)" if "received_at" in columns else "received_day"


def _shifted(columns: set[str], origin: int) -> str:
    """Return select items: every column of a base row, moved ``copy`` minutes into the past."""
    back = "toIntervalMinute(n.copy)"
    moved = {name: f"b.{name} - {back}" for name in ("start_time", "end_time")}
    moved |= {"minute": f"b.minute - {back}", "quarter": f"toStartOfFifteenMinutes(b.quarter - {back})"}
    received = f"toDateTime({origin + 60}, 'UTC') - {back}"
    moved |= {"received_at": received, "target_received_at": received, "received_day": f"toDate({received})"}
    for name in ("log_offset", "target_log_offset", "first_offset", "last_offset"):
        moved[name] = f"b.{name} + if(n.copy > 0, ({MINUTES} - n.copy) * 1000, 0)"
    moved |= {name: _scaled(name) for name in columns & {*AMOUNTS, *TIMES}}
    moved |= {name: f"mapApply((k, c) -> (toInt16(k + {STEPS}), c), b.{name})" for name in columns & set(SKETCHES)}
    moved["trace_id"] = "lower(hex(sipHash128(b.trace_id, n.copy)))"
    moved["response_id"] = "if(b.response_id IS NULL, NULL, concat(b.response_id, '-', toString(n.copy)))"
    # Only the first copy is of the log that the process has; one behind whose end there are rows would be a lost one.
    for name in ("log_source", "target_log_source"):
        moved[name] = f"b.{name} + if(n.copy > 0, 1, 0)"
    moved["applied"] = (
        f"mapApply((s, o) -> if(n.copy > 0, (toUInt32(s + 1), toInt64(o + {MINUTES} * 1000)), (s, o)), b.applied)"
    )
    chosen = {name: expression for name, expression in moved.items() if name in columns}
    return "b.* REPLACE (" + ", ".join(f"{expression} AS {name}" for name, expression in chosen.items()) + ")"


def _scaled(column: str) -> str:
    """Return a duration in ns or an amount in USD by the factor of its minute."""
    scaled = f"toFloat64(b.{column}) * pow({GAMMA}, {STEPS})"
    return f"toInt64({scaled})" if column in TIMES else f"toDecimal128({scaled}, 12)"
