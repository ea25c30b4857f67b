"""Corrections take back what a stored span counted for and add what it counts for now, in its own minute."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from builders import RECEIVED_MS, Span, in_log, span_columns, words
from rollup_model import model, read
from spanpulse_stream.rollup import DimensionCaps, RollupRows, concat, correction_rows, roll_up
from spanpulse_stream.rows import span_batch
from spanpulse_stream.usage import Corrections

DAY = RECEIVED_MS // 86_400_000
FILLED = ("user_id", "session_id", "prompt_name", "prompt_version")
CALL = {
    "kind": "llm", "counted": True, "cost": 5, "cost_confidence": "computed", "input_tokens": 3, "output_tokens": 9,
    "usage_status": "reported", "request_model": "m", "experiments": {"e": "1"}, "weight": 4,
    "time_to_first_token_ns": 5, "environment": "prod",
}  # fmt: skip


def corrections(
    targets: list[Span], discounted: list[bool], dropped: tuple[int, ...] = (), **filled: list[str | None]
) -> Corrections:
    size = len(targets)
    gone = np.isin(np.arange(size), dropped)
    columns = span_columns(targets)
    return Corrections(
        size, 1, columns.log_offset + 50, columns.received_at + 50, columns.tenant, columns.trace_id, columns.span_id,
        columns.log_offset, columns.ordinal, columns.received_at, np.array(discounted, np.bool_), gone,
        **{name: words(filled.get(name, [None] * size)) for name in FILLED}, reason=words(["better"] * size),
    )  # fmt: skip


def rolled(rows: RollupRows) -> dict[str, pa.RecordBatch]:
    return roll_up(rows, log_source=1, end_offset=100, dimensions=DimensionCaps(lambda _source, _day: []))


def stored() -> list[Span]:
    plain = [Span(1, **CALL, user_id="u"), Span(2, **CALL), Span(3), Span(4, **CALL, status="error")]  # type: ignore[arg-type]
    return in_log(plain, per_message=2)


def table(spans: list[Span]) -> pa.Table:
    return pa.Table.from_batches([span_batch(span_columns(spans))])


def test_rows_read_back_are_the_rows_of_the_batch() -> None:
    spans = stored()
    fresh = rolled(RollupRows.of_columns(span_columns(spans)))
    assert rolled(RollupRows.of_table(table(spans))) == fresh
    sliced = pa.concat_tables([table(spans[:1]), table(spans)]).slice(1)
    assert rolled(RollupRows.of_table(sliced)) == fresh


def test_a_correction_and_what_it_corrects_are_the_corrected_spans() -> None:
    spans = stored()
    fixes = corrections([spans[3], spans[1]], [True, False], user_id=[None, "late"], prompt_name=["p", "p"])
    rows = correction_rows(table(list(reversed(spans))), fixes, DAY)
    now = [
        spans[0], replace(spans[1], user_id="late", prompt_name="p"), spans[2],
        replace(spans[3], counted=False, prompt_name="p"),
    ]  # fmt: skip
    whole = read(rolled(concat([RollupRows.of_columns(span_columns(spans)), rows])))
    assert whole == model((span, 1) for span in now)
    alone = rolled(rows)
    assert alone["rollup_service"].num_rows == 0, "what did not change cancels"
    assert read(alone)["rollup_user"] == {
        key: value for key, value in model([(now[1], 1)])["rollup_user"].items() if key[2] == "late"
    }


def test_a_dropped_span_adds_nothing_whatever_else_is_corrected() -> None:
    spans = stored()
    gone = corrections([spans[0], spans[2], spans[3]], [False, False, True], dropped=(0, 1, 2))
    rows = concat([RollupRows.of_columns(span_columns(spans)), correction_rows(table(spans), gone, DAY)])
    assert read(rolled(rows)) == model([(spans[1], 1)])
    again = corrections([spans[0]], [True], prompt_name=["p"])
    before = table(spans)
    place = before.schema.get_field_index("dropped")
    before = before.set_column(place, "dropped", pa.array([True, False, True, True]))
    assert read(rolled(correction_rows(before, again, DAY))) == read(rolled(RollupRows.empty()))
    assert read(rolled(RollupRows.of_table(before))) == model([(spans[1], 1)])


def test_they_go_to_the_day_of_the_batch_that_corrects() -> None:
    spans = stored()
    rows = correction_rows(table(spans), corrections([spans[0]], [True]), DAY + 1)
    assert set(rows.received_day.tolist()) == {DAY + 1}
    assert set(rows.origin_day.tolist()) == {DAY}


def test_a_span_that_was_not_kept_changes_nothing() -> None:
    spans = stored()
    assert correction_rows(table(spans[1:]), corrections([spans[0]], [True]), DAY).size == 0


def test_a_span_that_is_there_twice_is_refused() -> None:
    spans = stored()
    with pytest.raises(ValueError, match="twice"):
        correction_rows(table([spans[0], spans[0]]), corrections([spans[0]], [True]), DAY)
