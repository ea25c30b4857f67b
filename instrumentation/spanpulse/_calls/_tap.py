"""Watching the bytes of a streamed answer pass, below the SDK that reads them.

A tap stands in the place of an HTTP response's stream, so it sees what every way of reading does: chunks, lines,
events, an SDK's helpers. Guarantee: each chunk is handed on before anything else can happen to it; errors, early
closing and streams that are dropped unread end the call. It keeps no response. Watched is who reads a stream first: an
SDK that empties the connection behind the answer's end reads it once more, and gives up soon.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from types import AsyncGeneratorType
from typing import Any, Final, cast

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
        self._is_read = False

    def __getattr__(self, name: str) -> Any:
        """Look like the stream whose place this is."""
        return getattr(self.__dict__["_inner"], name)

    def __del__(self) -> None:
        """End the call of a stream that nobody read to its end or closed."""
        if "_collected" in self.__dict__:
            self._end()

    def _end(self, error: BaseException | None = None) -> None:
        """End the call, unless another exchange has become the one that it is about."""
        if self._call.answer is self._collected:
            self._call.end(error)


class _Sync(_Tap):
    def __iter__(self) -> Iterator[bytes]:
        call, add = self._call, self._collected.add
        if self._is_read:
            yield from self._inner
            return
        self._is_read = True
        try:
            for chunk in self._inner:
                if not call.first_ns and _says(chunk):
                    call.first_ns = time.time_ns()
                add(chunk)
                yield chunk
        except GeneratorExit:  # nobody can read on, whether or not the response will be closed
            self._end()
            raise
        except BaseException as error:
            self._end(error)
            raise

    def close(self) -> None:
        try:
            self._inner.close()
        finally:
            self._end()


class _Async(_Tap):
    def __aiter__(self) -> AsyncIterator[bytes]:
        inner: AsyncIterator[bytes] = aiter(self._inner)
        if self._is_read:
            return inner
        self._is_read = True
        kind = _Generating if isinstance(inner, AsyncGeneratorType) else _Reading
        return kind(inner, self._call, self._collected.add, self._end)

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            self._end()


class _Reading:
    """Reads a stream, and can be closed like the generator that it stands for, in the task which reads.

    It is none itself: of one that is left unread a loop makes a task, which costs more than all the rest.
    """

    def __init__(
        self, inner: AsyncIterator[bytes], call: Call, add: Callable[[bytes], None], end: Callable[..., None]
    ) -> None:
        self._inner = inner
        self._call = call
        self._add = add
        self._end = end

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._inner.__anext__()
        except StopAsyncIteration:
            raise
        except BaseException as error:
            self._end(error)
            raise
        if not self._call.first_ns and _says(chunk):
            self._call.first_ns = time.time_ns()
        self._add(chunk)
        return chunk

    def __del__(self) -> None:
        """End the call: nobody can read on, whether or not the response will be closed."""
        self._end()


class _Generating(_Reading):
    """Is taken for a generator, for that is what it reads."""

    async def asend(self, value: Any) -> bytes:
        return await self._generator.asend(value)

    async def athrow(self, *given: Any) -> bytes:
        return await self._generator.athrow(*given)

    async def aclose(self) -> None:
        await self._generator.aclose()

    @property
    def _generator(self) -> AsyncGenerator[bytes, Any]:
        return cast("AsyncGenerator[bytes, Any]", self._inner)


def _says(chunk: bytes) -> bool:
    """Tell whether a chunk is more than a comment, by which servers keep a connection alive before an answer."""
    return not chunk.startswith(b":") or b"\ndata" in chunk


_kinds: dict[type, Any] = {}


def _kind(stream: type) -> Any:
    """Return the tap for streams of a type: httpx, and what was made from it, look at the class before they read.

    Some, such as bytes that were there before, can be read in both ways.
    """
    bases = tuple(base for base in stream.__mro__ if base.__name__ in {"SyncByteStream", "AsyncByteStream"})
    taps = [tap for tap, read in ((_Sync, "__iter__"), (_Async, "__aiter__")) if hasattr(stream, read)]
    if len(_kinds) >= MOST_KINDS:
        _kinds.clear()
    return _kinds.setdefault(stream, type("Tap", (*taps, *bases), {}))


def tap(response: Any, call: Call) -> None:
    """Watch the stream of an HTTP response that is not read yet. Raises what a response of another shape leads to."""
    stream: Any = response.stream
    kind = _kinds.get(type(stream)) or _kind(type(stream))
    response.stream = kind(stream, call)
