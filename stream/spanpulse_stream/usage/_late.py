"""Decisions about spans that have left the window: held against what is stored, and turned into corrections.

What is stored already stays, so a decision that is repeated changes nothing. Of several about one span each changes
what the ones before it left, and one correction says all of it. Not guaranteed: that calls below such a span inherit
what it is given; they have left the window as well.
"""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.usage._corrections import Corrections
from spanpulse_stream.usage._decided import Decided
from spanpulse_stream.usage._memory import CONTEXT_FIELDS, REASONS

__all__ = ["settle_late", "targets_of"]

CALLS = ("llm", "embedding")
STATE = ["log_offset", "ordinal", "tenant", "trace_id", "span_id", "kind", "counted", "dropped", *CONTEXT_FIELDS]
Place = tuple[int, int]
State = dict[str, Any]


def targets_of(late: Decided, log_source: int) -> Corrections:
    """Return decisions as if each changed all that it names: what asks for the state of their targets."""
    shared: dict[str, Any] = {name: getattr(late, name) for name in COLUMNS}
    return Corrections(size=late.size, log_source=log_source, **shared)


def settle_late(late: Decided, corrections: Corrections, stored: pa.Table) -> tuple[Corrections, int]:
    """Return the corrections of a batch with those that follow from ``late``, and how many decisions found no span.

    ``corrections`` are those that the batch made without them. ``stored`` are the targets in the state before the
    batch: position, tenant, ids, kind, counted, dropped and context.
    """
    wanted = targets_of(late, corrections.log_source)
    states = {(row["log_offset"], row["ordinal"]): row for row in stored.select(STATE).to_pylist()}
    made = {place: row for row, place in enumerate(_places(corrections)) if place in states}
    for place, row in made.items():
        _apply(_record(corrections, row), states[place])
    changes: dict[Place, State] = {}
    ignored = 0
    for row, place in enumerate(_places(wanted)):
        record = _record(wanted, row)
        if place not in states or not _is_meant(record, states[place]):
            ignored += 1
        elif change := _apply(record, states[place]):
            before = changes.get(place) or (_record(corrections, made[place]) if place in made else {})
            changes[place] = _both(before, change)
    if not changes:
        return corrections, ignored
    untouched = np.array([row for row, place in enumerate(_places(corrections)) if place not in changes], np.int64)
    return _joined(corrections, untouched, list(changes.values())), ignored


def _is_meant(record: State, state: State) -> bool:
    """Tell whether a stored span is the one that a decision names; what is left of an erased one has no ids."""
    high, low = record["trace_id"].tolist()
    ids = f"{high:016x}{low:016x}", f"{int(record['span_id']):016x}"
    return bool(state["tenant"] == record["tenant"] and (state["trace_id"], state["span_id"]) == ids)


def _places(corrections: Corrections) -> list[Place]:
    offsets, ordinals = corrections.target_log_offset.tolist(), corrections.target_ordinal.tolist()
    return list(zip(offsets, ordinals, strict=True))


def _record(corrections: Corrections, row: int) -> State:
    """Return one row of corrections; a word that is NULL is None."""
    return {name: _value(getattr(corrections, name), row) for name in COLUMNS}


def _value(column: Any, row: int) -> Any:
    if isinstance(column, Words):
        code = int(column.codes[row])
        return column.values[code] if code >= 0 else None
    return column[row]


def _apply(record: State, state: State) -> State | None:
    """Change a state as a record says; return the record with only what it changed, None for nothing."""
    found = {
        **record,
        "dropped": bool(record["dropped"] and not state["dropped"]),
        "discounted": bool(record["discounted"] and state["counted"]),
        **{name: record[name] if state["kind"] in CALLS and not state[name] else None for name in CONTEXT_FIELDS},
    }
    state["dropped"] = state["dropped"] or found["dropped"]
    state["counted"] = state["counted"] and not found["discounted"]
    state.update({name: found[name] for name in CONTEXT_FIELDS if found[name]})
    changed = found["dropped"] or found["discounted"] or any(found[name] for name in CONTEXT_FIELDS)
    return found if changed else None


def _both(before: State, change: State) -> State:
    """Return one record for what two changed about the same span, brought by the later one."""
    if not before:
        return change
    return {
        **change,
        "dropped": bool(before["dropped"] or change["dropped"]),
        "discounted": bool(before["discounted"] or change["discounted"]),
        **{name: before[name] or change[name] for name in CONTEXT_FIELDS},
        "reason": max(before["reason"], change["reason"], key=REASONS.index),
    }


def _joined(corrections: Corrections, rows: NDArray[np.int64], records: list[State]) -> Corrections:
    """Return some rows of corrections, and the records behind them."""
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        column, more = getattr(corrections, name), [record[name] for record in records]
        if isinstance(column, Words):
            codes = np.arange(len(more), dtype=np.int32) + np.int32(len(column.values))
            codes[[value is None for value in more]] = -1
            words = [*column.values, *(value or "" for value in more)]
            columns[name] = Words(np.concatenate([column.codes[rows], codes]), words)
        else:
            columns[name] = np.concatenate([column[rows], np.array(more, column.dtype)])
    return replace(corrections, size=rows.size + len(records), **columns)


COLUMNS = tuple(field.name for field in fields(Corrections) if field.name not in ("size", "log_source"))
assert set(COLUMNS) < {field.name for field in fields(Decided)}
