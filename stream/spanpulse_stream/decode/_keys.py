"""Known attribute keys: from the bytes of a key to its index, in a kernel.

Open addressing over a 64-bit hash of the bytes; a hit is compared byte for byte, so that a collision is never taken
for a key. The table is fixed once built, so hostile keys cannot lengthen its probes.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from spanpulse_stream.decode._memory import PADDING, Buffer, word_at
from spanpulse_stream.jit import kernel

__all__ = ["KeyTable", "KeyView", "find_key"]

_PRIME: Final = -0x61C8864680B583EB  # 2**64 / golden ratio, as int64
_ENTRY: Final = 24  # bytes of an entry: hash, length, position of the key's bytes


class KeyView(NamedTuple):
    """A `KeyTable` as kernels take it; the table must outlive it.

    The buffer holds int64 slots (the position of an entry, 0: free), the entries, and the keys, zero-padded to words.
    """

    buffer: Buffer
    mask: int
    first_entry: int


@kernel
def _last_word(buffer: Buffer, pos: int, size: int) -> int:
    """Return the ``size`` bytes (1 to 7) at ``pos``, the rest zero."""
    return word_at(buffer, pos) & ((1 << (size << 3)) - 1)


@kernel
def _mix(value: int, word: int) -> int:
    value = (value ^ word) * _PRIME
    return value ^ (value >> 32)


@kernel
def _hash(buffer: Buffer, pos: int, length: int) -> int:
    value = length
    stop = pos + (length & ~7)
    while pos < stop:
        value = _mix(value, word_at(buffer, pos))
        pos += 8
    return _mix(value, _last_word(buffer, pos, length & 7)) if length & 7 else value


@kernel
def _slot(value: int, mask: int) -> int:
    """Return where the probes for a hash begin; the last byte of a key shows in its bits 24 to 31 only."""
    return ((value * _PRIME) >> 40) & mask


@kernel
def _equal(buffer: Buffer, pos: int, length: int, other: Buffer, start: int) -> bool:
    """Compare with a zero-padded key."""
    stop = pos + (length & ~7)
    while pos < stop:
        if word_at(buffer, pos) != word_at(other, start):
            return False
        pos += 8
        start += 8
    return length & 7 == 0 or _last_word(buffer, pos, length & 7) == word_at(other, start)


@kernel
def find_key(buffer: Buffer, pos: int, length: int, keys: KeyView) -> int:
    """Return the index of the key in the bytes ``pos:pos + length`` of ``buffer``, or -1. Cost: O(length)."""
    value = _hash(buffer, pos, length)
    slot = _slot(value, keys.mask)
    while True:
        entry = word_at(keys.buffer, slot << 3)
        if entry == 0:
            return -1
        if (
            word_at(keys.buffer, entry) == value
            and word_at(keys.buffer, entry + 8) == length
            and _equal(buffer, pos, length, keys.buffer, word_at(keys.buffer, entry + 16))
        ):
            return (entry - keys.first_entry) // _ENTRY
        slot = (slot + 1) & keys.mask


class KeyTable:
    """The attribute keys a batch is decoded with; ``keys[i]`` has index i, and ``view`` goes to the kernels.

    Raises ValueError if a key is given twice.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        self.index = {key: index for index, key in enumerate(self.keys)}
        if len(self.index) != len(self.keys):
            raise ValueError("a key table must not hold a key twice")
        encoded = [key.encode() for key in self.keys]
        padded = [key.ljust((len(key) + 7) & ~7, b"\0") for key in encoded]
        slots = np.zeros(1 << (4 * len(encoded) + 1).bit_length(), np.int64)
        entries = np.zeros((len(encoded), 3), np.int64)
        first_key = slots.nbytes + entries.nbytes
        entries[:, 1] = [len(key) for key in encoded]
        entries[:, 2] = first_key + np.cumsum([0, *map(len, padded)])[: len(encoded)]
        text = _padded(b"".join(padded))
        mask = len(slots) - 1
        for index, entry in enumerate(entries):
            entry[0] = _hash(Buffer.of(text), int(entry[2]) - first_key, int(entry[1]))
            slot = _slot(int(entry[0]), mask)
            while slots[slot]:
                slot = (slot + 1) & mask
            slots[slot] = slots.nbytes + index * _ENTRY
        self._memory = _padded(slots.tobytes() + entries.tobytes() + b"".join(padded))
        self.view = KeyView(Buffer.of(self._memory), mask, slots.nbytes)

    def __len__(self) -> int:
        return len(self.keys)


def _padded(content: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(content + bytes(PADDING), np.uint8)
