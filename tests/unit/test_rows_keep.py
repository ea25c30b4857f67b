"""Rows are picked in every column, and the keep policy follows traces."""

from dataclasses import fields, replace

import numpy as np
import pyarrow as pa
import pytest

from builders import Span, in_log, llm, log_columns, span_columns, words
from spanpulse_stream.columns import SpanColumns, TextColumns
from spanpulse_stream.rows import keep_mask, llm_traces, select, select_logs, span_batch


def mixed() -> list[Span]:
    return in_log([
        llm(1, trace=1, response_id="r", finish_reasons=["stop"], counted=True, cost=5),
        Span(2, trace=1, tags={"k": "v"}),
        Span(3, trace=2, user_id="u"), llm(4, trace=3, kind="embedding"), Span(5, trace=1, tenant="other"),
    ])  # fmt: skip


@pytest.mark.parametrize("rows", [[], [0], [4], [1, 3], [0, 1, 2, 3, 4]])
def test_picked_rows_are_the_same_as_built_alone(rows: list[int]) -> None:
    spans = mixed()
    mask = np.isin(np.arange(len(spans)), rows)
    picked = select(span_columns(spans), mask)
    alone = span_batch(span_columns([spans[row] for row in rows]))
    assert picked.size == len(rows)
    assert span_batch(picked).to_pylist() == alone.to_pylist()
    for field in fields(SpanColumns):
        column = getattr(picked, field.name)
        if isinstance(column, np.ndarray | pa.Array):
            assert len(column) == len(rows), field.name


def test_columns_that_later_steps_fill_may_still_be_empty() -> None:
    columns = replace(span_columns(mixed()), counted=np.zeros(0, np.bool_))
    assert len(select(columns, np.array([True, False, False, False, True])).counted) == 0


def test_all_keeps_all_and_others_are_refused() -> None:
    assert keep_mask(span_columns(mixed()), "all").all()
    with pytest.raises(ValueError, match="keep policy"):
        keep_mask(span_columns(mixed()), "some")


def test_traces_with_a_model_call_stay_whole_in_their_tenant() -> None:
    assert keep_mask(span_columns(mixed()), "llm_traces").tolist() == [True, True, False, True, False]


def test_earlier_batches_tell_which_traces_have_one() -> None:
    earlier = llm_traces(span_columns(mixed()))
    assert earlier.size == 2
    later = span_columns([Span(9, trace=1), Span(9, trace=2), Span(9, trace=3), Span(9, trace=1, tenant="other")])
    assert keep_mask(later, "llm_traces", earlier).tolist() == [True, False, True, False]


def test_texts_of_dropped_log_records_go_with_them() -> None:
    rows = np.array([0, 0, 2], np.int32)
    ids = np.array([7, 8, 9], np.uint64)
    texts = TextColumns(
        rows, np.stack([ids, ids], axis=1), ids, np.arange(3), words(["input"] * 3), rows,
        pa.array(["a", "b", "c"]), words(["e"] * 3),
    )  # fmt: skip
    logs = replace(log_columns([1, 2, 3], ["a", "b", "c"]), texts=texts)
    left = select_logs(logs, np.array([False, True, True]))
    assert (left.size, left.tenant.tolist(), left.texts.messages.to_pylist()) == (2, ["b", "c"], ["c"])
    assert left.texts.record.tolist() == [1]
    assert left.log_offset.tolist() == logs.log_offset[1:].tolist()
    assert select_logs(logs, np.ones(3, np.bool_)) is logs
