"""Kernel that tells valid UTF-8: RFC 3629, as protobuf has it (no surrogates, no overlong forms, to U+10FFFF).

ASCII is passed eight bytes at a time. Nothing is normalised, and U+0000 is valid.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode._jit import kernel

HIGH_BITS: Final = np.uint64(0x8080808080808080)


@kernel
def is_ascii(words: NDArray[np.uint64], pos: int, end: int) -> bool:
    """Tell whether no byte of ``pos:end`` has its high bit set."""
    if pos >= end:
        return True
    first = pos >> 3
    last = (end - 1) >> 3
    head = HIGH_BITS << np.uint64((pos & 7) << 3)
    tail = HIGH_BITS >> np.uint64((7 - ((end - 1) & 7)) << 3)
    if first == last:
        return words[first] & head & tail == np.uint64(0)
    bits = (words[first] & head) | (words[last] & tail)
    for index in range(first + 1, last):
        bits |= words[index] & HIGH_BITS
    return bits == np.uint64(0)


@kernel
def is_utf8(data: NDArray[np.uint8], words: NDArray[np.uint64], pos: int, end: int) -> bool:
    """Tell whether the bytes ``pos:end`` are valid UTF-8."""
    if is_ascii(words, pos, end):
        return True
    while pos < end:
        lead = data[pos]
        pos += 1
        if lead < 0x80:
            continue
        if lead < 0xC2 or lead > 0xF4:
            return False
        follow = 1 if lead < 0xE0 else (2 if lead < 0xF0 else 3)
        if follow > end - pos:
            return False
        low, high = 0x80, 0xBF
        if lead == 0xE0:
            low = 0xA0
        elif lead == 0xED:
            high = 0x9F
        elif lead == 0xF0:
            low = 0x90
        elif lead == 0xF4:
            high = 0x8F
        if data[pos] < low or data[pos] > high:
            return False
        for index in range(pos + 1, pos + follow):
            if data[index] & 0xC0 != 0x80:
                return False
        pos += follow
    return True
