"""What the rollups need of spans, one signed row a span: fresh from a batch (+1), or read back from the database.

A correction is the rows of a stored span as they are (-1) and as they become (+1), both whole, so that what did
not change cancels. Rows form a commutative group under `concat` and `negate`, and `roll_up` respects it.
Weights are taken from 1 up to 2**31 - 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Numbers, SpanColumns, Words
from spanpulse_stream.day import DAY_MS
from spanpulse_stream.rollup._read import booleans_of, integers_of, join_columns, money_of, times_of
from spanpulse_stream.rollup._words import coalesce, words_of, words_where

__all__ = ["RollupRows", "concat"]

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
SAME_NAME = (*WORDS, *NUMBERS, "end_time", "experiments", "counted", "dropped", "cost")
ARRAYS = {
    **dict.fromkeys(("sign", "log_source", "end_time", "weight"), np.int64),
    **dict.fromkeys(("received_day", "origin_day"), np.int32),
    **dict.fromkeys(("failed", "counted", "dropped"), np.bool_),
}


@dataclass(frozen=True, slots=True)
class RollupRows:
    """Signed rows of spans. Times are ns, ``cost`` is in 1e-12 USD, days count from 1970-01-01 (UTC).

    ``received_day`` is the day whose rollups the row goes to, ``origin_day`` the day the span itself was received
    on (they differ in corrections of older spans), ``log_source`` the log the span came through. ``model`` is the
    response's, else the request's. ``failed``: the status is error, or an error type is set. ``dropped``: another
    partition stored the span first, so it adds nothing to any rollup.
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
    dropped: NDArray[np.bool_]
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
        days = (times_of(table["received_at"], "ms") // DAY_MS).astype(np.int32)
        error_type = words_of(table["error_type"])
        same: dict[str, Any] = {name: words_of(table[name]) for name in WORDS}
        same |= {name: integers_of(table[name]) for name in NUMBERS}
        return cls(
            size=table.num_rows,
            sign=np.full(table.num_rows, sign, np.int64),
            log_source=integers_of(table["log_source"]).values,
            received_day=days if received_day is None else np.full(table.num_rows, received_day, np.int32),
            origin_day=days,
            end_time=times_of(table["end_time"], "ns"),
            model=coalesce(words_of(table["response_model"]), words_of(table["request_model"])),
            experiments=table["experiments"].combine_chunks(),
            failed=words_where(words_of(table["status"]), {"error"}) | (error_type.codes >= 0),
            counted=booleans_of(table["counted"]),
            dropped=booleans_of(table["dropped"]),
            cost=money_of(table["cost"]),
            weight=np.clip(integers_of(table["weight"]).values, 1, MOST_WEIGHT),
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

    def take(self, rows: NDArray[np.integer]) -> "RollupRows":
        """Return the rows picked by index."""
        picked: dict[str, Any] = {name: _take(getattr(self, name), rows) for name in COLUMN_NAMES}
        return RollupRows(size=rows.size, **picked)

    def corrected(
        self, discounted: NDArray[np.bool_], dropped: NDArray[np.bool_], filled: Mapping[str, Words]
    ) -> "RollupRows":
        """Return the rows as they are after corrections: not counted, dropped, words where they are filled."""
        words: dict[str, Any] = {name: coalesce(new, getattr(self, name)) for name, new in filled.items()}
        return replace(self, counted=self.counted & ~discounted, dropped=self.dropped | dropped, **words)


def concat(parts: Sequence[RollupRows]) -> RollupRows:
    """Return all rows, one part after the other."""
    if len(parts) == 1:
        return parts[0]
    parts = [RollupRows.empty(), *parts]
    joined: dict[str, Any] = {name: join_columns([getattr(part, name) for part in parts]) for name in COLUMN_NAMES}
    return RollupRows(size=sum(part.size for part in parts), **joined)


def _take(column: Any, rows: NDArray[np.integer]) -> Any:
    if isinstance(column, Words):
        return Words(column.codes[rows], column.values)
    if isinstance(column, Numbers):
        return Numbers(column.values[rows], column.valid[rows])
    return column.take(pa.array(rows)) if isinstance(column, pa.Array) else column[rows]


COLUMN_NAMES = tuple(f.name for f in fields(RollupRows) if f.name != "size")
