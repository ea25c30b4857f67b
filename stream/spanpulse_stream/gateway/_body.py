"""Reading a request's body from ASGI within bounds of size and time.

Memory is reserved for bytes that are there, never for bytes that were announced; who holds much of it must go on
sending. A sender that goes away leaves nothing: the body is either read to its end or thrown away.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from spanpulse_stream.gateway._answers import RequestRefused
from spanpulse_stream.gateway._limits import RequestLimits, Reservation

__all__ = ["ClientGone", "Receive", "read_body"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class ClientGone(Exception):  # noqa: N818 -- what happened; there is nobody to answer
    """The connection ended before the body did."""


async def read_body(receive: Receive, declared: bytes | None, limits: RequestLimits, held: Reservation) -> bytes:
    """Return the body as sent; ``declared`` is its content-length, or None for a chunked one.

    Raises RequestRefused (400, 408, 413, 429) and ClientGone.
    """
    _check_declared(declared, limits)
    pace = _Pace(limits, asyncio.get_running_loop().time())
    try:
        async with asyncio.timeout_at(pace.deadline) as timeout:
            return await _collect(receive, limits, held, pace, timeout)
    except TimeoutError:
        raise RequestRefused(408, pace.missed(), close=True) from None


class _Pace:
    """By when the body, or the next ``pace_bytes`` of a large one, must have arrived. Times are the loop's."""

    def __init__(self, limits: RequestLimits, now: float) -> None:
        self._limits = limits
        self._end = now + limits.body_timeout
        self._wanted = limits.pace_bytes  # size until which there is time for the whole body
        self.deadline = self._end

    def arrived(self, size: int, now: float) -> float:
        """Return the new deadline, now that ``size`` bytes are there."""
        if size >= self._wanted:
            self._wanted = size + self._limits.pace_bytes
            self.deadline = min(self._end, now + self._limits.pace_seconds)
        return self.deadline

    def missed(self) -> str:
        """Say which deadline passed."""
        if self.deadline == self._end:
            return f"the body did not arrive within {self._limits.body_timeout:g} seconds"
        return f"fewer than {self._limits.pace_bytes} bytes arrived in {self._limits.pace_seconds:g} seconds"


def _check_declared(value: bytes | None, limits: RequestLimits) -> None:
    if value is None:
        return
    if not value.isdigit():
        raise RequestRefused(400, "content-length is not a number", close=True)
    if int(value) > limits.max_body_bytes:
        raise too_large(limits)


async def _collect(
    receive: Receive, limits: RequestLimits, held: Reservation, pace: _Pace, bound: asyncio.Timeout
) -> bytes:
    pieces: list[bytes] = []
    size = 0
    clock = asyncio.get_running_loop().time
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone
        piece: bytes = event.get("body", b"")
        size += len(piece)
        held.arrive(len(piece))
        if size > limits.max_body_bytes:
            raise too_large(limits)
        held.grow(len(piece))
        pieces.append(piece)
        bound.reschedule(pace.arrived(size, clock()))
        if not event.get("more_body", False):
            return b"".join(pieces) if len(pieces) > 1 else piece


def too_large(limits: RequestLimits) -> RequestRefused:
    """Return the refusal of a body that is larger than it may be."""
    return RequestRefused(413, f"the body is larger than {limits.max_body_bytes} bytes")
