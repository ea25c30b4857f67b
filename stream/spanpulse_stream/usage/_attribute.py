"""The step: which spans of a batch are new, which of them count, and whose they are.

Decisions that came for the partition are folded in with the spans, where they stand in the log.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import LogColumns, SpanColumns, Words
from spanpulse_stream.usage._corrections import Corrections, read_corrections
from spanpulse_stream.usage._decided import Decided, decided_rows
from spanpulse_stream.usage._digest import mix_columns, response_digests, word_hashes
from spanpulse_stream.usage._memory import (
    CALL_EMBEDDING,
    CALL_FAILED,
    CALL_IDENTIFIED,
    CALL_LLM,
    CALL_RANK,
    CALL_TOOL,
    CALL_USAGE,
    CONTEXT_FIELDS,
    DECIDED_DISCOUNTED,
    DECIDED_DROPPED,
    HAD_NO_TARGET,
    HAS_CHANGED,
    ROW,
    Batch,
    new_batch,
)
from spanpulse_stream.usage._merge import Run, merged
from spanpulse_stream.usage._seen import log_rows, span_rows
from spanpulse_stream.usage._state import PartitionState

__all__ = ["Attribution", "attribute_usage", "drop_duplicate_logs"]

KINDS = {"llm": CALL_LLM, "embedding": CALL_EMBEDDING, "tool": CALL_TOOL}
NATIVE_RANK = 3


@dataclass(frozen=True, slots=True)
class Attribution:
    """What became of a batch, one entry a row of it, and what it changes about earlier batches.

    ``keep`` is False for a span that the window already holds (an export that was repeated). ``counted`` is True
    for the model calls whose tokens and requests count, ``dropped`` for spans that another partition stored first. The
    four context columns have what was inherited filled in;
    in rows that are not kept nothing is. ``seen`` holds the rows of the table `seen`, to be written with the batch.
    ``lost`` says for each row how many calls it pushed out of the window whose parent had not come; what comes
    for them later stays apart. Decisions that changed something are rows of ``seen``; those about spans that the window
    holds no more are ``late``: see `settle_late`.
    """

    keep: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    dropped: NDArray[np.bool_]
    user_id: Words
    session_id: Words
    prompt_name: Words
    prompt_version: Words
    corrections: Corrections
    seen: pa.RecordBatch
    lost: NDArray[np.int32]
    late: Decided | None

    @property
    def unjoined(self) -> int:
        """Calls that left the window without their parent during this batch."""
        return int(self.lost.sum())


def attribute_usage(columns: SpanColumns, state: PartitionState, decided: Decided | None = None) -> Attribution:
    """Fold a batch (in log order, right behind what ``state`` holds) into ``state`` and return what follows.

    ``decided`` are the decisions among its messages. The result is a function of the log up to the end of the batch.
    ``state`` is changed: if the batch is not written after all, restore a new one.
    """
    own = {field: getattr(columns, field) for field in CONTEXT_FIELDS}
    run = Run(_rows(columns, state), columns.tenant, own, slice(None), np.zeros(0, np.intp))
    if decided is not None:
        run = merged(run, _run_of(decided, state))
    numbers = np.stack([state.contexts.numbers(words) for words in run.context.values()], axis=1)
    batch = new_batch(run.rows, numbers.copy())
    state.fold(batch)
    late = None if decided is None else _late(decided, run, batch)
    attribution = Attribution(
        keep=batch.keep[run.spans],
        counted=batch.counted[run.spans],
        dropped=batch.dropped[run.spans],
        **{
            field: _filled(words, numbers[run.spans, place], batch.context[run.spans, place], state)
            for place, (field, words) in enumerate(own.items())
        },
        corrections=read_corrections(state, batch, columns.log_source),
        seen=span_rows(
            columns.log_source, run.rows, batch.keep | (batch.decided == HAS_CHANGED), run.tenant, run.context
        ),
        lost=batch.lost[run.spans],
        late=late,
    )
    state.sweep()
    return attribution


def drop_duplicate_logs(columns: LogColumns, state: PartitionState) -> tuple[NDArray[np.bool_], pa.RecordBatch]:
    """Return which log records are new to the window, and their rows for the table `seen`."""
    keep = state.keep_logs(columns.tenant, columns.key)
    positions = (columns.log_offset, columns.ordinal, columns.received_at)
    return keep, log_rows(columns.log_source, positions, columns.key, keep, columns.tenant)


def _rows(columns: SpanColumns, state: PartitionState) -> NDArray[Any]:
    rows = np.zeros(columns.size, ROW)
    rows["log_offset"], rows["ordinal"] = columns.log_offset, columns.ordinal
    rows["received_at"] = columns.received_at
    rows["tenant"] = state.tenants.numbers(columns.tenant)
    rows["trace_high"], rows["trace_low"] = columns.trace_id[:, 0], columns.trace_id[:, 1]
    rows["span_id"], rows["parent_id"] = columns.span_id, columns.parent_span_id
    kind = np.array([KINDS.get(value, 0) for value in columns.kind.values] + [0], np.uint8)[columns.kind.codes]
    is_call = (kind == CALL_LLM) | (kind == CALL_EMBEDDING)
    digests = response_digests(columns.response_id, word_hashes(columns.tenant), columns.trace_id)
    digests[~is_call] = 0
    rows["response_high"], rows["response_low"] = digests[:, 0], digests[:, 1]
    identified = digests[:, 1] != 0
    usage = columns.input_tokens.valid | columns.output_tokens.valid
    rank = np.minimum(columns.usage_rank, NATIVE_RANK)
    rows["usage"] = np.where(is_call & usage, _usage_hashes(columns), 0)
    failed = np.array([value == "error" for value in columns.status.values] + [False])[columns.status.codes]
    call = kind | usage * np.uint8(CALL_USAGE) | identified * np.uint8(CALL_IDENTIFIED) | rank << CALL_RANK
    rows["call"] = np.where(is_call, call | failed * np.uint8(CALL_FAILED), kind)
    _describe_moments(rows, columns, np.flatnonzero(is_call))
    return rows


def _run_of(decided: Decided, state: PartitionState) -> Run:
    rows = decided_rows(decided, state.tenants.numbers(decided.tenant))
    context = {field: getattr(decided, field) for field in CONTEXT_FIELDS}
    return Run(rows, decided.tenant, context, slice(0), np.arange(decided.size))


def _late(decided: Decided, run: Run, batch: Batch) -> Decided | None:
    """Return the decisions about spans of earlier batches that the window holds no more.

    Those about spans that this batch brought and pushed out again are applied.
    """
    without = np.flatnonzero(batch.decided[run.decisions] == HAD_NO_TARGET)
    if not without.size:
        return None
    kept = np.flatnonzero(batch.keep)
    places = dict(zip(map(_identity, run.rows[kept]), kept.tolist(), strict=True))
    left = []
    for number in without.tolist():
        index = run.decisions[number]
        told = run.rows[index]
        place = places.get((told["start"], told["end"], *_ids(told)))
        if place is None:
            left.append(number)
            continue
        batch.dropped[place] |= bool(told["usage"] & DECIDED_DROPPED)
        batch.counted[place] &= not told["usage"] & DECIDED_DISCOUNTED
        if run.rows[place]["call"] & (CALL_LLM | CALL_EMBEDDING):
            own = batch.context[place]
            batch.context[place] = np.where(own == 0, batch.context[index], own)
    return decided.take(np.array(left)) if left else None


def _identity(row: Any) -> tuple[Any, ...]:
    return (row["log_offset"], row["ordinal"], *_ids(row))


def _ids(row: Any) -> tuple[Any, ...]:
    return (row["tenant"], row["trace_high"], row["trace_low"], row["span_id"])


def _describe_moments(rows: NDArray[Any], columns: SpanColumns, places: NDArray[np.intp]) -> None:
    """Fill in what tells calls apart without their response ids: process, kind, model, provider, interval."""
    if places.size == 0:
        return
    resource, model = _take(columns.resource, places), _take(columns.request_model, places)
    kind = (rows["call"][places] & (CALL_LLM | CALL_EMBEDDING)).astype(np.uint64)
    rows["call_key"][places] = mix_columns(word_hashes(resource), word_hashes(model), kind) | np.uint64(1)
    provider = _take(columns.provider, places)
    # Dialects name a provider with or without the platform it runs on: openai, azure.ai.openai.
    families = Words(provider.codes, [value.rpartition(".")[2] for value in provider.values])
    rows["provider"][places] = word_hashes(families) & np.uint64(0xFFFFFFFF)
    rows["start"][places], rows["end"][places] = columns.start_time[places], _ends(columns)[places]


def _ends(columns: SpanColumns) -> NDArray[np.int64]:
    """Return the ends of spans in ns; that of a span which ended before its first token is this one's, negative."""
    first, length = columns.time_to_first_token_ns, columns.duration_ns
    is_outlived = first.valid & length.valid & (first.values > length.values)
    return np.where(is_outlived, -(columns.start_time + first.values), columns.end_time)


def _usage_hashes(columns: SpanColumns) -> NDArray[np.uint32]:
    """Return a number for the tokens in and out of each row, never 0."""
    mixed = mix_columns(columns.input_tokens.values.astype(np.uint64), columns.output_tokens.values.astype(np.uint64))
    return (mixed >> np.uint64(32)).astype(np.uint32) | np.uint32(1)


def _take(words: Words, places: NDArray[np.intp]) -> Words:
    return Words(words.codes[places], words.values)


def _filled(own: Words, before: NDArray[np.int32], after: NDArray[np.int32], state: PartitionState) -> Words:
    """Return the column with what was inherited in the place of NULL."""
    places = np.flatnonzero(before != after)
    if places.size == 0:
        return own
    inherited = state.contexts.words(after[places])
    codes = own.codes.copy()
    codes[places] = inherited.codes + np.int32(len(own.values))
    return Words(codes, own.values + inherited.values)
