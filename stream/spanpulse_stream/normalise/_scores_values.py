"""Values of a score's attributes: as texts, as numbers, and as the maps of experiments and of what has no column.

A value that is no text is written as JSON has it (true, 7, 0.25, [1, 2]); bytes as base64.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.decode import Attributes, Value, ValueKind, Values, decode_value
from spanpulse_stream.normalise._json import scalar_text
from spanpulse_stream.normalise._logs_keys import EXPERIMENT
from spanpulse_stream.normalise._logs_slots import Slots
from spanpulse_stream.normalise._pool import ABSENT, Pool

__all__ = ["MAP", "attribute_pairs", "number_of", "place_texts", "score_values", "split_maps"]

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

MAP: Final = pa.map_(pa.string(), pa.string())
Pairs = list[tuple[str, str]]


def place_texts(values: Values, rows: NDArray[np.integer], pool: Pool) -> tuple[I64, I32]:
    """Return offset and length of the value in each row as text, `ABSENT` where the row is -1."""
    offset, length = np.zeros(len(rows), np.int64), np.full(len(rows), ABSENT, np.int32)
    there = np.flatnonzero(rows >= 0)
    offset[there], length[there] = values.offset[rows[there]], values.length[rows[there]]
    for place in there[values.kind[rows[there]] != ValueKind.STRING].tolist():
        offset[place], length[place] = pool.add(scalar_text(_value(values, int(rows[place]), pool)))
    return offset, length


def _value(values: Values, row: int, pool: Pool) -> Value:
    offset, length, number = int(values.offset[row]), int(values.length[row]), int(values.number[row])
    return decode_value(pool.data, int(values.kind[row]), offset, length, number)


def score_values(values: Values, rows: I32, pool: Pool) -> pa.Array:
    """Return float64, NULL where the row is -1 or its value is NaN or no number."""
    numbers = np.full(len(rows), np.nan)
    there = np.flatnonzero(rows >= 0)
    kind, bits = values.kind[rows[there]], values.number[rows[there]]
    doubles, texts = kind == ValueKind.DOUBLE, kind == ValueKind.STRING
    numbers[there] = np.where(doubles, bits.view(np.float64), bits.astype(np.float64))
    for place in there[texts].tolist():
        offset, length = values.offset[rows[place]], values.length[rows[place]]
        numbers[place] = _number(pool.text(int(offset), int(length)))
    return pa.array(numbers, from_pandas=True)


def number_of(value: Value) -> float:
    """Return the number that a value is or holds as a text, NaN where it is none."""
    if isinstance(value, str):
        return _number(value.encode())
    return float(value) if isinstance(value, int | float) else np.nan


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def attribute_pairs(attributes: Attributes, records: I64, taken: Slots, pool: Pool) -> list[Pairs]:
    """Return the attributes of each record as texts, without those whose rows are ``taken``."""
    first, size = attributes.start[records], np.diff(attributes.start)[records]
    bounds = np.concatenate([[0], np.cumsum(size)])
    rows = np.arange(bounds[-1]) + np.repeat(first - bounds[:-1], size)
    keys = pool.strings(attributes.key_offset[rows], attributes.key_length[rows]).to_pylist()
    texts = pool.strings(*place_texts(attributes.value, rows, pool)).to_pylist()
    left = (~np.isin(rows, taken)).tolist()
    found = []
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        # What a key had before it was repeated is no attribute of its own.
        last = {keys[index]: index for index in range(start, end)}
        found.append([(key, texts[index]) for key, index in last.items() if left[index]])
    return found


def split_maps(found: Sequence[Pairs]) -> tuple[pa.Array, pa.Array]:
    """Return the experiments of each record by their names, and its other attributes, as map<string, string>."""
    return pa.array(map(_experiments, found), MAP), pa.array(map(_others, found), MAP)


def _experiments(pairs: Pairs) -> Pairs:
    return [(key.removeprefix(EXPERIMENT), value) for key, value in pairs if key.startswith(EXPERIMENT)]


def _others(pairs: Pairs) -> Pairs:
    return [(key, value) for key, value in pairs if not key.startswith(EXPERIMENT)]
