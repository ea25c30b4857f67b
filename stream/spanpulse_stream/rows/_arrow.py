"""Columns of the steps as Arrow arrays that an insert takes: words, numbers, money, times and ids, from buffers.

Words become dictionary arrays where the table has LowCardinality. No row costs a Python object.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Numbers, Words

__all__ = ["booleans", "hexadecimal", "integers", "money", "named", "plain", "present", "text", "times"]

MONEY = pa.decimal128(38, 12)
HEX_PAIRS = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint16)


def named(words: Words) -> pa.Array:
    """Return words as a dictionary array, NULL where a row is NULL."""
    codes, values = _distinct(words)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), values)


def present(words: Words) -> pa.Array:
    """Return words as a dictionary array, '' where a row is NULL: for columns that are not Nullable."""
    codes, values = _distinct(Words(words.codes + np.int32(1), ["", *words.values]))
    return pa.DictionaryArray.from_arrays(pa.array(codes), values)


def text(words: Words) -> pa.Array:
    """Return words as plain strings, for columns with many values."""
    codes = pa.array(words.codes, mask=words.codes < 0)
    return pa.array(words.values, pa.string()).take(codes)


def integers(numbers: Numbers) -> pa.Array:
    """Return numbers as int64."""
    return pa.array(numbers.values, mask=~numbers.valid)


def booleans(numbers: Numbers) -> pa.Array:
    """Return numbers as bool: anything but 0 is true."""
    return pa.array(numbers.values != 0, mask=~numbers.valid)


def money(numbers: Numbers) -> pa.Array:
    """Return amounts of 1e-12 as Decimal(38, 12)."""
    words = np.empty((numbers.values.size, 2), np.int64)
    words[:, 0] = numbers.values
    words[:, 1] = numbers.values >> 63
    valid = pa.array(numbers.valid).buffers()[1]
    return pa.Array.from_buffers(MONEY, numbers.values.size, [valid, pa.py_buffer(words)])


def times(values: NDArray[np.int64], unit: str) -> pa.Array:
    """Return times since the epoch in ``unit`` (ns, ms) as UTC timestamps."""
    return pa.array(values).view(pa.timestamp(unit, "UTC"))


def hexadecimal(ids: NDArray[np.uint64], *, absent: bool = False) -> pa.Array:
    """Return ids, (n,) or (n, words), as lowercase hex of full width; with ``absent`` 0 is NULL."""
    count = len(ids)
    width = 16 if ids.ndim == 1 else 16 * ids.shape[1]
    digits = HEX_PAIRS[np.ascontiguousarray(ids).astype(">u8").view(np.uint8).ravel()]
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    valid = None
    if absent:
        valid = pa.array(ids.reshape(count, width // 16).any(axis=1)).buffers()[1]
    return pa.Array.from_buffers(pa.string(), count, [valid, pa.py_buffer(offsets), pa.py_buffer(digits)])


def plain(array: pa.Array) -> pa.Array:
    """Return a list or map column with an empty one for each NULL: an Array or Map column has no NULL."""
    return array.fill_null([]) if array.null_count else array


def _distinct(words: Words) -> tuple[NDArray[np.int32], pa.Array]:
    """Return codes and dictionary with each value once: a dictionary that repeats one is not LowCardinality's."""
    if len(set(words.values)) == len(words.values):
        return words.codes, pa.array(words.values, pa.string())
    places: dict[str, int] = {}
    table = np.array([*(places.setdefault(value, len(places)) for value in words.values), -1], np.int32)
    return table[words.codes], pa.array(list(places), pa.string())
