"""Deltas of a batch: what is read is what was rolled up, however it is cut; what comes again is known."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import BASE_NS, RECEIVED_MS, Span, span_columns
from spanpulse_sinks.clickhouse import Batch
from spanpulse_stream.deltas import (
    MOST_BYTES,
    TABLES,
    Delta,
    RecentSums,
    SeenDeltas,
    decode_deltas,
    encode_deltas,
    headers_of,
)
from spanpulse_stream.rollup import DimensionCaps, RollupRows, roll_up

DAY = datetime.fromtimestamp(RECEIVED_MS / 1000, UTC).date()
few = st.sampled_from
spans = st.builds(
    Span,
    span=st.just(1),
    tenant=few(["a", "b"]),
    kind=few(["llm", "tool"]),
    end=few([BASE_NS + 7 * 10**9, BASE_NS + 61 * 10**9, BASE_NS + 3600 * 10**9]),
    name=st.text(max_size=5),
    service_name=few([None, "", "shop", "läden"]),
    operation=few([None, "chat"]),
    request_model=st.none() | st.text(max_size=40),
    status=few(["ok", "error"]),
    error_type=few([None, "timeout", "429", "x" * 300]),
    counted=st.booleans(),
    usage_status=few([None, "reported", "missing"]),
    input_tokens=st.none() | st.integers(0, 2**40),
    cost=st.none() | st.integers(0, 2**63 - 1),
    weight=few([1, 2, 1000]),
)


def batch_of(found: list[Span], **more: pa.RecordBatch) -> Batch:
    """Return the batch [5, 9] of source 1 with the rollups of some spans."""
    rows = RollupRows.of_columns(span_columns(found))
    tables = roll_up(rows, log_source=1, end_offset=10, dimensions=DimensionCaps(lambda _source, _day: []))
    tables = {name: table for name, table in tables.items() if name.startswith("rollup_")}
    last = pa.RecordBatch.from_pydict({"received_at": pa.array([RECEIVED_MS], pa.timestamp("ms", "UTC"))})
    return Batch(1, 5, 9, DAY, {**tables, **more, "batches": last})


def rows_of(batch: Batch) -> dict[str, list[dict[str, Any]]]:
    """Return what should travel, by table."""
    found = {}
    for name in TABLES:
        if batch.rows_of(name):
            rows = batch.tables[name].to_pylist()  # type: ignore[union-attr]
            found[name] = [{key: row[key] for key in row if key not in ("received_day", "applied")} for row in rows]
    return found


def read(parts: list[bytes]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        for name, rows in decode_deltas(part).items():
            found.setdefault(name, []).extend(rows.to_pylist())
    return found


@given(st.lists(spans, max_size=12), st.integers(9_000, 60_000))
def test_what_is_read_is_what_was_rolled_up_in_however_many_parts(found: list[Span], most: int) -> None:
    batch = batch_of(found)
    parts = encode_deltas(batch, most)
    assert read(parts) == rows_of(batch)
    assert parts == encode_deltas(batch, most), "a batch that comes again has the same parts"
    assert max(map(len, parts)) <= most
    assert len(encode_deltas(batch)) == 1


def test_a_batch_that_adds_nothing_is_one_empty_part() -> None:
    assert encode_deltas(batch_of([])) == [b""]
    assert decode_deltas(b"") == {}


def test_many_rows_are_cut_below_the_bound_and_the_widest_row_fits() -> None:
    many = batch_of([Span(1, name=f"{number:04}" * 150) for number in range(1999)])
    parts = encode_deltas(many)
    assert len(parts) > 1
    assert max(map(len, parts)) <= MOST_BYTES
    assert read(parts) == rows_of(many)
    wide = batch_of([Span(1, status="error", error_type=f"{number:05}{'y' * 1019}") for number in range(300)])
    (part,) = encode_deltas(wide)
    (row,) = decode_deltas(part)["rollup_service"].to_pylist()
    assert len(row["errors_by_type"]) > 255
    assert len(part) < MOST_BYTES / 2


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 3))
def test_a_source_that_goes_back_and_on_is_seen_once_each(jumps: list[int], parts: int) -> None:
    """Publishers repeat from a batch or part on that they do not know to be whole, never leaving one out."""
    places = [(last, part) for last in range(20) for part in range(1, parts + 1)]
    at, sent = 0, []
    for jump in jumps:
        sent += places[at : at + 4]
        at = max(0, at + 4 - jump)
    seen, taken = SeenDeltas(), []
    for last, part in sent:
        if seen.is_new(Delta(1, last, last, part, parts, {})):
            taken.append((last, part))
    assert taken == list(dict.fromkeys(sent))


def test_sources_are_told_apart_and_bounded() -> None:
    seen = SeenDeltas(most=2)
    assert all(seen.is_new(Delta(source, 5, 9, 1, 1, {})) for source in (1, 2))
    assert not seen.is_new(Delta(1, 5, 9, 1, 1, {}))
    assert seen.is_new(Delta(3, 5, 9, 1, 1, {}))
    assert seen.is_new(Delta(1, 5, 9, 1, 1, {})), "the place of the source that was longest silent"


@settings(max_examples=40)
@given(st.lists(st.lists(spans, max_size=6), max_size=4))
def test_recent_sums_add_up_whatever_the_batches(found: list[list[Span]]) -> None:
    recent = RecentSums()
    for each in found:
        batch = batch_of(each)
        for number, part in enumerate(parts := encode_deltas(batch, 9_000), 1):
            recent.watch(Delta.of(headers_of(batch, number, len(parts)), part))
    every = [span for each in found for span in each]
    assert recent.spans == len(every)
    assert recent.requests == sum(span.counted for span in every)
    assert {tenant for _, tenant in recent.sums} == {span.tenant for span in every}


def test_the_oldest_minutes_go_first() -> None:
    recent = RecentSums(most=2)
    for minute in (2, 0, 1, 3):
        batch = batch_of([Span(1, end=BASE_NS + minute * 60 * 10**9)])
        recent.watch(Delta.of(headers_of(batch, 1, 1), encode_deltas(batch)[0]))
    minutes = sorted(minute for minute, _ in recent.sums)
    assert minutes == [BASE_NS // 10**9 // 60 * 60 + 120, BASE_NS // 10**9 // 60 * 60 + 180]
