"""Decompressing a request's body within bounds: a bomb is refused when it passes one, not when it is done.

gzip (several members, as RFC 1952 allows) and deflate (zlib's format, as RFC 9110 has it). A stream that ends
early, goes on after its end or fails its checksum is refused whole.
"""

import zlib
from collections.abc import Callable

from spanpulse_stream.gateway._answers import RequestRefused
from spanpulse_stream.gateway._limits import RequestLimits

__all__ = ["ENCODINGS", "inflate"]

ENCODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # window bits: the container and zlib's largest window
SLICE = 64 * 1024
STEP = 1024 * 1024
MOST_MEMBERS = 64  # each costs a copy of up to a slice


def inflate(body: bytes, encoding: str, limits: RequestLimits, grow: Callable[[int], None]) -> bytes:
    """Return the decompressed body, itself where ``encoding`` is ''; ``grow(size)`` is asked before bytes are kept.

    Raises what ``grow`` raises, and RequestRefused: 400 for a broken stream, 413 past a limit.
    """
    if not encoding:
        return body
    source = memoryview(body)
    stream = zlib.decompressobj(ENCODINGS[encoding])
    pieces: list[bytes] = []
    size = pos = 0
    members = 1
    rest, more = b"", True
    try:
        while more:
            if stream.eof:
                rest, stream = stream.unused_data, zlib.decompressobj(ENCODINGS[encoding])
                members = _next_member(members)
            if not rest:
                rest = bytes(source[pos : pos + SLICE])
                pos += SLICE
            piece = stream.decompress(rest, STEP)
            size += len(piece)
            _check(size, len(body), limits)
            grow(len(piece))
            pieces.append(piece)
            rest = stream.unused_data or stream.unconsumed_tail
            # a full step may leave output inside zlib although all input is consumed
            more = bool(rest) or pos < len(source) or (len(piece) == STEP and not stream.eof)
    except zlib.error:
        raise RequestRefused(400, f"the body is not valid {encoding}") from None
    if not stream.eof:
        raise RequestRefused(400, f"the {encoding} body ends early")
    return b"".join(pieces)


def _next_member(members: int) -> int:
    if members >= MOST_MEMBERS:
        raise RequestRefused(400, f"the body has more than {MOST_MEMBERS} compressed members")
    return members + 1


def _check(size: int, compressed: int, limits: RequestLimits) -> None:
    if size > limits.max_decompressed_bytes:
        raise RequestRefused(413, f"the decompressed body is larger than {limits.max_decompressed_bytes} bytes")
    if size > limits.ratio_free_bytes and size > compressed * limits.most_ratio:
        raise RequestRefused(413, f"the body decompresses to more than {limits.most_ratio} times its size")
