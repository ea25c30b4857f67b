"""Small batches for the writer's tests: batch k of a source is the same wherever it is made."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from spanpulse_sinks.clickhouse import Batch

SOURCE = 7
SPANS = 40
MESSAGES = 4
DAY = date(2026, 11, 20)
MILLISECONDS = pa.timestamp("ms", "UTC")
NANOSECONDS = pa.timestamp("ns", "UTC")
APPLIED = pa.map_(pa.uint32(), pa.int64())
SKETCH = pa.map_(pa.int16(), pa.int64())


def batch(number: int, *, source: int = SOURCE, day: date = DAY, spans: int = SPANS) -> Batch:
    """Return batch ``number``: four messages, and rows in every kind of table."""
    first = number * MESSAGES
    last = first + MESSAGES - 1
    received = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(seconds=number)
    tables = {
        "seen": _seen(source, first, received, spans),
        "span_rows": _spans(source, first, received, spans),
        "span_updates": _update(source, first, received),
        "rollup_minute": _rollup(source, last, day, received, spans),
        "rollup_service": _services(source, last, day, received, spans),
        "batches": _batches(source, first, last, received, spans),
    }
    return Batch(source, first, last, day, tables)


def _places(source: int, first: int, received: datetime, spans: int) -> dict[str, pa.Array]:
    return {
        "log_source": pa.array([source] * spans, pa.uint32()),
        "log_offset": pa.array([first + row % MESSAGES for row in range(spans)], pa.int64()),
        "ordinal": pa.array([row // MESSAGES for row in range(spans)], pa.int32()),
        "received_at": pa.array([received] * spans, MILLISECONDS),
    }


def _seen(source: int, first: int, received: datetime, spans: int) -> pa.RecordBatch:
    keys = pa.array([first * 1000 + row for row in range(spans)], pa.uint64())
    return pa.RecordBatch.from_pydict(
        {**_places(source, first, received, spans), "key_high": keys, "key_low": keys, "span_id": keys}
    )


def _spans(source: int, first: int, received: datetime, spans: int) -> pa.RecordBatch:
    texts = [f'[{{"role":"user","parts":[{{"type":"text","content":"question {row}"}}]}}]' for row in range(spans)]
    return pa.RecordBatch.from_pydict(
        {
            **_places(source, first, received, spans),
            "tenant": pa.array(["default"] * spans),
            "trace_id": pa.array([f"{first + row:032x}" for row in range(spans)]),
            "span_id": pa.array([f"{first + row:016x}" for row in range(spans)]),
            "start_time": pa.array([received] * spans, NANOSECONDS),
            "end_time": pa.array([received] * spans, NANOSECONDS),
            "kind": pa.array(["llm"] * spans),
            "counted": pa.array([True] * spans),
            "input_messages": pa.array(texts),
        }
    )


def _update(source: int, first: int, received: datetime) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "log_source": pa.array([source], pa.uint32()),
            "log_offset": pa.array([first], pa.int64()),
            "received_at": pa.array([received], MILLISECONDS),
            "target_log_offset": pa.array([first], pa.int64()),
            "target_ordinal": pa.array([0], pa.int32()),
            "target_received_at": pa.array([received], MILLISECONDS),
            "counted": pa.array([False]),
        }
    )


def _rollup(source: int, last: int, day: date, received: datetime, spans: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "received_day": pa.array([day]),
            "applied": pa.array([[(source, last + 1)]], APPLIED),
            "minute": pa.array([received.replace(second=0)], pa.timestamp("s", "UTC")),
            "tenant": pa.array(["default"]),
            "requests": pa.array([spans], pa.int64()),
            "latency": pa.array([[(100, spans)]], SKETCH),
        }
    )


def _services(source: int, last: int, day: date, received: datetime, spans: int) -> pa.RecordBatch:
    whole = _rollup(source, last, day, received, spans)
    return whole.rename_columns([{"requests": "spans"}.get(name, name) for name in whole.schema.names])


def _batches(source: int, first: int, last: int, received: datetime, spans: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "log_source": pa.array([source], pa.uint32()),
            "first_offset": pa.array([first], pa.int64()),
            "last_offset": pa.array([last], pa.int64()),
            "received_at": pa.array([received], MILLISECONDS),
            "minute": pa.array([received.replace(second=0)], pa.timestamp("s", "UTC")),
            "signal": pa.array(["traces"]),
            "accepted": pa.array([spans], pa.int64()),
            "stored": pa.array([spans], pa.int64()),
            "updates": pa.array([1], pa.int64()),
        }
    )
