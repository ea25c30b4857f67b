"""Kernel that tells valid UTF-8: RFC 3629, as protobuf has it (no surrogates, no overlong forms, to U+10FFFF).

ASCII is passed eight bytes at a time. Nothing is normalised, and U+0000 is valid.
"""

from typing import Final

from spanpulse_stream.decode._memory import Buffer, byte_at, word_at
from spanpulse_stream.jit import kernel

HIGH_BITS: Final = -0x7F7F7F7F7F7F7F80  # 0x8080808080808080 as int64


@kernel
def skip_ascii(buffer: Buffer, pos: int, end: int) -> int:
    """Return the position of a byte >= 0x80, or at most 7 bytes before it, or ``end`` if there is none."""
    while pos + 8 <= end:
        if word_at(buffer, pos) & HIGH_BITS:
            return pos
        pos += 8
    if pos < end and word_at(buffer, pos) & HIGH_BITS & ((1 << ((end - pos) << 3)) - 1):
        return pos
    return end


@kernel
def is_utf8(buffer: Buffer, pos: int, end: int) -> bool:
    """Tell whether the bytes ``pos:end`` are valid UTF-8."""
    pos = skip_ascii(buffer, pos, end)
    while pos < end:
        lead = byte_at(buffer, pos)
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
        second = byte_at(buffer, pos)
        if second < low or second > high:
            return False
        for index in range(pos + 1, pos + follow):
            if byte_at(buffer, index) & 0xC0 != 0x80:
                return False
        pos += follow
        if pos < end and byte_at(buffer, pos) < 0x80:
            pos = skip_ascii(buffer, pos, end)
    return True
