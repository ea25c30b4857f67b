"""Generator functions that yield what of a stream may leave.

Guarantee: as long as nothing is held back, the items, exceptions, `send`, `throw`, `close` and what a generator returns
are those of the stream; a stream that the guard stops is closed first. What is sent or thrown while items are held
reaches the stream where it is then, ahead of them.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from spanpulse._guard._examine import now
from spanpulse._guard._flow import AsyncFlow, Flow, aclose_stream, close_stream
from spanpulse._guard._passage import Passage
from spanpulse._guard._passing import Passing

__all__ = ["Begin", "Begun", "async_generator_of", "generator_of"]

Guarded = Generator[Any, Any, Any]
GuardedAsync = AsyncGenerator[Any, Any]


@dataclass(frozen=True, slots=True)
class Begun:
    """A guarded call that comes to a stream. ``enters`` says whether its arguments are still to be checked."""

    passage: Passage
    passing: Passing
    make: Callable[[], Any]
    """Returns the stream."""
    enters: bool = False


Begin = Callable[[tuple[Any, ...], dict[str, Any]], Begun]


def generator_of(begin: Begin) -> Callable[..., Guarded]:
    """Return a generator function that yields what of a stream may leave.

    Its generators raise GuardBlocked, and what the stream raises.
    """

    # Not one generator within another: `throw(GeneratorExit)` would become `close()` on the way.
    def run(*args: Any, **kwargs: Any) -> Guarded:
        begun, flow, failure = begin(args, kwargs), None, None
        passage, passing = begun.passage, begun.passing
        telling = passage.telling
        try:
            if begun.enters and not now(passage.enter()):
                telling.suspend()
                yield from _items(passage.instead)
                return None
            flow = Flow(begun.make(), passing)
            while flow.more():
                telling.suspend()
                try:
                    flow.sent = yield flow.items.pop()
                except BaseException as error:  # noqa: BLE001 -- the stream decides
                    flow.thrown = error
                if not isinstance(flow.thrown, GeneratorExit):  # a generator may be closed in somebody else's context
                    telling.resume()
            flow.raise_failure()
            if not passing.stops:
                return flow.returned
            close_stream(flow.inner)
            fallback = now(passing.instead())
            telling.suspend()
            yield from _items(fallback)
        except BaseException as error:
            failure = error
            raise
        finally:
            _end(passage, passing, flow, failure)
            failure = None  # or its traceback and this frame hold each other
        return None

    return run


def async_generator_of(begin: Begin) -> Callable[..., GuardedAsync]:
    """Return an asynchronous generator function that does as that of `generator_of`."""

    async def run(*args: Any, **kwargs: Any) -> GuardedAsync:
        begun, flow, failure = begin(args, kwargs), None, None
        passage, passing = begun.passage, begun.passing
        telling = passage.telling
        try:
            if begun.enters and not await passage.enter():
                telling.suspend()
                async for item in _async_items(passage.instead):
                    yield item
                return
            flow = AsyncFlow(begun.make(), passing)
            while await flow.more_later():
                telling.suspend()
                try:
                    flow.sent = yield flow.items.pop()
                except BaseException as error:  # noqa: BLE001 -- the stream decides
                    flow.thrown = error
                if not isinstance(flow.thrown, GeneratorExit):  # a generator may be closed in somebody else's context
                    telling.resume()
            flow.raise_failure()
            if not passing.stops:
                return
            await aclose_stream(flow.inner)
            fallback = await passing.instead()
            telling.suspend()
            async for item in _async_items(fallback):
                yield item
        except BaseException as error:
            failure = error
            raise
        finally:
            _end(passage, passing, flow, failure)
            failure = None

    return run


def _end(passage: Passage, passing: Passing, flow: Flow | None, failure: BaseException | None) -> None:
    if flow is not None:
        passing.say()
        flow.forget()
    passage.telling.end(failure)


def _items(fallback: Any) -> Iterable[Any]:
    """Return a fallback as items: those of an iterator, else itself."""
    return fallback if isinstance(fallback, Iterator) else (fallback,)


async def _async_items(fallback: Any) -> AsyncIterator[Any]:
    if isinstance(fallback, AsyncIterator):
        async for item in fallback:
            yield item
    else:
        for item in _items(fallback):
            yield item
