"""Which partition a message goes to when an agent sends it with a key alone."""

import zlib

__all__ = ["partition_of_key"]


def partition_of_key(key: bytes | None, partitions: int) -> int:
    """Return the partition of a key: the same for the same number of partitions, on every machine."""
    return zlib.crc32(key or b"") % partitions
