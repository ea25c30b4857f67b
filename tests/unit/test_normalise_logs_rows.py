"""From the bytes of log exports to rows of `span_texts`, `scores` and `rollup_score`, each record once."""

import json
import random
from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa
import pytest

from logevents import normalise, record, request, scored, single
from oracle.corpus import corpus_bodies
from spanpulse_stream.rollup import DimensionCaps, ScoreRows, roll_up_scores
from spanpulse_stream.rows import ContentPolicy, score_batch, select_logs, text_batch
from spanpulse_stream.usage import PartitionState, drop_duplicate_logs

LATER_THAN_ALL = 1_795_200_000_000
PLACE = ["log_offset", "ordinal"]
CORPUS = [body for _, body in corpus_bodies("logs")]


def stored(state: PartitionState, bodies: Sequence[bytes], policy: str = "full") -> tuple[pa.RecordBatch, int]:
    """Return the rows of texts that a batch adds, and how many of its records were duplicates."""
    columns, rejected = normalise(*bodies, received_ms=LATER_THAN_ALL)
    assert not rejected
    columns = ContentPolicy.parse(policy).logs(columns)
    new, seen = drop_duplicate_logs(columns, state)
    assert seen.num_rows == new.sum()
    kept = select_logs(columns, new)
    assert score_batch(kept).num_rows == 0
    return text_batch(kept), int((~new).sum())


def contents(rows: pa.RecordBatch) -> list[str]:
    return sorted(map(repr, rows.drop_columns(PLACE).to_pylist()))


def test_a_corpus_sent_twice_is_stored_once() -> None:
    state = PartitionState(1000, seed=1)
    first, duplicates = stored(state, CORPUS)
    assert (first.num_rows, duplicates) == (120, 0)
    again, duplicates = stored(state, CORPUS)
    assert (again.num_rows, duplicates) == (0, 98)


@pytest.mark.parametrize("seed", range(5))
def test_no_cut_and_no_order_changes_what_is_stored(seed: int) -> None:
    rng = random.Random(seed)
    whole, _ = stored(PartitionState(1000, seed=1), CORPUS)
    pieces = [one for body in CORPUS for one in single(body)]
    sent = pieces + rng.sample(pieces, 30)
    rng.shuffle(sent)
    at = rng.randint(0, len(sent))
    state = PartitionState(1000, seed=seed)
    parts = [stored(state, sent[:at]), stored(state, sent[at:])]
    assert sum(duplicates for _, duplicates in parts) == 30
    assert sorted(text for rows, _ in parts for text in contents(rows)) == contents(whole)


def test_rows_are_joined_to_spans_by_their_ids() -> None:
    made = record("gen_ai.user.message", {"content": "hi"}, trace_id=bytes(range(16)), span_id=bytes(range(8, 16)))
    rows, _ = stored(PartitionState(10, seed=1), [request(made)])
    (row,) = rows.to_pylist()
    assert (row["trace_id"], row["span_id"]) == ("000102030405060708090a0b0c0d0e0f", "08090a0b0c0d0e0f")
    assert (row["tenant"], row["log_offset"], row["ordinal"]) == ("acme", 100, 0)
    assert json.loads(row["messages"]) == [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]


def test_texts_may_be_cut_or_left_out() -> None:
    said = request(record("gen_ai.user.message", {"content": "hello " * 20}))
    (row,) = stored(PartitionState(10, seed=1), [said], "truncate 5")[0].to_pylist()
    assert json.loads(row["messages"])[0]["parts"][0]["content"] == "hello…[+115]"
    assert stored(PartitionState(10, seed=1), [said], "none")[0].num_rows == 0


def test_scores_reach_their_table_and_their_rollup() -> None:
    values = [0.25, 0.5, None, float("nan")]
    records = [scored(gen_ai__evaluation__score__value=value, at=place) for place, value in enumerate(values)]
    columns, rejected = normalise(request(*records, *records, scope="ragas"))
    assert not rejected
    new, _ = drop_duplicate_logs(columns, PartitionState(10, seed=1))
    kept = select_logs(columns, new)
    rows = score_batch(kept).to_pylist()
    assert [row["value"] for row in rows] == [0.25, 0.5, None, None]
    assert {(row["evaluator"], row["name"], row["service_name"]) for row in rows} == {("ragas", "relevance", "shop")}
    dimensions = DimensionCaps(lambda _source, _day: [])
    tables = roll_up_scores(ScoreRows.of_columns(kept), log_source=7, end_offset=101, dimensions=dimensions)
    (sums,) = tables["rollup_score"].to_pylist()
    assert (sums["scores"], sums["with_value"], sums["value_sum"]) == (4, 2, Decimal("0.75"))
