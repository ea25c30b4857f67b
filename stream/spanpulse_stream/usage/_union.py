"""The same fold over the rows of several partitions, for who wants to know what a single partition would have decided.

A span lies in a slot, as in a partition's memory; whose log it came from, the caller keeps by slot. The outcome is read
from the memory, after any number of rows: what counts and what was inherited depend on the set of spans alone, and
with more of them calls only ever stop to count and context is only ever filled in. Not guaranteed: any of that about
spans with the same ids that tell different things, of which the first one to come is taken; and a reason is one for
which the span does not count, not always the first.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.jit import entry, helper
from spanpulse_stream.usage._calls import RESPONSE_ID, SAME_MOMENT
from spanpulse_stream.usage._memory import (
    CALL_EMBEDDING,
    CALL_IDENTIFIED,
    CALL_LLM,
    CONTEXT_FIELDS,
    GROUPS,
    ROW,
    SPANS,
    STATE_COUNTED,
    TAKEN,
    Memory,
    Number,
    new_batch,
)
from spanpulse_stream.usage._seen import NUMBERS, read_words
from spanpulse_stream.usage._state import PartitionState
from spanpulse_stream.usage._table import find, group_key, slot_at, span_key
from spanpulse_stream.usage._tree import ANCESTOR, DESCENDANT, _is_shadow, _is_wrapper

__all__ = ["UnionFold", "UnionRows", "warm_up_union"]

FOLDED_AT_ONCE = 16_384  # rows: texts are numbered with the interpreter's lock held


@helper
def _reason(memory: Memory, slot: Number) -> Number:
    row = memory.rows[slot]
    if _is_shadow(row.call, row.above):
        return ANCESTOR
    if row.call & CALL_IDENTIFIED:
        best = slot_at(memory, GROUPS, find(memory, GROUPS, group_key(row)))
        if best not in (-1, slot):
            return RESPONSE_ID
    return DESCENDANT if _is_wrapper(row.call, row.below) else SAME_MOMENT


@entry
def _tell_reasons(memory: Memory, slots: NDArray[np.int64], reasons: NDArray[np.int64]) -> None:
    for index in range(slots.size):
        reasons[index] = _reason(memory, slots[index])


@entry
def _find_spans(memory: Memory, rows: NDArray[Any], slots: NDArray[np.int64]) -> None:
    for index in range(rows.size):
        slots[index] = slot_at(memory, SPANS, find(memory, SPANS, span_key(rows[index])))


class UnionRows(NamedTuple):
    """Rows that were folded in: the slot of each one's span (-1: it has left), and whether this row brought it."""

    rows: NDArray[Any]  # of ROW
    slots: NDArray[np.int64]
    is_new: NDArray[np.bool_]


class UnionFold:
    """The last ``window`` spans of any partitions, each ids once. ``seed`` as for a `PartitionState`."""

    def __init__(self, window: int, *, seed: int = 0) -> None:
        self.window = window
        self._state = PartitionState(window, seed=seed)

    @property
    def rows(self) -> NDArray[Any]:
        """The spans by slot (ROW); offset, ordinal and received_at may be changed by the caller."""
        return self._state.memory.rows[: min(int(self._state.memory.counters[TAKEN]), self.window)]

    @property
    def context(self) -> NDArray[np.int32]:
        """Numbers of the context that each span has, own or inherited, by slot and CONTEXT_FIELDS; 0 is none."""
        return self._state.memory.context[: len(self.rows)]

    def fold(self, seen: pa.Table) -> list[UnionRows]:
        """Fold rows of spans of the table `seen` in, in the order given. Raises KeyError where a column is missing."""
        step = min(FOLDED_AT_ONCE, self.window)  # of what comes at once all stays
        return [self._fold(seen.slice(start, step)) for start in range(0, len(seen), step)]

    def find(self, tenant: Words, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the slots of spans, -1 for one that is not there. ``keys`` (n, 3): trace id in two, span id."""
        rows = np.zeros(len(keys), ROW)
        rows["tenant"] = self._state.tenants.numbers(tenant)
        rows["trace_high"], rows["trace_low"], rows["span_id"] = keys[:, 0], keys[:, 1], keys[:, 2]
        return self._find(rows)

    def is_call(self) -> NDArray[np.bool_]:
        """Tell by slot what is a model call."""
        calls: NDArray[np.bool_] = (self.rows["call"] & (CALL_LLM | CALL_EMBEDDING)) != 0
        return calls

    def counts(self) -> NDArray[np.bool_]:
        """Tell by slot which of the model calls count."""
        counted: NDArray[np.bool_] = (self.rows["state"] & STATE_COUNTED) != 0
        return counted

    def reasons(self, slots: NDArray[np.int64]) -> list[int]:
        """Return, as places in REASONS, why model calls do not count; of those that do it means nothing."""
        found = np.zeros(len(slots), np.int64)
        _tell_reasons(self._state.memory, slots.astype(np.int64), found)
        return found.tolist()

    def tenants(self, slots: NDArray[np.int64]) -> list[str | None]:
        """Return the tenants of spans."""
        return self._state.tenants.words(self.rows["tenant"][slots]).tolist()

    def texts(self, slots: NDArray[np.int64]) -> list[tuple[str | None, ...]]:
        """Return the context of spans, in the order of CONTEXT_FIELDS."""
        columns = [self._state.contexts.words(self.context[slots, place]).tolist() for place in range(4)]
        return list(zip(*columns, strict=True))

    def _fold(self, seen: pa.Table) -> UnionRows:
        state = self._state
        rows = np.zeros(len(seen), ROW)
        for field, name in NUMBERS.items():
            rows[field] = seen[name].to_numpy()
        rows["received_at"] = seen["received_at"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_numpy()
        rows["tenant"] = state.tenants.numbers(read_words(seen["tenant"]))
        context = [state.contexts.numbers(read_words(seen[field])) for field in CONTEXT_FIELDS]
        batch = new_batch(rows, np.stack(context, axis=1))
        taken = int(state.memory.counters[TAKEN])
        state.fold(batch)
        state.sweep()
        slots = (taken + np.cumsum(batch.keep) - 1) % self.window
        slots[~batch.keep] = self._find(rows[~batch.keep])
        return UnionRows(rows, slots, batch.keep)

    def _find(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        slots = np.zeros(len(rows), np.int64)
        _find_spans(self._state.memory, rows, slots)
        return slots


def warm_up_union() -> None:
    """Compile the kernels of this file, or load them from numba's cache."""
    state, nothing = PartitionState(1), np.zeros(0, np.int64)
    _find_spans(state.memory, np.zeros(0, ROW), nothing)
    _tell_reasons(state.memory, nothing, nothing)
