"""Streams that a function returned, guarded: generators, and the iterators of SDKs.

Guarantee: an iterator of an SDK keeps its items, `close`, `with` and what says nothing of its items. Not guaranteed:
its class, and its other attributes, which would go past the guard.
"""

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, Self

from spanpulse._guard._passage import Passage
from spanpulse._guard._passing import Passing
from spanpulse._guard._streams import Begun, async_generator_of, generator_of

__all__ = ["AsyncStream", "Stream", "is_async_stream", "is_stream", "stream_of"]

SEEN: Final = frozenset(("response", "request_id", "_request_id", "headers", "status_code"))
"""Attributes of a stream that say nothing of its items."""


def stream_of(stream: Any, passage: Passage, passing: Passing) -> Any:
    """Return a stream guarded, where a function returned it: a generator, or an iterator of another class.

    Of one that is both asynchronous and not, what the call is decides.
    """
    begun = Begun(passage, passing, lambda: stream)
    passage.telling.suspend()
    if is_async_stream(stream) and (passage.waits or not is_stream(stream)):
        passage.waits = True
        items: Any = async_generator_of(lambda _args, _kwargs: begun)()
        return items if inspect.isasyncgen(stream) else AsyncStream(stream, items, passage)
    passage.waits = False
    items = generator_of(lambda _args, _kwargs: begun)()
    return items if inspect.isgenerator(stream) else Stream(stream, items, passage)


def is_stream(value: Any) -> bool:
    """Tell whether a value is an iterator, which can be read once."""
    return hasattr(type(value), "__next__")


def is_async_stream(value: Any) -> bool:
    """Tell whether a value is an asynchronous iterator."""
    return hasattr(type(value), "__anext__")


class _Seen:
    """What may be seen of an SDK's stream."""

    def __init__(self, inner: Any, items: Any, passage: Passage) -> None:
        self._inner = inner
        self._items = items
        self._telling = passage.telling

    def __getattr__(self, name: str) -> Any:
        """Return what says nothing of the items. Raises AttributeError for anything else."""
        if name not in SEEN:
            raise AttributeError(f"a guarded stream has no {name!r}, which might go past its guard; read its items")
        return getattr(self._inner, name)


class Stream(_Seen):
    """An iterator of an SDK, guarded: its items, `close` and `with`."""

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._items)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the stream. Raises what that does."""
        try:
            self._items.close()
        finally:
            self._telling.end()
            if callable(close := getattr(self._inner, "close", None)):
                close()


class AsyncStream(_Seen):
    """An asynchronous iterator of an SDK, guarded: its items, `close`, `aclose` and `async with`."""

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await anext(self._items)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the stream. Raises what that does."""
        try:
            await self._items.aclose()
        finally:
            self._telling.end()
            close = getattr(self._inner, "aclose", None) or getattr(self._inner, "close", None)
            closing = close() if callable(close) else None
            if inspect.isawaitable(closing):
                await closing

    aclose = close
