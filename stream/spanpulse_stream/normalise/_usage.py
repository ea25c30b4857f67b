"""Tokens as the provider counts them: the input with cached tokens, the output with reasoning, for model calls alone.

What cannot be a count of tokens becomes NULL and the span's usage is invalid. Numbers of spans that are no model
call stay with the other attributes; those of agents, workflows and tools are sums over calls and never count, but
where the calls themselves left no spans they are all there is, so their status says that there are some.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.columns import Numbers, Words
from spanpulse_stream.normalise._anomalies import Anomalies, Anomaly
from spanpulse_stream.normalise._classify import Nature
from spanpulse_stream.normalise._json import literal, parsed
from spanpulse_stream.normalise._numbers import next_best, read_integers
from spanpulse_stream.normalise._resolved import Resolved
from spanpulse_stream.normalise._slots import TOKENS, Slot
from spanpulse_stream.normalise._usage_objects import MOST_TOKENS, usage_object

__all__ = ["Usage", "read_usage"]

STATUSES: Final = ["reported", "missing", "invalid", "aggregate"]
_SUMS: Final = (Slot.USAGE, Slot.INPUT_TOKENS, Slot.OUTPUT_TOKENS, Slot.TOTAL_TOKENS)


@dataclass(slots=True)
class Usage:
    """The counts of a batch by slot, and their status."""

    counts: dict[Slot, Numbers]
    status: Words


def read_usage(
    resolved: Resolved,
    nature: Nature,
    exclusive: NDArray[np.bool_],
    invented: NDArray[np.bool_],
    responses: Mapping[int, dict[str, Any]],
) -> Usage:
    """Return the tokens of every span.

    ``exclusive``: spans whose emitter leaves cached tokens out of the input; ``invented``: spans whose numbers are
    the emitter's guess; ``responses``: raw responses by span, read where nothing else tells.
    """
    spans, is_call = resolved.spans, nature.is_call
    counts = {Slot(slot): _count(resolved, Slot(slot), is_call & ~invented) for slot in TOKENS}
    attributed = counts[Slot.INPUT_TOKENS].valid.copy()
    whole = _read_objects(resolved, counts, is_call & ~invented)
    for row, response in responses.items():
        if not invented[row]:
            whole[row] |= _put_object(counts, row, response.get("usage"), spans.anomalies)
    _fit_embeddings(counts, nature.is_embedding)
    _include_parts(counts, exclusive & (attributed | ~whole))
    _drop_zeros(counts, nature.is_llm)
    anomalies = (Anomaly.NEGATIVE_TOKENS, Anomaly.HUGE_TOKENS, Anomaly.TOKENS_NOT_A_NUMBER, Anomaly.USAGE_NOT_JSON)
    invalid = np.logical_or.reduce([spans.anomalies.has(each) for each in anomalies])
    reported = counts[Slot.INPUT_TOKENS].valid | counts[Slot.OUTPUT_TOKENS].valid
    code = np.where(invalid, 2, np.where(reported, 0, 1)).astype(np.int32)
    sums = nature.is_above_calls & np.logical_or.reduce([resolved.has(slot) for slot in _SUMS])
    return Usage(counts, Words(np.where(is_call, code, np.where(sums, 3, -1)).astype(np.int32), STATUSES))


def _count(resolved: Resolved, slot: Slot, wanted: NDArray[np.bool_]) -> Numbers:
    read = read_integers(resolved, slot)
    if not resolved.found[slot]:
        return Numbers(read.values, read.valid)
    anomalies = resolved.spans.anomalies
    bad = wanted & (read.odd | (read.valid & ((read.values < 0) | (read.values > MOST_TOKENS))))
    for row in np.flatnonzero(bad).tolist():
        count = next_best(resolved, slot, row, MOST_TOKENS)
        if count is not None:
            read.values[row], read.valid[row], read.odd[row] = count, True, False
    negative, huge = read.valid & (read.values < 0), read.valid & (read.values > MOST_TOKENS)
    anomalies.note(Anomaly.NEGATIVE_TOKENS, negative & wanted)
    anomalies.note(Anomaly.HUGE_TOKENS, huge & wanted)
    anomalies.note(Anomaly.TOKENS_NOT_A_NUMBER, read.odd & wanted)
    valid = read.valid & wanted & ~negative & ~huge
    if slot != Slot.TOTAL_TOKENS:
        resolved.take(slot, valid)
    return Numbers(np.where(valid, read.values, 0), valid)


def _read_objects(resolved: Resolved, counts: dict[Slot, Numbers], wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill in what only a usage object tells; return whose object leaves no doubt that its input is whole."""
    whole = np.zeros(len(wanted), np.bool_)
    if not resolved.found[Slot.USAGE]:
        return whole
    anomalies = resolved.spans.anomalies
    for row in np.flatnonzero(resolved.has(Slot.USAGE) & wanted).tolist():
        value = resolved.value(Slot.USAGE, row)
        value = parsed(value) if isinstance(value, str) else value
        value = literal(value) if isinstance(value, str) else value
        if not isinstance(value, dict):
            anomalies.note_row(Anomaly.USAGE_NOT_JSON, row)
        whole[row] = _put_object(counts, row, value, anomalies)
    return whole


