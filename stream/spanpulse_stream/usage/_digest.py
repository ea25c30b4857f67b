"""Hashes that stand for texts: response ids, processes, models, providers.

They are written to `seen` and read back by later versions, so they never change without a new column. A response
id becomes 128 bits, mixed with its tenant: two different ids of 500,000 meet with odds below 1 in 10^27, and never
across tenants, which are compared exactly. It is no cryptographic hash: who sets out to can make ids of their own
tenant collide, and harms nobody else.

An id is the provider's word for one call, whatever dialect names the provider, so the provider takes no part. Some
local servers number their responses at random below 1,000 (`chatcmpl-417`); an id that is so short names a call
only within its trace. Not guaranteed: calls of one trace that such a server gave the same number.
"""

from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.jit import entry, helper

__all__ = ["SHORT_ID", "SHORT_NUMBER", "mix_columns", "response_digests", "text_hash", "word_hashes"]

SHORT_ID, SHORT_NUMBER = 20, 6
"""An id of fewer bytes, of which fewer stand behind the last - or _, is a number that many responses may have."""


def text_hash(text: str) -> int:
    """Return 64 bits for ``text``, the same in every process."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def word_hashes(words: Words) -> NDArray[np.uint64]:
    """Return ``text_hash`` of each row, 0 for NULL."""
    table = np.zeros(len(words.values) + 1, np.uint64)  # the last one is that of code -1
    for code in np.unique(words.codes[words.codes >= 0]).tolist():
        table[code] = text_hash(words.values[code])
    return table[words.codes]


def mix_columns(*columns: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a hash of the rows of several hash columns; the order of the columns matters."""
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
    return mixed


@helper
def _mix(value: np.uint64, word: np.uint64, factor: np.uint64) -> np.uint64:
    """Fold a word in. Two rounds: after one, what differs in a high byte of a word could be undone by the next word."""
    value = (value ^ word) * factor
    value = (value ^ (value >> np.uint64(32))) * np.uint64(0xFF51AFD7ED558CCD)
    return value ^ (value >> np.uint64(29))


@helper
def _is_short(data: NDArray[np.uint8], start: int, end: int) -> bool:
    if end - start >= SHORT_ID:
        return False
    number = 0
    while number < end - start and data[end - 1 - number] not in (0x2D, 0x5F):  # - _
        number += 1
    return bool(number < SHORT_NUMBER)


@entry
def _digest(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    tenants: NDArray[np.uint64],
    traces: NDArray[np.uint64],
    out: NDArray[np.uint64],
) -> None:
    one, two = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
    for row in range(tenants.size):
        start, end = offsets[row], offsets[row + 1]
        if end <= start:
            continue
        length = np.uint64(end - start)
        high, low = _mix(tenants[row], length, one), _mix(tenants[row] ^ two, length, two)
        if _is_short(data, start, end):
            for part in range(2):
                high, low = _mix(high, traces[row, part], one), _mix(low, traces[row, part], two)
        word, filled = np.uint64(0), 0
        for index in range(start, end):
            word |= np.uint64(data[index]) << np.uint64(8 * filled)
            filled += 1
            if filled == 8 or index == end - 1:
                turned = (word << np.uint64(29)) | (word >> np.uint64(35))
                high, low = _mix(high, word, one), _mix(low, turned, two)
                word, filled = np.uint64(0), 0
        # Each by itself: mixed with one another, both would hold the same 64 bits.
        out[row, 0] = _mix(high, one, two)
        out[row, 1] = _mix(low, two, one) | np.uint64(1)  # never (0, 0), which means none


def response_digests(ids: pa.Array, tenants: NDArray[np.uint64], trace_id: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return (n, 2) hashes of a string column of response ids, (0, 0) where there is none or it is empty."""
    out = np.zeros((len(ids), 2), np.uint64)
    if len(ids) == 0 or ids.null_count == len(ids):
        return out
    plain = ids.cast(pa.string()).fill_null("")
    _, offsets, data = plain.buffers()
    if data is not None and len(data):
        starts = np.frombuffer(offsets, np.int32)[plain.offset : plain.offset + len(ids) + 1]
        _digest(np.frombuffer(data, np.uint8), starts, tenants, trace_id, out)
    return out
