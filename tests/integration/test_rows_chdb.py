"""What the steps hand to an insert comes back from the real embedded database as it was."""

import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from builders import BASE_NS, RECEIVED_MS, Span, in_log, llm, log_columns, span_columns, words
from migration_tables import column_names
from rollup_model import model, read
from spanpulse_stream.columns import LogColumns, Numbers, ScoreColumns, SpanColumns, TextColumns, Words
from spanpulse_stream.rollup import DimensionCaps, LatencySketch, RollupRows, ScoreRows, roll_up, roll_up_scores
from spanpulse_stream.rows import score_batch, span_batch, text_batch

TESTS = Path(__file__).parents[1]
PAIRS = pa.map_(pa.string(), pa.string())
SCORE_ROLLUPS = ("rollup_score", "rollup_score_experiment")


def spans() -> list[Span]:
    full = llm(
        2**64 - 1, 77, trace=2**127 + 5, tenant="ä", response_id="r", input_tokens=0, output_tokens=2**40,
        cache_read_tokens=1, time_to_first_token_ns=9, stream=1, service_tier="batch", user_id="", session_id="s",
        prompt_name="p", prompt_version="1", experiments={"e": "1", "f": ""}, tags={"k": "v"}, weight=10,
        finish_reasons=["stop", "length"], error_type="timeout", status="error", environment="prod", operation="chat",
        response_model="m", counted=True, cost=2**63 - 1, cost_confidence="computed", usage_status="reported",
    )  # fmt: skip
    plain = Span(1, service_name=None, start=BASE_NS + 2, end=BASE_NS + 1)
    return in_log([full, plain, llm(3, counted=True, cost=1, stream=0, end=BASE_NS + 123_456_789)], per_message=2)


def columns() -> SpanColumns:
    """Return spans in which each kind of column has NULLs, and a dictionary that repeats a value and has others."""
    made = span_columns(spans())
    return replace(
        made,
        provider=Words(np.array([2, -1, 0], np.int32), ["openai", "unused", "openai"]),
        emitter_version=Words(np.array([1, -1, 0], np.int32), ["", "1.0"]),
        status_message=pa.array(["a\x00b", None, ""]),
        input_messages=pa.array(['[{"role":"user"}]', None, ""]),
        attributes=pa.array([[("a", "1"), ("b", "")], [], None], PAIRS),
        events=pa.array([None, "[]", "[]"]),
        links=pa.array(["[]", None, None], pa.string()),
        anomalies=pa.array([["end_before_start"], [], None], pa.list_(pa.string())),
        cache_write_1h_tokens=Numbers(np.array([7, 0, 0]), np.array([True, False, True])),
        price_version="2026-11-01",
    )


def logs() -> LogColumns:
    rows = np.array([0, 1], np.int32)
    ids, flat = np.array([[1, 2], [0, 0]], np.uint64), np.array([3, 0], np.uint64)
    times = np.array([BASE_NS + 1, BASE_NS])
    texts = TextColumns(
        rows, ids, flat, times, words(["input", "output"]), rows, pa.array(["[]", "[1]"]), words(["e", None])
    )
    scores = ScoreColumns(
        rows, ids, flat, times, pa.array(["r", None]), words(["judge", None]), words([None, "2"]), words(["x", "y"]),
        pa.array([0.1, None]), words(["pass", None]), pa.array([None, "because"]), words([None, "shop"]),
        words(["prod", None]), words(["m", None]), words(["p", None]), words([None, "1"]),
        pa.array([[("e", "a"), ("f", "b")], None], PAIRS), pa.array([[("k", "v")], None], PAIRS),
    )  # fmt: skip
    return replace(log_columns([5, 6], ["a", "b"]), texts=texts, scores=scores)


def caps() -> DimensionCaps:
    return DimensionCaps(lambda _source, _day: [])


def latencies() -> list[Span]:
    values = np.random.default_rng(5).lognormal(20, 1, 900).astype(np.int64).tolist()
    weights = [1, 3, 10] * 300
    return [
        replace(llm(1, counted=True, weight=w), start=BASE_NS - v, end=BASE_NS)
        for v, w in zip(values, weights, strict=True)
    ]


def rolled(batch: list[Span], sign: int = 1) -> dict[str, pa.RecordBatch]:
    rows = RollupRows.of_columns(span_columns(batch), sign)
    return roll_up(rows, log_source=1, end_offset=5, dimensions=caps())


