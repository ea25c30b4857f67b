"""Decisions as columns: what messages of a batch say about spans that the partition stored before.

Nothing here is applied; see `attribute_usage` and `settle_late`.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.usage._memory import (
    CONTEXT_FIELDS,
    DECIDED_DISCOUNTED,
    DECIDED_DROPPED,
    REASONS,
    ROW,
    STATE_DECISION,
)

__all__ = ["Decided", "decided_rows"]


@dataclass(frozen=True, slots=True)
class Decided:
    """Decisions in log order, one row a decision; ``ordinal`` is its place in its message.

    Ids and ``target_*`` are those of the span that it is about, ``received_at`` and ``target_received_at`` are ms.
    Context that is NULL stays as it is.
    """

    size: int
    log_offset: NDArray[np.int64]
    ordinal: NDArray[np.int32]
    received_at: NDArray[np.int64]
    tenant: Words
    trace_id: NDArray[np.uint64]  # (n, 2)
    span_id: NDArray[np.uint64]
    target_log_offset: NDArray[np.int64]
    target_ordinal: NDArray[np.int32]
    target_received_at: NDArray[np.int64]
    dropped: NDArray[np.bool_]
    discounted: NDArray[np.bool_]
    user_id: Words
    session_id: Words
    prompt_name: Words
    prompt_version: Words
    reason: Words  # in REASONS

    def take(self, rows: NDArray[np.integer]) -> "Decided":
        """Return the decisions picked by index."""
        picked: dict[str, Any] = {name: _take(getattr(self, name), rows) for name in COLUMNS}
        return Decided(size=rows.size, **picked)


def decided_rows(decided: Decided, tenants: NDArray[np.int32]) -> NDArray[Any]:
    """Return decisions as rows (ROW) that the fold takes; ``tenants`` are interned."""
    rows = np.zeros(decided.size, ROW)
    rows["state"] = STATE_DECISION
    for name in ("log_offset", "ordinal", "received_at", "span_id"):
        rows[name] = getattr(decided, name)
    rows["tenant"] = tenants
    rows["trace_high"], rows["trace_low"] = decided.trace_id[:, 0], decided.trace_id[:, 1]
    rows["start"], rows["end"] = decided.target_log_offset, decided.target_ordinal
    numbers = np.array([REASONS.index(reason) for reason in decided.reason.values], np.uint32)
    rows["provider"] = numbers[decided.reason.codes]
    rows["usage"] = decided.discounted * np.uint32(DECIDED_DISCOUNTED) | decided.dropped * np.uint32(DECIDED_DROPPED)
    return rows


def _take(column: Any, rows: NDArray[np.integer]) -> Any:
    return Words(column.codes[rows], column.values) if isinstance(column, Words) else column[rows]


COLUMNS = tuple(field.name for field in fields(Decided) if field.name != "size")
assert set(CONTEXT_FIELDS) < set(COLUMNS)
