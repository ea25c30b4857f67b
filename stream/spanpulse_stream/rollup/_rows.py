"""What the rollups need of spans, one signed row a span: fresh from a batch (+1), or read back from the database.

A correction is the rows of a stored span as they are (-1) and as they become (+1), both whole, so that what did
not change cancels. Rows form a commutative group under `concat` and `negate`, and `roll_up` respects it.
Weights are taken from 1 up to 2**31 - 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Numbers, SpanColumns, Words
from spanpulse_stream.rollup._words import coalesce, concat_words, words_of, words_where

__all__ = ["RollupRows", "concat"]

DAY_MS = 86_400_000
TEXTS = pa.map_(pa.string(), pa.string())
MOST_WEIGHT = 2**31 - 1
WORDS = (
    *("tenant", "service_name", "environment", "kind", "name", "operation", "provider", "prompt_name"),
    *("prompt_version", "user_id", "error_type", "usage_status", "cost_confidence"),
)
NUMBERS = (
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("duration_ns", "time_to_first_token_ns"),
)
SAME_NAME = (*WORDS, *NUMBERS, "end_time", "experiments", "counted", "cost")
ARRAYS = {
    **dict.fromkeys(("sign", "log_source", "end_time", "weight"), np.int64),
    **dict.fromkeys(("received_day", "origin_day"), np.int32),
    **dict.fromkeys(("failed", "counted"), np.bool_),
}


@dataclass(frozen=True, slots=True)
class RollupRows:
    """Signed rows of spans. Times are ns, ``cost`` is in 1e-12 USD, days count from 1970-01-01 (UTC).

    ``received_day`` is the day whose rollups the row goes to, ``origin_day`` the day the span itself was received
    on (they differ in corrections of older spans), ``log_source`` the log the span came through. ``model`` is the
    response's, else the request's. ``failed``: the status is error, or an error type is set.
    """

    size: int
    sign: NDArray[np.int64]
    log_source: NDArray[np.int64]
    received_day: NDArray[np.int32]
    origin_day: NDArray[np.int32]
    end_time: NDArray[np.int64]
    tenant: Words
    service_name: Words
    environment: Words
    kind: Words
    name: Words
    operation: Words
    provider: Words
    model: Words
    prompt_name: Words
    prompt_version: Words
    experiments: pa.Array  # map<string, string>
    user_id: Words
    failed: NDArray[np.bool_]
    error_type: Words
    counted: NDArray[np.bool_]
    usage_status: Words
    input_tokens: Numbers
    output_tokens: Numbers
    cache_read_tokens: Numbers
    cache_write_tokens: Numbers
    reasoning_tokens: Numbers
    cost: Numbers
    cost_confidence: Words
    duration_ns: Numbers
    time_to_first_token_ns: Numbers
    weight: NDArray[np.int64]

    @classmethod
    def of_columns(cls, columns: SpanColumns, sign: int = 1) -> "RollupRows":
        """Return the rows of a batch's spans."""
        days = (columns.received_at // DAY_MS).astype(np.int32)
        same: dict[str, Any] = {name: getattr(columns, name) for name in SAME_NAME}
        return cls(
            size=columns.size,
            sign=np.full(columns.size, sign, np.int64),
            log_source=np.full(columns.size, columns.log_source, np.int64),
            received_day=days,
            origin_day=days,
            model=coalesce(columns.response_model, columns.request_model),
            failed=words_where(columns.status, {"error"}) | (columns.error_type.codes >= 0),
            weight=np.clip(columns.weight, 1, MOST_WEIGHT),
            **same,
        )

    @classmethod
    def of_table(cls, table: pa.Table, sign: int = 1, received_day: int | None = None) -> "RollupRows":
        """Return the rows of spans read from ``span_rows`` (or its newest state).

        Without ``received_day`` each row goes to the rollups of the day its span was received on. Raises KeyError
        when a column is missing.
        """
        days = (_times(table["received_at"], "ms") // DAY_MS).astype(np.int32)
        error_type = words_of(table["error_type"])
        same: dict[str, Any] = {name: words_of(table[name]) for name in WORDS}
        same |= {name: _numbers(table[name]) for name in NUMBERS}
        return cls(
            size=table.num_rows,
            sign=np.full(table.num_rows, sign, np.int64),
            log_source=_numbers(table["log_source"]).values,
            received_day=days if received_day is None else np.full(table.num_rows, received_day, np.int32),
            origin_day=days,
            end_time=_times(table["end_time"], "ns"),
            model=coalesce(words_of(table["response_model"]), words_of(table["request_model"])),
            experiments=_whole(table["experiments"]),
            failed=words_where(words_of(table["status"]), {"error"}) | (error_type.codes >= 0),
            counted=_whole(table["counted"]).cast(pa.bool_()).to_numpy(zero_copy_only=False),
            cost=_money(table["cost"]),
            weight=np.clip(_numbers(table["weight"]).values, 1, MOST_WEIGHT),
            **same,
        )

    @classmethod
    def empty(cls) -> "RollupRows":
        """Return no rows."""
        nothing: dict[str, Any] = {name: np.zeros(0, dtype) for name, dtype in ARRAYS.items()}
        nothing |= {name: Words.absent(0) for name in (*WORDS, "model")}
        nothing |= {name: Numbers.absent(0) for name in (*NUMBERS, "cost")}
        return cls(size=0, experiments=pa.array([], TEXTS), **nothing)

    def negate(self) -> "RollupRows":
        """Return the rows that cancel these."""
        return replace(self, sign=-self.sign)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a table's column as one array."""
    return column.combine_chunks()


def _times(column: pa.ChunkedArray, unit: str) -> NDArray[np.int64]:
    values = _whole(column).cast(pa.timestamp(unit, "UTC")).cast(pa.int64())
    return cast(NDArray[np.int64], values.to_numpy(zero_copy_only=False))


def _numbers(column: pa.ChunkedArray) -> Numbers:
    array = _whole(column).cast(pa.int64())
    values = array.fill_null(0).to_numpy(zero_copy_only=False)
    return Numbers(values, array.is_valid().to_numpy(zero_copy_only=False))


def _money(column: pa.ChunkedArray) -> Numbers:
    """Return Decimal(38, 12) as 1e-12 USD; a stored cost fits in 64 bits, because it was made from an int64."""
    array = _whole(column).fill_null(0)
    words = np.frombuffer(array.buffers()[1], np.int64) if len(array) else np.zeros(0, np.int64)
    low = words[2 * array.offset : 2 * (array.offset + len(array)) : 2]
    return Numbers(low, _whole(column).is_valid().to_numpy(zero_copy_only=False))


def _join(parts: list[Any]) -> Any:
    """Return the columns of one name, joined."""
    first = parts[0]
    if isinstance(first, Words):
        return concat_words(parts)
    if isinstance(first, Numbers):
        return Numbers(np.concatenate([p.values for p in parts]), np.concatenate([p.valid for p in parts]))
    if isinstance(first, pa.Array):
        return pa.concat_arrays([part.cast(first.type) for part in parts])
    return np.concatenate(parts)


def concat(parts: Sequence[RollupRows]) -> RollupRows:
    """Return all rows, one part after the other."""
    if len(parts) == 1:
        return parts[0]
    parts = [RollupRows.empty(), *parts]
    joined = {f.name: _join([getattr(part, f.name) for part in parts]) for f in fields(RollupRows) if f.name != "size"}
    return RollupRows(size=sum(part.size for part in parts), **joined)
