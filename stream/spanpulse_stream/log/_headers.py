"""Headers to bytes and back, as a run of length-prefixed fields."""

from collections.abc import Iterator
from typing import Final

__all__ = ["pack_headers", "unpack_headers"]

LENGTH: Final = 4  # bytes of a length


def pack_headers(headers: tuple[tuple[str, bytes], ...]) -> bytes:
    """Return names and values, each behind its length."""
    fields = (field for name, value in headers for field in (name.encode(), value))
    return b"".join(len(field).to_bytes(LENGTH, "little") + field for field in fields)


def unpack_headers(packed: bytes) -> tuple[tuple[str, bytes], ...]:
    """Return what `pack_headers` was given. Raises ValueError for other bytes."""
    fields = list(_fields(packed))
    if len(fields) % 2:
        raise ValueError("a header has no value")
    return tuple((name.decode(), value) for name, value in zip(fields[::2], fields[1::2], strict=True))


def _fields(packed: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(packed):
        start = place + LENGTH
        place = start + int.from_bytes(packed[start - LENGTH : start], "little")
        if place > len(packed):
            raise ValueError("the headers end early")
        yield packed[start:place]
