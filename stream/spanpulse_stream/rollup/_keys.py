"""The key columns of rollup rows: minutes, dimensions, the day they go to and the mark of the batch that wrote them."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.rollup._dimensions import Scopes
from spanpulse_stream.rollup._group import Groups, group_rows
from spanpulse_stream.rollup._words import dimension, take

__all__ = [
    "MINUTE",
    "QUARTER",
    "Keys",
    "Mark",
    "group_by",
    "minutes_of",
    "one_day",
    "scopes_of",
    "table_batch",
    "take_keys",
]

I64 = NDArray[np.int64]
Keys = dict[str, Words | I64]  # words are dimensions, numbers are seconds since 1970
Mark = tuple[int, int, int]  # received day, log source, end offset

MINUTE = 60
QUARTER = 15 * MINUTE
LAST_MINUTE = (2**32 - 1) // QUARTER * QUARTER  # DateTime has 32 bits of seconds


def one_day(days: NDArray[np.int32]) -> int:
    """Return the one day that all rows go to (0 when there are none). Raises ValueError when there are several."""
    if not days.size:
        return 0
    if (days != days[0]).any():
        raise ValueError(f"a batch of received days {days.min()} to {days.max()}: it must end where its day ends")
    return int(days[0])


def scopes_of(log_source: I64, day: NDArray[np.int32], tenant: Words) -> Scopes:
    """Return whose dimension sets each row asks."""
    words = dimension(tenant)
    coded = [_coded(log_source), _coded(day), (words.codes, len(words.values))]
    groups = group_rows(coded, log_source.size)
    first = groups.first
    names = [words.values[code] for code in words.codes[first].tolist()]
    return Scopes(groups.of_row, list(zip(log_source[first].tolist(), day[first].tolist(), names, strict=True)))


def minutes_of(times: I64, seconds: int) -> I64:
    """Return the start (s since 1970) of the minute or quarter that each time (ns) lies in, as DateTime can hold it."""
    return np.clip(times // (seconds * 1_000_000_000) * seconds, 0, LAST_MINUTE)


def take_keys(keys: Keys, rows: I64) -> Keys:
    """Return the keys of the rows picked by index."""
    return {name: take(key, rows) if isinstance(key, Words) else key[rows] for name, key in keys.items()}


def group_by(keys: Keys, size: int) -> tuple[Groups, dict[str, pa.Array]]:
    """Group ``size`` rows by ``keys`` and return the groups with their key columns."""
    coded = [(key.codes, len(key.values)) if isinstance(key, Words) else _coded(key) for key in keys.values()]
    groups = group_rows(coded, size)
    return groups, {name: _key_array(key, groups.first, name) for name, key in keys.items()}


def _coded(values: NDArray[np.integer]) -> tuple[NDArray[np.integer], int]:
    distinct, codes = np.unique(values, return_inverse=True)
    return codes, distinct.size


def _key_array(key: Words | I64, first: I64, name: str) -> pa.Array:
    if not isinstance(key, Words):
        return pa.array(key[first]).cast(pa.timestamp("s", "UTC"))
    values = pa.array(key.values, pa.string())
    if name == "user_id":  # too many values for a dictionary
        return values.take(pa.array(key.codes[first]))
    return pa.DictionaryArray.from_arrays(pa.array(key.codes[first]), values)


def table_batch(columns: dict[str, pa.Array], mark: Mark) -> pa.RecordBatch:
    """Return the rows with day and mark in front, without those in which everything cancelled."""
    day, log_source, end_offset = mark
    count = len(next(iter(columns.values())))
    applied = pa.MapArray.from_arrays(
        pa.array(np.arange(count + 1, dtype=np.int32)),
        pa.array(np.full(count, log_source, np.uint32)),
        pa.array(np.full(count, end_offset, np.int64)),
    )
    received_day = pa.array(np.full(count, day, np.int32)).cast(pa.date32())
    batch = pa.RecordBatch.from_pydict({"received_day": received_day, "applied": applied, **columns})
    stays = _stays(columns.values(), count)
    return batch if stays.all() else batch.filter(pa.array(stays))


def _stays(columns: Iterable[pa.Array], count: int) -> NDArray[np.bool_]:
    """Return which rows have a measure that is not zero."""
    stays = np.zeros(count, np.bool_)
    for column in columns:
        if pa.types.is_map(column.type):
            stays |= np.diff(column.offsets.to_numpy()) > 0
        elif pa.types.is_integer(column.type):
            stays |= column.to_numpy() != 0
        elif pa.types.is_decimal(column.type):
            words = np.frombuffer(column.buffers()[1], np.int64)[: 2 * count]
            stays |= (words[::2] != 0) | (words[1::2] != 0)
    return stays
