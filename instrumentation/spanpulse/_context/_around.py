"""Something around each run of a function: of a plain one, a coroutine function, a generator or an asynchronous one.

Guarantee: the function that comes out is of the same kind, has the same name, documentation and signature, and
behaves as the one that went in: values, exceptions, `send`, `throw`, `close`, and what a generator returns. A generator
is suspended for what is around it as well: its caller sees none of that between two steps. Not guaranteed: that wrong
arguments of a coroutine function or a generator raise at the call (they do when it is awaited or advanced), and methods
that a decorator gave a function, such as `cache_clear` of `functools.cache`: that decorator belongs above this one.
"""

import functools
import inspect
import sys
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, Final, TypeVar, cast

from spanpulse._log import say_once

__all__ = ["NO_RUN", "Begin", "Run", "around", "wrapped"]

F = TypeVar("F")
Function = Callable[..., Any]


class Run:
    """One run of a function, which has begun; nothing of it may raise."""

    __slots__ = ()

    def suspend(self, item: Any) -> None:
        """Hear that a generator yields an item."""

    def resume(self) -> None:
        """Hear that a generator goes on."""

    def end(self, error: BaseException | None, result: Any = None) -> None:
        """Hear that it is over: with an error, or with what it returned."""


NO_RUN: Final = Run()
Begin = Callable[[tuple[Any, ...], dict[str, Any]], Run]
"""Takes positional and named arguments; must not raise."""


def wrapped(target: F, begin: Begin, what: str) -> F:
    """Return a function, static or class method with something around its runs; anything else stays as it is."""
    if isinstance(target, staticmethod | classmethod):
        made: Any = type(target)(around(target.__func__, begin))
        return cast("F", made)
    if isinstance(target, type) or not callable(target):
        say_once(f"spanpulse.{what} decorates functions; a {type(target).__name__} stays as it is")
        return target
    return cast("F", around(target, begin))


def around(function: Function, begin: Begin) -> Function:
    """Return a function of the same kind that tells what ``begin`` returns of each run."""
    if _is(inspect.isasyncgenfunction, function):
        return _async_generator(function, begin)
    if _is(inspect.iscoroutinefunction, function):
        return _coroutine(function, begin)
    if _is(inspect.isgeneratorfunction, function):
        made = _generator(function, begin)
        return types.coroutine(made) if _is(_is_awaited, function) else made
    return _plain(function, begin)


def _is(kind: Callable[[Any], bool], function: Function) -> bool:
    return kind(function) or (not inspect.isroutine(function) and kind(getattr(function, "__call__", None)))  # noqa: B004


def _is_awaited(function: Any) -> bool:
    """Tell whether a generator function is one of `types.coroutine`: what it returns is awaited."""
    while isinstance(function, functools.partial):
        function = function.func
    return bool(getattr(getattr(function, "__code__", None), "co_flags", 0) & inspect.CO_ITERABLE_COROUTINE)


def _plain(function: Function, begin: Begin) -> Function:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        told = begin(args, kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            told.end(error)
            raise
        told.end(None, result)
        return result

    return run


def _coroutine(function: Callable[..., Awaitable[Any]], begin: Begin) -> Function:
    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> Any:
        told = begin(args, kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            told.end(error)
            raise
        told.end(None, result)
        return result

    return run


def _generator(function: Callable[..., Generator[Any, Any, Any]], begin: Begin) -> Function:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        told = begin(args, kwargs)
        sent: Any = None
        thrown: BaseException | None = None
        try:
            inner = function(*args, **kwargs)
            while True:
                # In a list, for nothing here may hold an item while its receiver has it.
                items = [inner.send(sent) if thrown is None else inner.throw(thrown)]
                sent = thrown = None
                told.suspend(items[0])
                try:
                    sent = yield items.pop()
                except BaseException as error:  # noqa: BLE001 -- the inner generator decides
                    thrown = _as_it_came(error)
                told.resume()
        except StopIteration as stop:
            told.end(None, stop.value)
            return stop.value
        except BaseException as error:
            told.end(error)
            raise
        finally:
            thrown = None  # or its traceback and this frame hold each other

    return run


def _async_generator(function: Callable[..., AsyncGenerator[Any, Any]], begin: Begin) -> Function:
    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        told = begin(args, kwargs)
        sent: Any = None
        thrown: BaseException | None = None
        try:
            inner = function(*args, **kwargs)
            step = _first(inner)
            while True:
                items = [await step]
                sent = thrown = step = None
                told.suspend(items[0])
                try:
                    sent = yield items.pop()
                except BaseException as error:  # noqa: BLE001 -- the inner generator decides
                    thrown = _as_it_came(error)
                told.resume()
                step = inner.asend(sent) if thrown is None else inner.athrow(thrown)
        except StopAsyncIteration:
            told.end(None)
        except BaseException as error:
            told.end(error)
            raise
        finally:
            thrown = step = None

    return run


def _as_it_came(error: BaseException) -> BaseException:
    """Return an error without our frame in its traceback, where they would hold each other."""
    trace = error.__traceback__
    return error.with_traceback(None if trace is None else trace.tb_next)


def _first(inner: AsyncGenerator[Any, Any]) -> Any:
    """Return the first step of a generator that its loop is not to know: the one around it closes it."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, _leave if hooks.finalizer else None)
    try:
        return inner.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _leave(_inner: AsyncGenerator[Any, Any]) -> None:
    """Do nothing, as a loop does that is closed."""
