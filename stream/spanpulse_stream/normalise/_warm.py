"""Compile every kernel of this package, or load it from numba's cache."""

import numpy as np

from spanpulse_stream.columns import Origin, Words
from spanpulse_stream.decode import decode_logs, decode_spans
from spanpulse_stream.normalise._logs import normalise_logs
from spanpulse_stream.normalise._spans import normalise_spans
from spanpulse_stream.normalise._tables import KEYS

__all__ = ["warm_up", "warm_up_logs", "warm_up_spans"]

_MOMENT = 10**18  # ns since the Unix epoch


def warm_up() -> None:
    """Make the first batch as fast as the next: a fraction of a second from the cache, seconds without it."""
    warm_up_spans()
    warm_up_logs()


def warm_up_spans() -> None:
    """Warm up what spans need, without what only log records need."""
    normalise_spans(decode_spans([_request()], KEYS), _origin())


def warm_up_logs() -> None:
    """Warm up what log records need."""
    normalise_logs(decode_logs([_log_request()], KEYS), _origin())


def _origin() -> Origin:
    return Origin(0, np.zeros(1, np.int64), np.full(1, _MOMENT // 10**6, np.int64), Words.constant(1, ""))


def _request() -> bytes:
    """Return an export of one span with messages, so that no kernel is left out."""
    said = _field(1, b"gen_ai.input.messages") + _field(2, _field(1, b'[{"role":"user","parts":[]}]'))
    ids = _field(1, b"0123456789abcdef") + _field(2, b"01234567")
    end = bytes((8 << 3 | 1,)) + _MOMENT.to_bytes(8, "little")
    return _field(1, _field(2, _field(2, ids + end + _field(9, said))))


def _log_request() -> bytes:
    """Return an export of one log record with a message."""
    body = _field(6, _field(1, _field(1, b"content") + _field(2, _field(1, b"hi"))))
    return _field(1, _field(2, _field(2, _field(5, body) + _field(12, b"gen_ai.user.message"))))


def _field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field shorter than 128 bytes."""
    return bytes((number << 3 | 2, len(content))) + content
