"""The recorded exports, as if they had happened just now.

Bytes are changed in place and keep their length: span times, ISO time stamps inside attributes, trace and span
ids, and the response ids of the recording's servers (else a second demo would be a repetition of the first).
Nothing else changes; relations between spans, logs and texts stay.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from spanpulse_stream.traffic._data import CORPUS, Signal, recorded
from spanpulse_stream.traffic._walk import Place, places

__all__ = ["corpus_requests"]

RESPONSE_ID: Final = re.compile(rb"((?:gem-|chatcmpl-|msg_|resp_)h)(7\d{6})")
ISO_TIME: Final = re.compile(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?=Z|\+00:00)")
DIGITS: Final = b"0123456789abcdefghijklmnopqrstuvwxyz"


def corpus_requests(now: datetime) -> Iterator[tuple[Signal, bytes]]:
    """Yield (signal, body) of every recorded export, each file shifted so that its last span ends at ``now``.

    Ids follow from ``now``: the same moment gives the same bytes, another moment other ids.
    """
    moment = _nanoseconds(now)
    seed = hashlib.sha256(str(moment).encode()).digest()
    for name in CORPUS:
        requests = [(signal, bytearray(body), list(places(body, signal))) for signal, body in recorded(name)]
        shift = moment - max(_latest(body, found) for _, body, found in requests)
        for signal, body, found in requests:
            _move(body, found, shift, seed)
            yield signal, _rename(bytes(body), shift, seed)


def _latest(body: bytearray, found: list[Place]) -> int:
    times = (int.from_bytes(body[at : at + size], "little") for kind, at, size in found if kind == "time")
    return max(times, default=0)


def _move(body: bytearray, found: list[Place], shift: int, seed: bytes) -> None:
    for kind, at, size in found:
        old = bytes(body[at : at + size])
        if not any(old):
            continue  # neither a time nor an id: unset
        if kind == "time":
            body[at : at + size] = (int.from_bytes(old, "little") + shift).to_bytes(8, "little")
        else:
            body[at : at + size] = bytes(a ^ b for a, b in zip(old, seed[:size], strict=True))


def _rename(body: bytes, shift: int, seed: bytes) -> bytes:
    step = int.from_bytes(seed[-4:])
    renamed = RESPONSE_ID.sub(lambda match: match[1] + _letters(int(match[2]) + step), body)
    return ISO_TIME.sub(_later(shift), renamed)


def _later(shift: int) -> Callable[[re.Match[bytes]], bytes]:
    def later(match: re.Match[bytes]) -> bytes:
        old = match[0].decode()
        new = datetime.fromisoformat(old + "+00:00") + timedelta(microseconds=shift // 1000)
        return new.strftime("%Y-%m-%dT%H:%M:%S.%f")[: len(old)].encode()

    return later


def _letters(number: int) -> bytes:
    """Write a number in seven digits of base 36."""
    digits = bytearray()
    for _ in range(7):
        number, digit = divmod(number, 36)
        digits.append(DIGITS[digit])
    return bytes(reversed(digits))


def _nanoseconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