def rollups() -> dict[str, list[pa.RecordBatch]]:
    """Return three inserts that add up to the rollups of ``latencies``."""
    some = spans()[::2]
    parts = [rolled([*latencies(), *some]), rolled(some), rolled([*some, *some], sign=-1)]
    return {table: [part[table] for part in parts] for table in parts[0]}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    batches = rollups() | {
        "span_rows": [span_batch(columns())],
        "span_texts": [text_batch(logs())],
        "scores": [score_batch(logs())],
        **{table: [rolled_scores(table)] for table in SCORE_ROLLUPS},
    }
    for table, parts in batches.items():
        for number, batch in enumerate(parts):
            if batch.num_rows:
                with pa.ipc.new_stream(folder / f"{table}.{number}.arrow", batch.schema) as writer:
                    writer.write_batch(batch)
    script = str(TESTS / "chdb_round_trip.py")
    environment = os.environ | {"PYTHONPATH": str(TESTS), "TMPDIR": str(folder)}
    command = [sys.executable, script, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def rolled_scores(table: str) -> pa.RecordBatch:
    rows = ScoreRows.of_columns(logs())
    return roll_up_scores(rows, log_source=1, end_offset=5, dimensions=caps())[table]


def table_of(database: Path, table: str) -> pa.Table:
    return pa.ipc.open_stream((database / f"{table}.out").read_bytes()).read_all()


def plain(table: Any, order: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return rows with times as integers, in an order of their own."""
    found = {}
    for name in table.schema.names:
        column = table[name]
        time = pa.types.is_timestamp(column.type)
        found[name] = (column.cast(pa.int64()) if time else column).to_pylist()
    rows = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
    return sorted(rows, key=lambda row: tuple(row[name] for name in order))


@pytest.mark.parametrize("table", ["span_rows", "span_texts", "scores"])
def test_rows_come_back_as_they_were(database: Path, table: str) -> None:
    sent = {"span_rows": span_batch(columns()), "span_texts": text_batch(logs()), "scores": score_batch(logs())}
    order = ("log_offset", "ordinal")
    back = plain(table_of(database, table), order)
    assert back == plain(sent[table], order)
    assert table_of(database, table).schema.names == column_names(table)


def test_a_full_row_reads_as_meant(database: Path) -> None:
    first, second, _ = plain(table_of(database, "span_rows"), ("log_offset", "ordinal"))
    assert (first["trace_id"], first["span_id"]) == ("8" + "0" * 30 + "5", "f" * 16)
    assert (first["parent_span_id"], second["parent_span_id"]) == ("0" * 14 + "4d", None)
    assert first["cost"] == Decimal(2**63 - 1).scaleb(-12)
    assert first["provider"] == "openai"
    assert first["experiments"] == [("e", "1"), ("f", "")]
    assert (first["received_at"], first["end_time"]) == (RECEIVED_MS, BASE_NS + 1_000_000_000)
    assert (first["stream"], first["user_id"], first["input_tokens"]) == (True, "", 0)
    absent = ("duration_ns", "cost", "user_id", "service_name", "stream", "input_tokens", "events", "links")
    assert [second[name] for name in absent if name != "events"] == [None] * 7
    assert (second["finish_reasons"], second["emitter_version"]) == ([], "")


def test_the_rows_that_come_back_roll_up_the_same(database: Path) -> None:
    back = RollupRows.of_table(table_of(database, "span_rows").sort_by([("log_offset", "ascending")]))
    again = roll_up(back, log_source=1, end_offset=5, dimensions=caps())
    fresh = roll_up(RollupRows.of_columns(columns()), log_source=1, end_offset=5, dimensions=caps())
    assert read(again) == read(fresh)


@pytest.mark.parametrize("table", ["rollup_minute", "rollup_service"])
def test_signed_inserts_merge_to_the_rollups_of_what_is_left(database: Path, table: str) -> None:
    wanted = model((span, 1) for span in latencies())[table]
    merged = read({table: as_batch(database, table)})[table]
    assert {key: left for key, measures in merged.items() if (left := without_zeros(measures))} == wanted
    assert len(merged) > len(wanted), "rows and map entries in which everything cancelled are still there"
    assert set(table_of(database, table).schema.names) == set(column_names(table))


@pytest.mark.parametrize("table", ["rollup_minute", "rollup_experiment", "rollup_user", "rollup_service"])
def test_the_columns_are_those_of_the_table(table: str) -> None:
    assert set(rolled(spans())[table].schema.names) == set(column_names(table))


def test_the_mark_of_the_last_batch_survives_merging(database: Path) -> None:
    marks = [dict(row) for row in table_of(database, "rollup_minute")["applied"].to_pylist()]
    assert marks
    assert all(mark == {1: 5} for mark in marks)


def test_quantiles_in_sql_are_those_of_the_sketch_and_within_one_percent(database: Path) -> None:
    found = [float(value) for value in (database / "quantiles").read_text().split()]
    sketch, exact = LatencySketch(), []
    for span in latencies():
        sketch.add([span.end - span.start], span.weight)
        exact += [span.end - span.start] * span.weight
    exact.sort()
    for q, value in zip((0.5, 0.9, 0.95, 0.99, 1), found, strict=True):
        assert value == pytest.approx(sketch.quantile(q), rel=1e-9)
        assert value == pytest.approx(exact[ceil(q * len(exact)) - 1], rel=0.01)


@pytest.mark.parametrize("table", SCORE_ROLLUPS)
def test_scores_roll_up(database: Path, table: str) -> None:
    order = ("tenant", "name", *(("experiment",) if table == "rollup_score_experiment" else ()))
    back = plain(table_of(database, table), order)
    sent = plain(rolled_scores(table), order)
    assert len(sent) == 2
    assert back == [row | {"minute": row["minute"]} for row in sent]
    assert set(rolled_scores(table).schema.names) == set(column_names(table))


def without_zeros(measures: dict[str, Any]) -> dict[str, Any]:
    """Return what is left: the database keeps map entries that add up to 0."""
    kept = {
        name: {key: count for key, count in value.items() if count} if isinstance(value, dict) else value
        for name, value in measures.items()
    }
    return {name: value for name, value in kept.items() if value}


def as_batch(database: Path, table: str) -> pa.RecordBatch:
    """Return a merged table with its columns in the order of `roll_up`."""
    merged = table_of(database, table).select(rolled(spans())[table].schema.names)
    return merged.combine_chunks().to_batches()[0]
