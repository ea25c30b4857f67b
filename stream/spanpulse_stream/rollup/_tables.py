"""`roll_up`: signed rows of spans to the rows of the rollup tables that one batch writes.

A span belongs to the UTC minute of its end. Counted calls go to `rollup_minute`, `rollup_quarter` (15 minutes),
`rollup_experiment` (once for each experiment a span is in) and `rollup_user` (15 minutes; spans with a user), every
span to `rollup_service`; one that is dropped goes nowhere.
Groups in which everything cancels are left out. Nothing depends on the order of the rows, but for the values
that a full dimension refuses.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.rollup._dimensions import OTHER, Admission, DimensionCaps, Scopes
from spanpulse_stream.rollup._keys import (
    MINUTE,
    QUARTER,
    Keys,
    Mark,
    group_by,
    minutes_of,
    one_day,
    scopes_of,
    table_batch,
    take_keys,
)
from spanpulse_stream.rollup._measures import CallMeasures, error_counts, latency_of
from spanpulse_stream.rollup._rows import RollupRows
from spanpulse_stream.rollup._words import dimension, take, words_of, words_where

__all__ = ["overflowed", "roll_up"]

I64 = NDArray[np.int64]

QUARTER_S = 900
CALL_DIMENSIONS = ("operation", "provider", "model", "prompt_name", "prompt_version")


def roll_up(
    rows: RollupRows, *, log_source: int, end_offset: int, dimensions: DimensionCaps
) -> dict[str, pa.RecordBatch]:
    """Return what a batch of ``log_source`` that ends before ``end_offset`` adds to each rollup table.

    The keys are the five table names and ``dimension_values`` (the values admitted now: ``DimensionCaps.advance``
    takes them once they are final). A table's batch may have no rows. Raises ValueError when the rows go to more
    than one received day: a batch ends where its day ends.
    """
    day = one_day(rows.received_day)
    if rows.dropped.any():
        rows = rows.take(np.flatnonzero(~rows.dropped))
    admission = Admission(dimensions, log_source, day)
    scopes = scopes_of(rows.log_source, rows.origin_day, rows.tenant)
    keys: dict[str, Words] = {"tenant": dimension(rows.tenant)}
    for name in ("service_name", "environment"):
        keys[name] = admission.fold(name, dimension(getattr(rows, name)), scopes)
    error_type = admission.fold("error_type", dimension(rows.error_type), scopes)
    mark = (day, log_source, end_offset)
    names = admission.fold("name", dimension(rows.name), scopes)
    services = _services(rows, {**keys, "kind": dimension(rows.kind), "name": names}, error_type, mark)
    calls = _Calls.of(rows, keys, error_type, admission, scopes)
    minutes = calls.by_minute(mark)
    return {
        "rollup_minute": minutes,
        "rollup_quarter": _by_quarter(minutes),
        "rollup_experiment": calls.by_experiment(mark, admission),
        "rollup_user": calls.by_user(mark),
        "rollup_service": services,
        "dimension_values": admission.rows(end_offset),
    }


def overflowed(tables: dict[str, pa.RecordBatch]) -> dict[str, int]:
    """Return how many rollup rows stand for ``__other__``, by dimension (for the metrics; zeros are left out)."""
    found: dict[str, int] = {}
    for name, table in tables.items():
        if name == "rollup_quarter":  # it has the rows of `rollup_minute`
            continue
        for field in table.schema:
            rows = _others(table[field.name])
            if rows:
                found[field.name] = found.get(field.name, 0) + rows
    return found


def _others(column: pa.Array) -> int:
    if pa.types.is_map(column.type) and pa.types.is_string(column.type.key_type):
        column = column.keys.dictionary_encode()
    return int(words_where(words_of(column), {OTHER}).sum()) if pa.types.is_dictionary(column.type) else 0


def _services(rows: RollupRows, keys: dict[str, Words], error_type: Words, mark: Mark) -> pa.RecordBatch:
    groups, columns = group_by({"minute": minutes_of(rows.end_time, MINUTE), **keys}, rows.size)
    sums = groups.sum(np.stack([rows.sign, rows.sign * rows.weight, rows.sign * rows.failed], axis=1))
    for place, measure in enumerate(("spans", "weighted_spans", "errors")):
        columns[measure] = pa.array(sums[:, place])
    columns["errors_by_type"] = error_counts(groups, rows.failed, error_type, rows.sign)
    columns["latency"] = latency_of(rows, np.arange(rows.size)).sums(groups)
    return table_batch(columns, mark)


def _by_quarter(minutes: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows of minutes as those of quarters of an hour; the database adds up those of one key."""
    place = minutes.schema.get_field_index("minute")
    times = minutes["minute"]
    seconds = times.cast(pa.int64()).to_numpy(zero_copy_only=False) // QUARTER_S * QUARTER_S
    return minutes.set_column(place, "quarter", pa.array(seconds).cast(times.type))


@dataclass(frozen=True, slots=True)
class _Calls:
    """The counted calls of a batch: times (ns), dimensions and measures, and what the finer tables need."""

    size: int
    end_time: I64
    keys: dict[str, Words]
    measures: CallMeasures
    scopes: Scopes
    experiments: pa.Array
    user_id: Words

    @classmethod
    def of(
        cls, rows: RollupRows, keys: dict[str, Words], error_type: Words, admission: Admission, scopes: Scopes
    ) -> "_Calls":
        counted = np.flatnonzero(rows.counted)
        scopes = scopes.take(counted)
        keys = {name: take(words, counted) for name, words in keys.items()}
        for name in CALL_DIMENSIONS:
            keys[name] = admission.fold(name, dimension(take(getattr(rows, name), counted)), scopes)
        return cls(
            counted.size,
            rows.end_time[counted],
            keys,
            CallMeasures.of(rows, counted, take(error_type, counted)),
            scopes,
            rows.experiments.take(pa.array(counted)).fill_null([]),
            dimension(take(rows.user_id, counted)),
        )

    def by_minute(self, mark: Mark) -> pa.RecordBatch:
        groups, columns = group_by({"minute": minutes_of(self.end_time, MINUTE), **self.keys}, self.size)
        return table_batch(columns | self.measures.columns(groups), mark)

    def by_experiment(self, mark: Mark, admission: Admission) -> pa.RecordBatch:
        each = np.repeat(np.arange(self.size), np.diff(self.experiments.offsets.to_numpy()))
        scopes = self.scopes.take(each)
        own: Keys = {}
        for name, values in (("experiment", self.experiments.keys), ("variant", self.experiments.items)):
            own[name] = admission.fold(name, dimension(words_of(values)), scopes)
        keys = take_keys({"minute": minutes_of(self.end_time, MINUTE), **self.keys}, each)
        first: Keys = {name: keys.pop(name) for name in ("minute", "tenant")}
        groups, columns = group_by(first | own | keys, each.size)
        return table_batch(columns | self.measures.take(each).columns(groups), mark)

    def by_user(self, mark: Mark) -> pa.RecordBatch:
        known = np.flatnonzero(~words_where(self.user_id, {""}))
        keys: Keys = {"quarter": minutes_of(self.end_time, QUARTER), "tenant": self.keys["tenant"]}
        groups, columns = group_by(take_keys({**keys, "user_id": self.user_id}, known), known.size)
        return table_batch(columns | self.measures.take(known).columns(groups), mark)
