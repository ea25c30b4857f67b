"""Rows of the table `seen`: all that the fold needs of a span, decision or log record, written and read back.

A span that is no model call leaves most columns empty, and they compress away. A decision (`record` 2) has the ids of
the span that it is about, as `start_time` and `end_time` that span's offset and ordinal, as `provider` its reason (a
place in REASONS), as `usage` what is decided (1 no longer counted, 2 dropped), and the context that it fills in. The
`end_time` of a stream whose span ended before its first token is the moment of that token, negative.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.usage._memory import CONTEXT_FIELDS, ROW, STATE_DECISION

__all__ = [
    "RECORD_DECISION",
    "RECORD_LOG",
    "RECORD_SPAN",
    "SEEN_SCHEMA",
    "log_rows",
    "read_words",
    "rows_of_spans",
    "span_rows",
]

RECORD_SPAN, RECORD_LOG, RECORD_DECISION = 0, 1, 2

SEEN_SCHEMA = pa.schema(
    [
        ("log_source", pa.uint32()),
        ("log_offset", pa.int64()),
        ("ordinal", pa.int32()),
        ("received_at", pa.timestamp("ms", tz="UTC")),
        ("record", pa.uint8()),
        ("tenant", pa.string()),
        ("key_high", pa.uint64()),
        ("key_low", pa.uint64()),
        ("span_id", pa.uint64()),
        ("parent_span_id", pa.uint64()),
        ("call", pa.uint8()),
        ("response_high", pa.uint64()),
        ("response_low", pa.uint64()),
        ("call_key", pa.uint64()),
        ("provider", pa.uint32()),
        ("usage", pa.uint32()),
        ("start_time", pa.int64()),
        ("end_time", pa.int64()),
        *((field, pa.string()) for field in CONTEXT_FIELDS),
    ],
)

# The columns of ROW and what they are called in the table.
NUMBERS = {
    "log_offset": "log_offset",
    "ordinal": "ordinal",
    "trace_high": "key_high",
    "trace_low": "key_low",
    "span_id": "span_id",
    "parent_id": "parent_span_id",
    "call": "call",
    "response_high": "response_high",
    "response_low": "response_low",
    "call_key": "call_key",
    "provider": "provider",
    "usage": "usage",
    "start": "start_time",
    "end": "end_time",
}


def span_rows(
    log_source: int, rows: NDArray[Any], keep: NDArray[np.bool_], tenant: Words, context: dict[str, Words]
) -> pa.RecordBatch:
    """Return the rows of `seen` for the spans and decisions of ``rows`` (ROW) that are kept, with their own context."""
    kept = rows[keep]
    is_decision = (kept["state"] & STATE_DECISION) != 0
    columns: dict[str, pa.Array] = {name: pa.array(kept[field]) for field, name in NUMBERS.items()}
    columns["log_source"] = pa.array(np.full(len(kept), log_source, np.uint32))
    columns["received_at"] = pa.array(kept["received_at"]).cast(pa.timestamp("ms", tz="UTC"))
    columns["record"] = pa.array(np.where(is_decision, RECORD_DECISION, RECORD_SPAN).astype(np.uint8))
    columns["tenant"] = _texts(tenant, keep)
    for field in CONTEXT_FIELDS:
        columns[field] = _texts(context[field], keep)
    return pa.RecordBatch.from_arrays([columns[name] for name in SEEN_SCHEMA.names], schema=SEEN_SCHEMA)


def log_rows(
    log_source: int,
    positions: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]],
    keys: NDArray[np.uint64],
    keep: NDArray[np.bool_],
    tenant: Words,
) -> pa.RecordBatch:
    """Return the rows of `seen` for log records: ``positions`` are offset, ordinal and received_at (ms)."""
    rows = np.zeros(len(keep), ROW)
    rows["log_offset"], rows["ordinal"], rows["received_at"] = positions
    rows["trace_high"], rows["trace_low"] = keys[:, 0], keys[:, 1]
    none = Words.absent(len(keep))
    batch = span_rows(log_source, rows, keep, tenant, dict.fromkeys(CONTEXT_FIELDS, none))
    record = pa.array(np.full(len(batch), RECORD_LOG, np.uint8))
    return batch.set_column(SEEN_SCHEMA.get_field_index("record"), SEEN_SCHEMA.field("record"), record)


def rows_of_spans(seen: pa.Table) -> NDArray[Any]:
    """Return the rows (ROW) of spans and decisions that ``seen`` holds, without tenant.

    Raises ValueError if they are out of order.
    """
    rows = np.zeros(len(seen), ROW)
    for field, name in NUMBERS.items():
        rows[field] = seen[name].to_numpy()
    rows["state"] = np.where(seen["record"].to_numpy() == RECORD_DECISION, STATE_DECISION, 0)
    rows["received_at"] = seen["received_at"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_numpy()
    offsets, ordinals = rows["log_offset"], rows["ordinal"]
    later = (offsets[1:] > offsets[:-1]) | ((offsets[1:] == offsets[:-1]) & (ordinals[1:] > ordinals[:-1]))
    if not later.all():
        raise ValueError("rows of `seen` must come in log order, each once")
    return rows


def read_words(column: pa.ChunkedArray) -> Words:
    """Return a column of texts (plain, dictionary or large) as words; '' stays ''."""
    coded = column.combine_chunks().cast(pa.string()).dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return Words(codes, coded.dictionary.to_pylist())


def _texts(words: Words, keep: NDArray[np.bool_]) -> pa.Array:
    codes = words.codes[keep]
    indices = pa.array(np.where(codes < 0, len(words.values), codes), pa.int32())
    return pa.DictionaryArray.from_arrays(indices, pa.array([*words.values, ""], pa.string())).cast(pa.string())
