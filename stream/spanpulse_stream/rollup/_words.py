"""Small operations on coded words: no NULLs, one code a value, rows picked, columns joined.

Everything works on the dictionary, not on the rows. A dictionary may hold values that no row uses.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Words

__all__ = ["coalesce", "concat_words", "dimension", "take", "words_of", "words_where"]


def dimension(words: Words) -> Words:
    """Return the same rows with '' for NULL and with each value once in the dictionary."""
    positions: dict[str, int] = {"": 0}
    table = np.array([0, *(positions.setdefault(value, len(positions)) for value in words.values)], np.int32)
    return Words(table[words.codes + 1], list(positions))


def take(words: Words, rows: NDArray[np.integer]) -> Words:
    """Return the rows picked by index."""
    return Words(words.codes[rows], words.values)


def coalesce(first: Words, second: Words) -> Words:
    """Return the rows of ``first``, and of ``second`` where those are NULL."""
    moved = np.where(second.codes < 0, -1, second.codes + len(first.values))
    return Words(np.where(first.codes < 0, moved, first.codes).astype(np.int32), first.values + second.values)


def concat_words(parts: Sequence[Words]) -> Words:
    """Return the rows of all parts, one after the other."""
    codes: list[NDArray[np.int32]] = []
    values: list[str] = []
    for part in parts:
        codes.append(np.where(part.codes < 0, -1, part.codes + len(values)).astype(np.int32))
        values += part.values
    return Words(np.concatenate(codes), values)


def words_of(column: pa.ChunkedArray | pa.Array) -> Words:
    """Return an Arrow string column (dictionary-coded or not) as words."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Words(codes.astype(np.int32), array.dictionary.to_pylist())


def words_where(words: Words, wanted: set[str]) -> NDArray[np.bool_]:
    """Return which rows hold one of the wanted values; NULL is none of them."""
    hit = np.array([*(value in wanted for value in words.values), False], np.bool_)
    return hit[words.codes]
