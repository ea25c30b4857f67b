"""Bodies as an HTTP client takes them off the line: decompressed, up to a bound.

gzip and deflate are always read; zstd and br by the package that the client itself needs to ask for them. Guarantee: at
most `MOST` bytes come out; of a body that is cut off, damaged or longer what is there before that.
"""

import zlib
from collections.abc import Callable
from typing import Any, Final

from spanpulse._log import say_once

__all__ = ["MOST", "inflated"]

MOST: Final = 8 << 20
STEP: Final = 16  # bytes that br before 1.2 is given at once, for it bounds nothing itself: some blocks of 16 MB each


def inflated(body: bytes, encoding: str) -> bytes:
    """Return a body whose header `content-encoding` is ``encoding``; nothing of one that cannot be read."""
    for each in reversed(encoding.split(",")):  # the last one was applied last
        body = _inflated(body, each.strip().lower())
    return body


def _inflated(body: bytes, encoding: str) -> bytes:
    read = READERS.get(encoding)
    if read is None:
        return body
    try:
        return read(body)
    except ImportError:
        say_once(f"answers that are compressed by {encoding} cannot be read: the package for it is missing")
    except Exception as error:  # noqa: BLE001 -- each package has errors of its own
        say_once(f"an answer that is compressed by {encoding} cannot be read ({type(error).__name__})")
    return b""


def _gzip(body: bytes) -> bytes:
    return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, MOST)


def _deflate(body: bytes) -> bytes:
    try:
        return _gzip(body)
    except zlib.error:  # servers that took RFC 9110 for RFC 1951
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, MOST)


def _zstd(body: bytes) -> bytes:
    made = bytearray()
    while body and len(made) < MOST:  # frame by frame
        one = _zstd_decompressor()
        made += one.decompress(body, MOST - len(made))
        body = one.unused_data
    return bytes(made)


def _zstd_decompressor() -> Any:
    try:
        from compression.zstd import ZstdDecompressor  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415
    except ImportError:
        try:
            from backports.zstd import ZstdDecompressor  # type: ignore[no-redef, unused-ignore]  # noqa: PLC0415
        except ImportError:
            return _Zstandard()
    return ZstdDecompressor()


class _Zstandard:
    """The package zstandard with the methods of the standard library's."""

    unused_data = b""

    def decompress(self, body: bytes, most: int) -> bytes:
        import zstandard  # noqa: PLC0415

        made: bytes = zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True).read(most)
        return made


def _br(body: bytes) -> bytes:
    try:
        import brotli  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415
    except ImportError:
        import brotlicffi as brotli  # type: ignore[import-not-found, no-redef, unused-ignore]  # noqa: PLC0415
    one = brotli.Decompressor()
    read: Callable[..., bytes] = getattr(one, "process", None) or one.decompress
    try:
        return bytes(read(body, output_buffer_limit=MOST)[:MOST])
    except TypeError:
        return _in_steps(read, body)


def _in_steps(read: Callable[[bytes], bytes], body: bytes) -> bytes:
    made = bytearray()
    for start in range(0, len(body), STEP):
        made += read(body[start : start + STEP])
        if len(made) >= MOST:
            break
    return bytes(made[:MOST])


READERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
    "br": _br,
}
