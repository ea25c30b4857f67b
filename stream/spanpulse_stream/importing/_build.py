"""The requests of a chunk from the pieces of a file: packed together, checked, with what is no request set aside.

Small requests are joined, since every message of the log has its price. What cannot be read becomes a record that is
rejected: its dead letter says where it stood and why, and holds what came, or its beginning. The clock decides what is
said of a record's time, never what a chunk holds.
"""

import base64
import time
from collections.abc import Iterator
from itertools import accumulate, islice
from typing import Any, Final

from spanpulse_stream.decode import Limits, Malformed, unreadable_request
from spanpulse_stream.gateway import wire_fields
from spanpulse_stream.importing._chunk import Chunk, Request
from spanpulse_stream.importing._errors import BadPiece
from spanpulse_stream.importing._judge import Judged, judge
from spanpulse_stream.log import Signal

__all__ = ["Builder"]

PACK_BYTES: Final = 800_000  # of requests that are joined: below what a message of the log may have
KEPT: Final = 64 * 1024  # bytes of a piece that a dead letter holds
MOST_TOLD: Final = 5  # of the records within requests that cannot be read
MOST_FIELDS: Final = 10_000  # of a request that is joined with others

Part = tuple[bytes, str, bytes]  # a request, where it stood, and what it was made of


class Builder:
    """Makes the chunk ``number`` of the import ``name``. ``limits`` are those of decoding."""

    def __init__(self, name: str, number: int, tenant: str, limits: Limits) -> None:
        self._chunk: dict[str, Any] = {"name": name, "number": number, "tenant": tenant}
        self._limits = limits
        self._parts: dict[Signal, list[Part]] = {"traces": [], "logs": []}
        self._sizes: dict[Signal, int] = {"traces": 0, "logs": 0}
        self._requests: list[Request] = []
        self._bad: list[BadPiece] = []
        self._refused: list[BadPiece] = []
        self._letters: list[dict[str, Any]] = []
        self._records = self._rejected = self.metrics = 0

    def add(self, request: Request, place: str, source: bytes) -> None:
        """Add a request that stood at ``place`` and was made of ``source``."""
        signal, size = request.signal, len(request.body)
        alone = not _ends_whole(request.body)
        if alone or self._sizes[signal] + size > PACK_BYTES:
            self._pack(signal)
        self._parts[signal].append((request.body, place, source))
        self._sizes[signal] += size
        if alone:
            self._pack(signal)

    def reject(self, place: str, reason: str, source: bytes, size: int | None = None) -> None:
        """Set a piece aside, of which ``source`` is known, all ``size`` bytes or the beginning."""
        self._bad.append(BadPiece(place, reason))
        whole = len(source) if size is None else size
        letter = {"place": place, "reason": reason, "bytes": whole, **_shown(source[:KEPT])}
        self._letters.append(letter)

    def finish(self) -> Chunk:
        """Return the chunk."""
        for signal in self._parts:
            self._pack(signal)
        if self._letters:
            self._requests.append(Request("traces", unreadable_request(self._letters)))
        bad = len(self._bad)
        return Chunk(
            **self._chunk,
            requests=self._requests,
            records=self._records + bad,
            rejected=self._rejected + bad,
            bad=self._bad,
            refused=self._refused,
            metrics=self.metrics,
        )

    def _pack(self, signal: Signal) -> None:
        """Join what was added and check it; where that is malformed, find the part that is."""
        parts, self._parts[signal], self._sizes[signal] = self._parts[signal], [], 0
        for body in self._joined(parts, signal):
            self._requests.append(Request(signal, body))

    def _joined(self, parts: list[Part], signal: Signal) -> Iterator[bytes]:
        body = b"".join([part[0] for part in parts]) if len(parts) != 1 else parts[0][0]
        try:
            judged = judge(body, signal, self._limits, time.time_ns() // 1_000_000)
        except Malformed as error:
            if len(parts) == 1:
                self.reject(parts[0][1], str(error), parts[0][2])
                return
            half = len(parts) // 2
            yield from self._joined(parts[:half], signal)
            yield from self._joined(parts[half:], signal)
            return
        self._records += judged.records
        self._rejected += len(judged.refused)
        self._tell(judged, parts)
        if judged.records:
            yield body

    def _tell(self, judged: Judged, parts: list[Part]) -> None:
        """Remember where the first of the records that cannot be read stood."""
        for offset, reason in judged.refused[: MOST_TOLD - len(self._refused)]:
            ends = accumulate(len(body) for body, _, _ in parts)
            place = next(place for end, (_, place, _) in zip(ends, parts, strict=True) if offset < end)
            self._refused.append(BadPiece(place, reason))


def _ends_whole(body: bytes) -> bool:
    """Tell whether the last field of a request ends with it: else it would swallow what is joined behind it."""
    try:
        return len(list(islice(wire_fields(body, 0, len(body)), MOST_FIELDS + 1))) <= MOST_FIELDS
    except (ValueError, IndexError):
        return False


def _shown(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
