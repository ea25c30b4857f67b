"""Content-Encoding: what clients send and what they are sent. Frames may follow one another, as clients write them."""

import gzip
import zlib
from collections.abc import Callable

import lz4.frame
from backports import zstd

from clickhouse_facade._errors import ServerError

__all__ = ["chosen_encoding", "decoded", "encoded"]

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    # in the order in which a server prefers them
    "zstd": lambda data: zstd.compress(data, 1),
    "lz4": lz4.frame.compress,
    "gzip": lambda data: gzip.compress(data, 3),
    "deflate": lambda data: zlib.compress(data, 3),
}


def chosen_encoding(accepted: str) -> str | None:
    """Return the encoding for an answer to a client that accepts those."""
    offered = set()
    for part in accepted.split(","):
        name, _, quality = part.partition(";")
        if quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}:
            offered.add(name.strip().lower())
    return next((name for name in ENCODERS if name in offered), None)


def encoded(data: bytes, encoding: str) -> bytes:
    """Compress an answer."""
    return ENCODERS[encoding](data)


def decoded(data: bytes, encoding: str) -> bytes:
    """Return what a client compressed. Raises ServerError."""
    try:
        match encoding.strip().lower():
            case "" | "identity":
                return data
            case "zstd":
                return zstd.decompress(data)
            case "lz4":
                return _lz4_frames(data)
            case "gzip":
                return gzip.decompress(data)
            case "deflate":
                return zlib.decompress(data)
    except (OSError, EOFError, RuntimeError, zlib.error, zstd.ZstdError) as error:
        raise ServerError(271, f"Cannot decompress the request: {error}") from error
    raise ServerError(89, f"Unknown compression method '{encoding}'")


def _lz4_frames(data: bytes) -> bytes:
    parts = []
    while data:
        frame = lz4.frame.LZ4FrameDecompressor()
        parts.append(frame.decompress(data))
        if not frame.eof:
            raise EOFError("the last frame is incomplete")
        data = frame.unused_data or b""
    return parts[0] if len(parts) == 1 else b"".join(parts)
