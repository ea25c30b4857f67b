"""Messages to bytes and back: bodies as zstd frames with a checksum, headers as a run of length-prefixed fields.

Level 1 shrinks spans to a third at 170 to 250 MB/s. A compressor belongs to one thread at a time.
"""

from collections.abc import Iterator
from typing import Final

import zstandard

__all__ = ["BodyDamaged", "BodyPacker", "BodyUnpacker", "pack_headers", "unpack_headers"]

LEVEL: Final = 1
LENGTH: Final = 4  # bytes of a length


class BodyDamaged(ValueError):
    """A stored body is not the one that was packed."""


class BodyPacker:
    """Compresses bodies; releases the GIL while it does."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)

    def pack(self, body: bytes) -> bytes:
        """Return a body as one zstd frame with its size and checksum."""
        return self._compressor.compress(body)


class BodyUnpacker:
    """Decompresses bodies; releases the GIL while it does."""

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor()

    def unpack(self, packed: bytes, size: int) -> bytes:
        """Return the body of ``size`` bytes. Raises BodyDamaged."""
        try:
            if zstandard.frame_content_size(packed) != size:
                raise BodyDamaged(f"the frame does not hold {size} bytes")
            return self._decompressor.decompress(packed)
        except zstandard.ZstdError as error:
            raise BodyDamaged(str(error)) from None


def pack_headers(headers: tuple[tuple[str, bytes], ...]) -> bytes:
    """Return names and values, each behind its length."""
    fields = (field for name, value in headers for field in (name.encode(), value))
    return b"".join(len(field).to_bytes(LENGTH, "little") + field for field in fields)


def unpack_headers(packed: bytes) -> tuple[tuple[str, bytes], ...]:
    """Return what `pack_headers` was given. Raises BodyDamaged."""
    fields = list(_fields(packed))
    if len(fields) % 2:
        raise BodyDamaged("a header has no value")
    return tuple((name.decode(errors="replace"), value) for name, value in zip(fields[::2], fields[1::2], strict=True))


def _fields(packed: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(packed):
        end = place + LENGTH + int.from_bytes(packed[place : place + LENGTH], "little")
        if end > len(packed):
            raise BodyDamaged("the headers end early")
        yield packed[place + LENGTH : end]
        place = end
