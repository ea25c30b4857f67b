"""The spans and decisions of a batch as one run of rows in log order, as the fold takes them.

A message holds spans or decisions, never both, so offsets alone order them. Nothing is computed here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.columns import Words

__all__ = ["Run", "merged"]


@dataclass(frozen=True, slots=True)
class Run:
    """Rows (ROW) in log order, the texts that they name, and which of them are spans or decisions."""

    rows: NDArray[Any]
    tenant: Words
    context: dict[str, Words]
    spans: NDArray[np.intp] | slice
    decisions: NDArray[np.intp]


def merged(spans: Run, decisions: Run) -> Run:
    """Return the rows of both, each of which is in log order."""
    rows = np.concatenate([spans.rows, decisions.rows])
    order = np.argsort(rows["log_offset"], kind="stable")
    is_span = order < len(spans.rows)
    context = {name: _joined(words, decisions.context[name], order) for name, words in spans.context.items()}
    tenant = _joined(spans.tenant, decisions.tenant, order)
    return Run(rows[order], tenant, context, np.flatnonzero(is_span), np.flatnonzero(~is_span))


def _joined(one: Words, other: Words, order: NDArray[np.intp]) -> Words:
    moved = np.where(other.codes < 0, -1, other.codes + len(one.values))
    return Words(np.concatenate([one.codes, moved]).astype(np.int32)[order], one.values + other.values)
