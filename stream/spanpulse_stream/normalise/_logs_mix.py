"""Two lanes of 64 bits that words are folded into, for kernels. Not for secrets: who wants a collision finds one.

The hashes are stored, so what is here never changes.
"""

from typing import Final, TypeAlias

import numpy as np

from spanpulse_stream.decode._memory import Buffer, byte_at, word_at
from spanpulse_stream.jit import helper

__all__ = ["SEED", "Hash", "finish", "hash_bytes", "mix", "mix_hash"]

Hash: TypeAlias = tuple[np.uint64, np.uint64]

SEED: Final = (np.uint64(0x2545F4914F6CDD1D), np.uint64(0xD6E8FEB86659FD93))
_FIRST: Final = np.uint64(0x9E3779B97F4A7C15)
_SECOND: Final = np.uint64(0xC2B2AE3D27D4EB4F)


@helper
def mix(state: Hash, word: np.uint64) -> Hash:
    """Fold a word into both lanes; the second sees it turned, so that no pair of words cancels in both."""
    high = (state[0] ^ word) * _FIRST
    turned = (word << np.uint64(29)) | (word >> np.uint64(35))
    low = (state[1] ^ turned) * _SECOND
    return high ^ (high >> np.uint64(32)), low ^ (low >> np.uint64(29))


@helper
def mix_hash(state: Hash, other: Hash) -> Hash:
    """Fold another hash in."""
    return mix(mix(state, other[0]), other[1])


@helper
def finish(state: Hash) -> Hash:
    """Spread the word that came last over all bits, so that hashes may be added up."""
    return mix_hash(state, SEED)


@helper
def hash_bytes(buffer: Buffer, pos: int, length: int, state: Hash) -> Hash:
    """Fold a piece of the buffer in, its length first."""
    state = mix(state, np.uint64(length))
    stop = pos + (length & ~7)
    while pos < stop:
        state = mix(state, np.uint64(word_at(buffer, pos)))
        pos += 8
    if length & 7:
        last = 0
        for index in range(length & 7):
            last |= byte_at(buffer, pos + index) << (8 * index)
        state = mix(state, np.uint64(last))
    return state
