"""Evaluation results in span events (`gen_ai.evaluation.result`), as those in log records.

What an event does not say of the call that was scored, its span does. One without a name is noted on the span and
makes no score; one whose time is none is of the span's end.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from spanpulse_stream.acceptable import EARLIEST_NS, LATEST_AFTER_RECEIPT_NS
from spanpulse_stream.columns import ScoreColumns, SpanColumns, Words
from spanpulse_stream.normalise._anomalies import Anomalies, Anomaly
from spanpulse_stream.normalise._events import Event
from spanpulse_stream.normalise._json import scalar_text
from spanpulse_stream.normalise._logs_keys import SLOT_KEYS, LogSlot
from spanpulse_stream.normalise._scores_values import MAP, number_of, split_maps

__all__ = ["find_span_scores"]

Told = list[dict[LogSlot, Any]]

_SLOTS: Final = range(LogSlot.SCORE_NAME, LogSlot.PROMPT_VERSION + 1)
_TAKEN: Final = frozenset(key for slot in _SLOTS for key in SLOT_KEYS[LogSlot(slot)])


def find_span_scores(
    columns: SpanColumns, events: Sequence[tuple[int, Event]], anomalies: Anomalies
) -> ScoreColumns | None:
    """Return the scores in the events of spans, given with the row of each; None where there is none."""
    told = [(row, event, _slots(event)) for row, event in events]
    for row in {row for row, _, said in told if LogSlot.SCORE_NAME not in said}:
        anomalies.note_row(Anomaly.MISSING_EVALUATION_NAME, row)
    told = [each for each in told if LogSlot.SCORE_NAME in each[2]]
    if not told:
        return None
    rows = np.array([row for row, _, _ in told], np.int32)
    said = [slots for _, _, slots in told]
    ids = columns.response_id.take(pa.array(rows)).to_pylist()
    experiments, others = split_maps([_unread(event) for _, event, _ in told])
    return ScoreColumns(
        record=rows,
        trace_id=columns.trace_id[rows],
        span_id=columns.span_id[rows],
        time=np.array([_time(columns, row, event) for row, event, _ in told], np.int64),
        response_id=pa.array(
            [_text(each, LogSlot.RESPONSE_ID) or own for each, own in zip(said, ids, strict=True)]
        ).cast(pa.string()),
        evaluator=_words(said, LogSlot.EVALUATOR, columns.emitter_name, rows.tolist()),
        evaluator_version=_words(said, LogSlot.EVALUATOR_VERSION, columns.emitter_version, rows.tolist()),
        name=_coded([_text(each, LogSlot.SCORE_NAME) for each in said]),
        value=pa.array([number_of(each.get(LogSlot.SCORE_VALUE)) for each in said], pa.float64(), from_pandas=True),
        label=_coded([_text(each, LogSlot.SCORE_LABEL) for each in said]),
        explanation=pa.array([_text(each, LogSlot.EXPLANATION) for each in said], pa.string()),
        service_name=_picked(columns.service_name, rows),
        environment=_picked(columns.environment, rows),
        request_model=_words(said, LogSlot.REQUEST_MODEL, columns.request_model, rows.tolist()),
        prompt_name=_words(said, LogSlot.PROMPT_NAME, columns.prompt_name, rows.tolist()),
        prompt_version=_words(said, LogSlot.PROMPT_VERSION, columns.prompt_version, rows.tolist()),
        experiments=_with_own(experiments, columns.experiments.take(pa.array(rows))),
        attributes=others,
    )


def _slots(event: Event) -> dict[LogSlot, Any]:
    """Return what an event says, the best key of each slot."""
    found: dict[LogSlot, Any] = {}
    for slot in map(LogSlot, _SLOTS):
        value = next(
            (event.attributes[key] for key in SLOT_KEYS[slot] if event.attributes.get(key) not in (None, "")), None
        )
        if value is not None:
            found[slot] = value
    return found


def _text(said: dict[LogSlot, Any], slot: LogSlot) -> str | None:
    return scalar_text(said[slot]).decode() if slot in said else None


def _time(columns: SpanColumns, row: int, event: Event) -> int:
    latest = int(columns.received_at[row]) * 10**6 + LATEST_AFTER_RECEIPT_NS
    return event.time if EARLIEST_NS <= event.time <= latest else int(columns.end_time[row])


def _unread(event: Event) -> list[tuple[str, str]]:
    return [(key, scalar_text(value).decode()) for key, value in event.attributes.items() if key not in _TAKEN]


def _with_own(said: pa.Array, own: pa.Array) -> pa.Array:
    """Return the experiments of spans, with what their events say of them."""
    pairs = zip(own.to_pylist(), said.to_pylist(), strict=True)
    return pa.array([list((dict(of_span or ()) | dict(of_event)).items()) for of_span, of_event in pairs], MAP)


def _words(said: Told, slot: LogSlot, own: Words, rows: list[int]) -> Words:
    """Return what events say, or else their spans."""
    places = [int(own.codes[row]) for row in rows]
    beside = [own.values[place] if place >= 0 else None for place in places]
    return _coded([_text(each, slot) or other for each, other in zip(said, beside, strict=True)])


def _picked(words: Words, rows: Any) -> Words:
    return Words(words.codes[rows], words.values)


def _coded(texts: list[str | None]) -> Words:
    places: dict[str, int] = {}
    codes = [-1 if text is None else places.setdefault(text, len(places)) for text in texts]
    return Words(np.array(codes, np.int32), list(places))
