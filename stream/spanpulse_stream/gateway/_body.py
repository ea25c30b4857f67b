"""Reading a request's body from ASGI within bounds of size and time.

A sender that goes away leaves nothing: the body is either read to its end or thrown away.
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
    length = _declared(declared, limits)
    held.grow(length or 0)
    try:
        async with asyncio.timeout(limits.body_timeout):
            return await _collect(receive, limits, None if length is not None else held)
    except TimeoutError:
        message = f"the body did not arrive within {limits.body_timeout:g} seconds"
        raise RequestRefused(408, message, close=True) from None


def _declared(value: bytes | None, limits: RequestLimits) -> int | None:
    if value is None:
        return None
    if not value.isdigit():
        raise RequestRefused(400, "content-length is not a number", close=True)
    length = int(value)
    if length > limits.max_body_bytes:
        raise too_large(limits)
    return length


async def _collect(receive: Receive, limits: RequestLimits, held: Reservation | None) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone
        piece: bytes = event.get("body", b"")
        size += len(piece)
        if size > limits.max_body_bytes:
            raise too_large(limits)
        if held is not None:
            held.grow(len(piece))
        pieces.append(piece)
        if not event.get("more_body", False):
            return b"".join(pieces) if len(pieces) > 1 else piece


def too_large(limits: RequestLimits) -> RequestRefused:
    """Return the refusal of a body that is larger than it may be."""
    return RequestRefused(413, f"the body is larger than {limits.max_body_bytes} bytes")
