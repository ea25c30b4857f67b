"""Known attribute keys: from the bytes of a key to its index, in a kernel.

Open addressing over a 64-bit hash of the bytes; a hit is compared byte for byte, so that a collision is never taken
for a key. The table is fixed once built, so hostile keys cannot lengthen its probes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode._jit import kernel
from spanpulse_stream.decode._wire import word_at

__all__ = ["KeyArrays", "KeyTable", "find_key"]

_PRIME = np.uint64(0x9E3779B97F4A7C15)


class KeyArrays(NamedTuple):
    """A `KeyTable` as kernels take it. ``slots`` holds key indexes (-1 free), its size is a power of two."""

    slots: NDArray[np.int32]
    hashes: NDArray[np.uint64]
    lengths: NDArray[np.int64]
    starts: NDArray[np.int64]  # of the key's bytes in ``words``, a multiple of 8
    words: NDArray[np.uint64]


@kernel
def _last_word(words: NDArray[np.uint64], pos: int, size: int) -> np.uint64:
    """Return the ``size`` bytes (1 to 7) at ``pos``, the rest zero."""
    return word_at(words, pos) & ((np.uint64(1) << np.uint64(size << 3)) - np.uint64(1))


@kernel
def _mix(value: np.uint64, word: np.uint64) -> np.uint64:
    value = (value ^ word) * _PRIME
    return value ^ (value >> np.uint64(32))


@kernel
def _hash(words: NDArray[np.uint64], pos: int, length: int) -> np.uint64:
    value = np.uint64(length)
    stop = pos + (length & ~7)
    while pos < stop:
        value = _mix(value, word_at(words, pos))
        pos += 8
    if length & 7:
        value = _mix(value, _last_word(words, pos, length & 7))
    return value


@kernel
def _equal(words: NDArray[np.uint64], pos: int, others: NDArray[np.uint64], start: int, length: int) -> bool:
    stop = pos + (length & ~7)
    while pos < stop:
        if word_at(words, pos) != others[start >> 3]:
            return False
        pos += 8
        start += 8
    return length & 7 == 0 or _last_word(words, pos, length & 7) == others[start >> 3]


@kernel
def find_key(words: NDArray[np.uint64], pos: int, length: int, keys: KeyArrays) -> int:
    """Return the index of the key in the bytes ``pos:pos + length``, or -1. Cost: O(length)."""
    value = _hash(words, pos, length)
    mask = len(keys.slots) - 1
    slot = np.int64(value >> np.uint64(32)) & mask
    while True:
        found = np.int64(keys.slots[slot])
        if found < 0:
            return -1
        if (
            keys.hashes[found] == value
            and keys.lengths[found] == length
            and _equal(words, pos, keys.words, keys.starts[found], length)
        ):
            return found
        slot = (slot + 1) & mask


class KeyTable:
    """The attribute keys a batch is decoded with; ``keys[i]`` has index i.

    Raises ValueError if a key is given twice.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        self.index = {key: index for index, key in enumerate(self.keys)}
        if len(self.index) != len(self.keys):
            raise ValueError("a key table must not hold a key twice")
        encoded = [key.encode() for key in self.keys]
        padded = [key.ljust((len(key) + 7) & ~7, b"\0") for key in encoded]
        words = np.frombuffer(b"".join([*padded, bytes(16)]), np.uint64)
        starts = np.zeros(len(padded) + 1, np.int64)
        np.cumsum([len(key) for key in padded], out=starts[1:])
        lengths = np.array([len(key) for key in encoded], np.int64)
        hashes = [_hash(words, int(start), len(key)) for start, key in zip(starts, encoded, strict=False)]
        self.arrays = KeyArrays(_slots(hashes), np.array(hashes, np.uint64), lengths, starts[:-1].copy(), words)

    def __len__(self) -> int:
        return len(self.keys)


def _slots(hashes: Sequence[np.uint64]) -> NDArray[np.int32]:
    """Place the keys in a table that is at most a quarter full."""
    slots = np.full(1 << (4 * len(hashes) + 1).bit_length(), -1, np.int32)
    mask = len(slots) - 1
    for index, value in enumerate(hashes):
        slot = (int(value) >> 32) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = index
    return slots