def _put_object(counts: dict[Slot, Numbers], row: int, value: object, anomalies: Anomalies) -> bool:
    said, whole = usage_object(value)
    for slot, count in said.items():
        _put_count(counts[slot], row, count, anomalies)
    return whole


def _put_count(column: Numbers, row: int, count: object, anomalies: Anomalies) -> None:
    """Put a count into a column where it has none, or note what is wrong with it."""
    if column.valid[row]:
        return
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    if isinstance(count, bool) or not isinstance(count, int):
        anomalies.note_row(Anomaly.TOKENS_NOT_A_NUMBER, row)
    elif count < 0:
        anomalies.note_row(Anomaly.NEGATIVE_TOKENS, row)
    elif count > MOST_TOKENS:
        anomalies.note_row(Anomaly.HUGE_TOKENS, row)
    else:
        column.values[row], column.valid[row] = count, True


def _fit_embeddings(counts: dict[Slot, Numbers], is_embedding: NDArray[np.bool_]) -> None:
    """Embeddings have no output, not one of 0: where there is only a total, it is the input."""
    total, tokens, output = counts[Slot.TOTAL_TOKENS], counts[Slot.INPUT_TOKENS], counts[Slot.OUTPUT_TOKENS]
    where = is_embedding & total.valid & ~tokens.valid
    tokens.values[where], tokens.valid[where] = total.values[where], True
    output.valid[is_embedding & (output.values == 0)] = False


def _drop_zeros(counts: dict[Slot, Numbers], is_llm: NDArray[np.bool_]) -> None:
    """Take zeros everywhere for usage that was not sent: a model that answered has read something."""
    tokens, output = counts[Slot.INPUT_TOKENS], counts[Slot.OUTPUT_TOKENS]
    unsent = is_llm & tokens.valid & output.valid & (tokens.values == 0) & (output.values == 0)
    if unsent.any():
        for count in counts.values():
            count.valid[unsent & (count.values == 0)] = False


def _include_parts(counts: dict[Slot, Numbers], exclusive: NDArray[np.bool_]) -> None:
    """Add cached tokens to the input and reasoning to the output where the emitter left them out.

    It did where it is known to, where the parts exceed the whole, or where only so the total comes out. A total of
    input and output alone says nothing: some emitters add up what they have.
    """
    tokens, output, total = counts[Slot.INPUT_TOKENS], counts[Slot.OUTPUT_TOKENS], counts[Slot.TOTAL_TOKENS]
    cached = counts[Slot.CACHE_READ_TOKENS].values + counts[Slot.CACHE_WRITE_TOKENS].values
    reasoning = counts[Slot.REASONING_TOKENS].values
    missing = total.values - tokens.values - output.values
    told = total.valid & tokens.valid & output.valid & (missing > 0)
    both = told & (missing == cached + reasoning)
    alone = told & (cached != reasoning)
    without_cached = exclusive | (cached > tokens.values) | both | (alone & (missing == cached))
    without_reasoning = (reasoning > output.values) | both | (alone & (missing == reasoning))
    tokens.values[:] += np.where(tokens.valid & without_cached, cached, 0)
    output.values[:] += np.where(output.valid & without_reasoning, reasoning, 0)
