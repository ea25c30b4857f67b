"""Watching the bytes of a streamed answer pass, below the SDK that reads them.

A tap stands in the place of an HTTP response's stream, so it sees what every way of reading does: chunks, lines,
events, an SDK's helpers. Guarantee: each chunk is handed on before anything else can happen to it; errors, early
closing and streams that are dropped unread end the call. It keeps no response.
"""

import time
from collections.abc import AsyncIterator, Hashable, Iterator
from typing import Any, Final

from spanpulse._calls._body import Collected
from spanpulse._calls._call import Call

__all__ = ["tap"]

MOST_KINDS: Final = 64  # classes of streams; a test may make many


class _Tap:
    """What both kinds have in common."""

    def __init__(self, inner: Any, call: Call) -> None:
        self._inner = inner
        self._call = call
        self._collected = call.answer = Collected()

    def __getattr__(self, name: str) -> Any:
        """Look like the stream whose place this is."""
        return getattr(self.__dict__["_inner"], name)

    def __del__(self) -> None:
        """End the call of a stream that nobody read to its end or closed."""
        call = self.__dict__.get("_call")
        if call is not None:
            call.end()


class _Sync(_Tap):
    def __iter__(self) -> Iterator[bytes]:
        call, add = self._call, self._collected.add
        try:
            for chunk in self._inner:
                if not call.first_ns:
                    call.first_ns = time.time_ns()
                add(chunk)
                yield chunk
        except GeneratorExit:
            raise
        except BaseException as error:
            call.end(error)
            raise

    def close(self) -> None:
        try:
            self._inner.close()
        finally:
            self._call.end()


class _Async(_Tap):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        call, add = self._call, self._collected.add
        try:
            async for chunk in self._inner:
                if not call.first_ns:
                    call.first_ns = time.time_ns()
                add(chunk)
                yield chunk
        except GeneratorExit:
            raise
        except BaseException as error:
            call.end(error)
            raise

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            self._call.end()


_kinds: dict[type, Any] = {}


def _kind(stream: type) -> Any:
    """Return the tap for streams of a type: httpx, and what was made from it, look at the class before they read."""
    bases = tuple(base for base in stream.__mro__ if base.__name__ in {"SyncByteStream", "AsyncByteStream"})
    tap = _Async if hasattr(stream, "__aiter__") else _Sync
    if len(_kinds) >= MOST_KINDS:
        _kinds.clear()
    return _kinds.setdefault(stream, type(tap.__name__, (tap, *bases), {}))


def tap(response: Any, call: Call) -> None:
    """Watch the stream of an HTTP response that is not read yet. Raises what a response of another shape leads to."""
    stream: Any = response.stream
    kind = _kinds.get(type(stream)) or _kind(type(stream))
    response.stream = kind(stream, call)
