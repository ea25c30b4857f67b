"""Room in the tables of a memory: they begin small and double as a partition fills, so that many partitions fit.

An entry holds the hash that says where it lives, so it moves to a larger table without its key.
"""

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.jit import entry

__all__ = ["capacity_of", "with_room"]

LEAST = 4096  # entries


def capacity_of(entries: int) -> int:
    """Return the places of a table of so many entries at most: half as many again or more, a power of two."""
    return 1 << (3 * max(entries, LEAST) // 2 - 1).bit_length()


def with_room(tables: NDArray[np.uint64], entries: int) -> NDArray[np.uint64]:
    """Return tables (n, capacity) that have room for so many entries each: the same ones, or larger ones."""
    if tables.shape[1] >= capacity_of(entries):
        return tables
    larger = np.zeros((len(tables), capacity_of(entries)), np.uint64)
    _move(tables, larger)
    return larger


@entry
def _move(tables: NDArray[np.uint64], larger: NDArray[np.uint64]) -> None:
    mask = larger.shape[1] - 1
    for kind in range(tables.shape[0]):
        for place in range(tables.shape[1]):
            found = tables[kind, place]
            if found != 0:
                position = int(found >> np.uint64(32)) & mask
                while larger[kind, position] != 0:
                    position = (position + 1) & mask
                larger[kind, position] = found
