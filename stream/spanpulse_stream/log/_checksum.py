"""A checksum over all of a message, so that what a disk changed is not taken for what was sent.

CRC-32: finds what hardware does wrong, not what somebody does on purpose.
"""

import zlib

__all__ = ["checksum"]


def checksum(offset: int, appended_at: int, records: int, key: bytes, headers: bytes, body: bytes) -> int:
    """Return 32 bits. Raises TypeError for values of other types, as a damaged row may hold."""
    numbers = b"%d %d %d %d %d" % (offset, appended_at, records, len(key), len(headers))
    return zlib.crc32(body, zlib.crc32(numbers + key + headers))
