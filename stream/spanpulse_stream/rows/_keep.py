"""Which spans stay: rows picked by a mask, and the keep policy.

`llm_traces` keeps the spans of traces that show a model call in the batch or in the log before it. Not
guaranteed: a span that comes in an earlier batch than the first model call of its trace is left out (and counted
as filtered), because what was written is never changed.
"""

from dataclasses import fields, replace
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spanpulse_stream.columns import LogColumns, Numbers, ScoreColumns, SpanColumns, TextColumns, Words

__all__ = ["keep_mask", "llm_traces", "select", "select_logs", "traces_of_calls"]

Mask = NDArray[np.bool_]
Rows = TypeVar("Rows", TextColumns, ScoreColumns)
NO_TRACES = np.zeros(0, np.uint64)
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def select(columns: SpanColumns, mask: Mask) -> SpanColumns:
    """Return the rows of ``columns`` where ``mask`` is true, in all columns that are filled."""
    if mask.all():
        return columns
    rows = pa.array(mask)
    picked = {name: _picked(getattr(columns, name), mask, rows) for name in COLUMN_NAMES}
    return replace(columns, size=int(mask.sum()), **picked)


def select_logs(columns: LogColumns, mask: Mask) -> LogColumns:
    """Return the log records where ``mask`` is true, with their texts and scores."""
    if mask.all():
        return columns
    moved = (np.cumsum(mask) - 1).astype(np.int32)
    places = ("log_offset", "ordinal", "received_at", "tenant", "key")
    picked = {name: _picked(getattr(columns, name), mask, pa.array(mask)) for name in places}
    texts, scores = _of_records(columns.texts, mask, moved), _of_records(columns.scores, mask, moved)
    return replace(columns, size=int(mask.sum()), texts=texts, scores=scores, **picked)


def keep_mask(columns: SpanColumns, policy: str, earlier: NDArray[np.uint64] = NO_TRACES) -> Mask:
    """Return which spans the policy (``all`` or ``llm_traces``) keeps. Raises ValueError on another policy.

    ``earlier`` are digests (see ``llm_traces``) of traces that showed a model call before this batch.
    """
    if policy == "all":
        return np.ones(columns.size, np.bool_)
    if policy != "llm_traces":
        raise ValueError(f"unknown keep policy {policy!r}: all or llm_traces")
    return np.isin(_digests(columns.tenant, columns.trace_id), np.concatenate([earlier, llm_traces(columns)]))


def llm_traces(columns: SpanColumns) -> NDArray[np.uint64]:
    """Return 64-bit digests of the (tenant, trace) pairs with a model call in the batch, sorted, each once."""
    calls = np.array([*(kind in {"llm", "embedding"} for kind in columns.kind.values), False])
    return np.unique(_digests(columns.tenant, columns.trace_id)[calls[columns.kind.codes]])


def traces_of_calls(seen: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return the model calls among rows of `seen`: their number, counting spans from 0, and their trace's digest."""
    spans = seen.filter(pc.equal(seen["record"], 0)).select(["call", "tenant", "key_high", "key_low"])
    places = np.flatnonzero(spans["call"].to_numpy())
    calls = spans.take(pa.array(places))
    trace_id = np.stack([calls["key_high"].to_numpy(), calls["key_low"].to_numpy()], axis=1)
    tenant = calls["tenant"].combine_chunks().cast(pa.string()).dictionary_encode()
    words = Words(tenant.indices.to_numpy(), tenant.dictionary.to_pylist())
    return places, _digests(words, trace_id)


def _digests(tenant: Words, trace_id: NDArray[np.uint64]) -> NDArray[np.uint64]:
    salts = [int.from_bytes(blake2b(value.encode(), digest_size=8).digest()) for value in tenant.values]
    mixed = (np.array([*salts, 0], np.uint64)[tenant.codes] ^ trace_id[:, 0]) * MULTIPLIER
    return (mixed ^ (mixed >> np.uint64(29)) ^ trace_id[:, 1]) * MULTIPLIER


def _of_records(rows: Rows, mask: Mask, moved: NDArray[np.int32]) -> Rows:
    """Return the texts or scores whose record stays, pointing at where it is now."""
    stays = mask[rows.record]
    picked = {f.name: _picked(getattr(rows, f.name), stays, pa.array(stays)) for f in fields(rows)}
    return replace(rows, **{**picked, "record": moved[picked["record"]]})


def _picked(column: Any, mask: Mask, rows: pa.Array) -> Any:
    if isinstance(column, Words):
        return Words(_rows_of(column.codes, mask), column.values)
    if isinstance(column, Numbers):
        return Numbers(_rows_of(column.values, mask), _rows_of(column.valid, mask))
    return column.filter(rows) if isinstance(column, pa.Array) else _rows_of(column, mask)


def _rows_of(values: NDArray[Any], mask: Mask) -> NDArray[Any]:
    """Return the rows of an array; one that a later step is to fill has none yet."""
    return values[mask] if len(values) == len(mask) else values


COLUMN_NAMES = tuple(
    f.name for f in fields(SpanColumns) if f.name not in {"size", "log_source", "price_version", "scores"}
)
