"""Advancing a stream until something of it may leave, and what its reader sends and throws meanwhile.

Guarantee: nothing here holds an item while its receiver has it. What the stream raises is raised when what came before
has left.
"""

import inspect
from collections.abc import Awaitable
from typing import Any

from spanpulse._context._around import _first as first_step
from spanpulse._guard._examine import now
from spanpulse._guard._passing import Passing
from spanpulse._log import say_once

__all__ = ["AsyncFlow", "Flow", "aclose_stream", "close_stream"]


class Flow:
    """What comes out of a stream, and what its reader does to it."""

    def __init__(self, inner: Any, passing: Passing) -> None:
        self.inner = inner
        self.items: list[Any] = []
        """The next item; nothing else may hold one while its receiver has it."""
        self.sent: Any = None
        self.thrown: BaseException | None = None
        self.failure: BaseException | None = None
        """What the stream raised; it goes first, also where the guard would stop what is held."""
        self.returned: Any = None
        self._passing = passing
        self._is_over = False

    def more(self) -> bool:
        """Advance the stream until an item may leave; tell whether one may. Raises what was thrown after its end."""
        while not self._has_ready():
            if self._is_over:
                return self._none_left()
            sent, thrown = self._turn()
            try:
                self._passing.take(_advance(self.inner, sent, thrown))
            except StopIteration as stop:
                self.returned, self._is_over = stop.value, True
                now(self._passing.finish())
            except BaseException as error:  # noqa: BLE001 -- raised when what came before has left
                self._break_off(error, thrown)
            thrown = None
        return self._pop()

    def raise_failure(self) -> None:
        """Raise what the stream raised, if it did."""
        if self.failure is not None:
            raise self.failure

    def forget(self) -> None:
        """Let go of exceptions: their tracebacks hold this."""
        self.thrown = self.failure = None

    def _turn(self) -> tuple[Any, BaseException | None]:
        turn = self.sent, self.thrown
        self.sent = self.thrown = None
        return turn

    def _has_ready(self) -> bool:
        passing = self._passing
        return passing.stops or (passing.is_ready and self.thrown is None)

    def _pop(self) -> bool:
        if not self._passing.stops:
            self.items.append(self._passing.pop())
        return not self._passing.stops

    def _none_left(self) -> bool:
        if self.thrown is not None:
            raise self.thrown
        return False

    def _break_off(self, error: BaseException, thrown: BaseException | None) -> None:
        if isinstance(thrown, GeneratorExit):  # nobody takes what is left
            raise error
        self._passing.cut()
        self.failure, self._is_over = error, True


class AsyncFlow(Flow):
    """The same of an asynchronous stream."""

    _is_first = True

    async def more_later(self) -> bool:
        """Do as `more`."""
        while not self._has_ready():
            if self._is_over:
                return self._none_left()
            sent, thrown = self._turn()
            try:
                self._passing.take(await self._step(sent, thrown))
            except StopAsyncIteration:
                self._is_over = True
                await self._passing.finish()
            except BaseException as error:  # noqa: BLE001 -- raised when what came before has left
                self._break_off(error, thrown)
            thrown = None
        return self._pop()

    async def _step(self, sent: Any, thrown: BaseException | None) -> Any:
        inner = self.inner
        if not hasattr(inner, "asend"):
            if thrown is None:
                return await inner.__anext__()
            await aclose_stream(inner)
            raise thrown
        is_first, self._is_first = self._is_first, False
        if is_first and thrown is None and inspect.isasyncgen(inner) and inner.ag_frame is not None:
            return await first_step(inner)
        step: Awaitable[Any] = inner.asend(sent) if thrown is None else inner.athrow(thrown)
        thrown = None
        return await step


def _advance(inner: Any, sent: Any, thrown: BaseException | None) -> Any:
    if thrown is not None:
        if hasattr(inner, "throw"):
            return inner.throw(thrown)
        close_stream(inner)
        raise thrown
    return next(inner) if sent is None else inner.send(sent)


def close_stream(inner: Any) -> None:
    try:
        if callable(close := getattr(inner, "close", None)):
            close()
    except Exception as error:  # noqa: BLE001 -- the caller hears what the guard says
        say_once(f"a stream that a guard stopped could not be closed ({type(error).__name__})", error)


async def aclose_stream(inner: Any) -> None:
    try:
        close = getattr(inner, "aclose", None) or getattr(inner, "close", None)
        closing = close() if callable(close) else None
        if inspect.isawaitable(closing):
            await closing
    except Exception as error:  # noqa: BLE001 -- the caller hears what the guard says
        say_once(f"a stream that a guard stopped could not be closed ({type(error).__name__})", error)
