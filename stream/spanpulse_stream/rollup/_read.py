"""Columns of a table that was read back, as numbers; and columns of one name joined."""

from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Numbers, Words
from spanpulse_stream.rollup._words import concat_words

__all__ = ["booleans_of", "integers_of", "join_columns", "money_of", "times_of"]


def times_of(column: pa.ChunkedArray, unit: str) -> NDArray[np.int64]:
    """Return a timestamp column as integers of ``unit``."""
    values = column.combine_chunks().cast(pa.timestamp(unit, "UTC")).cast(pa.int64())
    return cast(NDArray[np.int64], values.to_numpy(zero_copy_only=False))


def integers_of(column: pa.ChunkedArray) -> Numbers:
    """Return an integer column."""
    array = column.combine_chunks().cast(pa.int64())
    return Numbers(array.fill_null(0).to_numpy(zero_copy_only=False), _valid(array))


def booleans_of(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return a boolean column without NULLs."""
    return cast(NDArray[np.bool_], column.combine_chunks().cast(pa.bool_()).to_numpy(zero_copy_only=False))


def money_of(column: pa.ChunkedArray) -> Numbers:
    """Return Decimal(38, 12) as 1e-12 USD; a stored cost fits in 64 bits, because it was made from an int64."""
    array = column.combine_chunks()
    filled = array.fill_null(0)
    words = np.frombuffer(filled.buffers()[1], np.int64) if len(filled) else np.zeros(0, np.int64)
    first = 2 * filled.offset
    return Numbers(words[first : first + 2 * len(filled) : 2], _valid(array))


def join_columns(parts: list[Any]) -> Any:
    """Return columns of one kind, one after the other."""
    first = parts[0]
    if isinstance(first, Words):
        return concat_words(parts)
    if isinstance(first, Numbers):
        return Numbers(np.concatenate([p.values for p in parts]), np.concatenate([p.valid for p in parts]))
    if isinstance(first, pa.Array):
        return pa.concat_arrays([part.cast(first.type) for part in parts])
    return np.concatenate(parts)


def _valid(array: pa.Array) -> NDArray[np.bool_]:
    return cast(NDArray[np.bool_], array.is_valid().to_numpy(zero_copy_only=False))
