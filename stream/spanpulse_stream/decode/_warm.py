"""Compile every kernel, or load it from numba's cache."""

from spanpulse_stream.decode._check import check
from spanpulse_stream.decode._keys import KeyTable
from spanpulse_stream.decode._logs import decode_logs
from spanpulse_stream.decode._spans import decode_spans

__all__ = ["warm_up"]


def warm_up() -> None:
    """Make the first message as fast as the next: a fraction of a second from the cache, seconds without it.

    Kernels compile per argument types, and all calls of this package have the same, so empty messages do.
    """
    keys = KeyTable(["warm"])
    decode_spans([b""], keys)
    decode_logs([b""], keys)
    check(b"", "traces")
