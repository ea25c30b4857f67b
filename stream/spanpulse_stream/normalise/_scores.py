"""Evaluation results in log records (event `gen_ai.evaluation.result`), with who made them and of what.

Who made a score is what `spanpulse.evaluator.name` says, else the instrumentation scope; the version likewise.
"""

from dataclasses import fields
from functools import cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import ScoreColumns, Words
from spanpulse_stream.decode import DecodedLogs, Values
from spanpulse_stream.normalise._logs_keys import LogSlot
from spanpulse_stream.normalise._logs_slots import Slots
from spanpulse_stream.normalise._pool import ABSENT, Pool
from spanpulse_stream.normalise._scores_values import MAP, attribute_pairs, place_texts, score_values, split_maps

__all__ = ["find_scores"]

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

COLUMNS: Final = range(LogSlot.SCORE_NAME, LogSlot.PROMPT_VERSION + 1)
"""The slots that have a column; what wins none stays with the attributes."""


def find_scores(
    decoded: DecodedLogs, slots: Slots, resources: Slots, records: I64, time: I64, pool: Pool, kept: NDArray[np.bool_]
) -> ScoreColumns:
    """Return the scores in ``records``, which are all in ``kept``; ``record`` counts those only.

    ``resources`` are the slots of the batch's resources; ``time`` is ns, of every record.
    """
    if not records.size:
        return _no_scores()
    own = _Texts(decoded.attributes.value, slots[:, records], pool)
    whose = _Texts(decoded.resources.value, resources[:, decoded.resource[records]], pool)
    scope, scopes = decoded.scope[records], decoded.scopes
    experiments, others = split_maps(attribute_pairs(decoded.attributes, records, slots[COLUMNS][:, records], pool))
    return ScoreColumns(
        record=(np.cumsum(kept) - 1)[records].astype(np.int32),
        trace_id=decoded.trace_id[records],
        span_id=decoded.span_id[records],
        time=time[records],
        response_id=own.strings(LogSlot.RESPONSE_ID),
        evaluator=own.words_or(LogSlot.EVALUATOR, scopes.name_offset[scope], scopes.name_length[scope]),
        evaluator_version=own.words_or(
            LogSlot.EVALUATOR_VERSION, scopes.version_offset[scope], scopes.version_length[scope]
        ),
        name=own.words(LogSlot.SCORE_NAME),
        value=score_values(decoded.attributes.value, slots[LogSlot.SCORE_VALUE, records], pool),
        label=own.words(LogSlot.SCORE_LABEL),
        explanation=own.strings(LogSlot.EXPLANATION),
        service_name=whose.words(LogSlot.SERVICE_NAME),
        environment=whose.words(LogSlot.ENVIRONMENT),
        request_model=own.words(LogSlot.REQUEST_MODEL),
        prompt_name=own.words(LogSlot.PROMPT_NAME),
        prompt_version=own.words(LogSlot.PROMPT_VERSION),
        experiments=experiments,
        attributes=others,
    )


class _Texts:
    """The attributes that won slots, as texts."""

    def __init__(self, values: Values, slots: Slots, pool: Pool) -> None:
        self._values, self._slots, self._pool = values, slots, pool

    def place(self, slot: LogSlot) -> tuple[I64, I32]:
        """Return offset and length of each text, `ABSENT` where there is none."""
        return place_texts(self._values, self._slots[slot], self._pool)

    def strings(self, slot: LogSlot) -> pa.Array:
        return self._pool.strings(*self.place(slot))

    def words(self, slot: LogSlot) -> Words:
        return self._pool.words(*self.place(slot))

    def words_or(self, slot: LogSlot, offset: I64, length: I32) -> Words:
        """Return the texts, or where there is none the other, unless it is empty."""
        own_offset, own_length = self.place(slot)
        own = own_length > 0
        other = np.where(length > 0, length, ABSENT)
        return self._pool.words(np.where(own, own_offset, offset), np.where(own, own_length, other).astype(np.int32))


@cache
def _no_scores() -> ScoreColumns:
    """Return what most batches have."""
    rows, words, texts = np.zeros(0, np.int32), Words.absent(0), pa.array([], pa.string())
    numbers: dict[str, Any] = {
        "trace_id": np.zeros((0, 2), np.uint64),
        "span_id": np.zeros(0, np.uint64),
        "time": np.zeros(0, np.int64),
        "value": pa.array([], pa.float64()),
        "experiments": pa.array([], MAP),
        "attributes": pa.array([], MAP),
    }
    given = {"record", "response_id", "explanation", *numbers}
    others: dict[str, Any] = {each.name: words for each in fields(ScoreColumns) if each.name not in given}
    return ScoreColumns(record=rows, response_id=texts, explanation=texts, **numbers, **others)
