"""Files that are compressed, gzip or zstd, of any number of members or frames, read as what they hold.

Reads are bounded whatever a stream grows to. A stream that ends early or breaks gives all that came before, then says
so in ``torn``; that is no error here. What is read depends on the file's bytes alone, never on how they are asked for.
"""

import zlib
from typing import Final

from backports import zstd

from spanpulse_stream.importing._errors import Torn
from spanpulse_stream.importing._pieces import Reads

__all__ = ["GZIP", "ZSTD", "Inflated", "inflated", "unpacked"]

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
SLICE: Final = 64 * 1024
STEP: Final = 1024 * 1024  # bytes that one step may give at most
MOST_FRAMES: Final = 64  # of one message; the Collector writes one
ERRORS: Final = (zlib.error, zstd.ZstdError)


class _Gzip:
    """One member of a gzip file; ``rest`` is what stands behind it, ``hungry`` says that more input is wanted."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(31)
        self._left = b""
        self.hungry = True

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def rest(self) -> bytes:
        return self._stream.unused_data

    def give(self, data: bytes) -> bytes:
        """Decompress, and return at most STEP bytes; what was taken in and not used yet is remembered."""
        piece = self._stream.decompress(self._left + data, STEP)
        self._left = self._stream.unconsumed_tail
        self.hungry = not self._left and len(piece) < STEP
        return piece


class _Zstd:
    """One frame of a zstd file, with the same interface."""

    def __init__(self) -> None:
        self._stream = zstd.ZstdDecompressor()

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def rest(self) -> bytes:
        return self._stream.unused_data

    @property
    def hungry(self) -> bool:
        return self._stream.needs_input

    def give(self, data: bytes) -> bytes:
        """Decompress, and return at most STEP bytes."""
        return self._stream.decompress(data, STEP)


KINDS: Final[dict[bytes, type[_Gzip] | type[_Zstd]]] = {GZIP: _Gzip, ZSTD: _Zstd}


class Inflated:
    """What a compressed file holds, from ``file`` as it stands; ``read`` gives none at the end.

    ``torn`` says, at the end, where and why it ended early, None if it did not.
    """

    def __init__(self, file: Reads, magic: bytes) -> None:
        self._file = file
        self._kind = KINDS[magic]
        self._magic = magic
        self._stream: _Gzip | _Zstd = self._kind()
        self._input = b""
        self._taken = 0
        self._ended = False
        self._begun = False
        self.torn: Torn | None = None

    def read(self, _size: int = STEP) -> bytes:
        """Return the next bytes, at most 1 MiB; none at the end."""
        while not self._ended:
            try:
                piece = self._step()
            except ERRORS as error:
                self._stop(f"the compressed data are damaged ({error})")
                return b""
            if piece:
                return piece
        return b""

    def _step(self) -> bytes:
        if self._stream.eof:
            self._next_member()
            return b""
        if self._stream.hungry and not self._input:
            self._input = self._file.read(SLICE)
            self._taken += len(self._input)
            if not self._input:
                self._finish()
                return b""
        data, self._input = self._input, b""
        self._begun = self._begun or bool(data)
        return self._stream.give(data)

    def _next_member(self) -> None:
        """Go on behind the end of a member; zeros there are padding."""
        self._input = self._stream.rest.lstrip(b"\0") if self._kind is _Gzip else self._stream.rest
        self._stream, self._begun = self._kind(), False

    def _finish(self) -> None:
        if self._begun:
            self._stop("the compressed data end early")
        self._ended = True

    def _stop(self, reason: str) -> None:
        self._ended = True
        self.torn = Torn(f"byte {self._taken} of the compressed file", reason)


def inflated(file: Reads, begin: bytes) -> Inflated | None:
    """Return ``file`` decompressed, if its first bytes ``begin`` say that it is compressed."""
    magic = next((magic for magic in KINDS if begin.startswith(magic)), None)
    return Inflated(file, magic) if magic else None


def unpacked(data: bytes, most: int) -> bytes:
    """Return a message that was compressed by itself, or as it is. Raises ValueError where it is more than ``most``."""
    parts, size = list[bytes](), 0
    while data.startswith(ZSTD) or parts:
        stream = zstd.ZstdDecompressor()
        try:
            parts.append(stream.decompress(data, most + 1 - size))
        except zstd.ZstdError as error:
            raise ValueError(f"it is not valid zstd ({error})") from None
        size += len(parts[-1])
        if size > most:
            raise ValueError(f"it is more than {most} bytes when decompressed")
        if not stream.eof:
            raise ValueError("its zstd frame ends early")
        data = stream.unused_data
        if not data:
            return b"".join(parts)
        if len(parts) == MOST_FRAMES:
            raise ValueError(f"it has more than {MOST_FRAMES} frames of zstd")
    return data
