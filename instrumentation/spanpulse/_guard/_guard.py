"""`spanpulse.guard`: checks around a call of a model, or around any function.

Guarantee: where nothing violates, the call, its result and what it raises are what they would be without (see
`_streams` for what is held back of streams); the function stays of its kind: plain, coroutine function, generator or
asynchronous generator. A guard has no state of its own and no threads, so it may be shared and forked. Not guaranteed:
what the checks do not find, and what a result gives away that is no text (see `_texts`).
"""

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal, TypeVar, cast

from spanpulse._guard._arguments import Arguments
from spanpulse._guard._check import Check, Function, Scanner, checks_of
from spanpulse._guard._examine import now
from spanpulse._guard._iterators import is_async_stream, is_stream, stream_of
from spanpulse._guard._passage import Passage
from spanpulse._guard._passing import Passing
from spanpulse._guard._rules import NO_FALLBACK, Rules
from spanpulse._guard._streams import Begin, Begun, async_generator_of, generator_of

__all__ = ["Guard", "guard"]

F = TypeVar("F")
Texts = str | Sequence[str]
Call = Callable[..., Any]


def guard(
    *,
    input: Iterable[Check | Function] = (),  # noqa: A002 -- what goes in
    output: Iterable[Check | Function] = (),
    on_violation: Literal["block", "mask", "fallback", "flag"] = "block",
    on_error: Literal["pass", "block"] = "pass",
    fallback: Any = NO_FALLBACK,
    window: int | None = 0,
    timeout: float | None = 5.0,
    name: str = "",
    input_of: Callable[..., Texts] | None = None,
    output_of: Callable[[Any], Texts] | None = None,
    replace_input: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]] | None = None,
    replace: Callable[[Any, list[str]], Any] | None = None,
) -> "Guard":
    """Return a guard: a decorator of functions, and `Guard.call` for one call: `g.call(client.responses.create, ...)`.

    ``input`` and ``output`` are checks (`spanpulse.checks`, or functions from a text to a `Finding` or None).

    ``on_violation``: "flag" notes it on the span; "block" raises `GuardBlocked`, before the call or in the place of its
    result; "mask" replaces what was found and goes on; "fallback" gives ``fallback``, or what it returns when it is
    called with the `GuardBlocked`. What cannot be masked is blocked. ``on_error``: whether a check that fails, takes
    longer than ``timeout`` (s; asynchronous ones), or finds no text where it looks, lets the call pass or blocks it.

    The texts that go in are those of the arguments `messages`, `input`, `prompt`, `contents` and the like, else of all
    arguments; ``input_of`` takes the arguments and returns others. The texts that come out are those of a string, of
    the providers' answers and of the application's own models; ``output_of`` takes a result, or an item of a stream.
    With these, masking needs ``replace_input`` (takes the texts and the arguments, returns the arguments as a tuple and
    a dict) and ``replace`` (takes the result and its texts, returns the result).

    Of streams that are not only flagged, what a check may still find something in is held back, at least ``window``
    characters; None: all until its end. Checks of the whole answer run at the end, when the rest has left; a fallback
    is then the last item.

    Raises TypeError for what is no check, ValueError for settings that do not go together.
    """
    return Guard(
        Rules(
            input=checks_of(input, "input"),
            output=checks_of(output, "output"),
            on_violation=on_violation,
            on_error=on_error,
            fallback=fallback,
            window=window,
            timeout=timeout,
            name=name,
            input_of=input_of,
            output_of=output_of,
            replace_input=replace_input,
            replace=replace,
        )
    )


class Guard:
    """What `spanpulse.guard` returns."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._scanners = tuple(check for check in rules.output if isinstance(check, Scanner))
        self._others = tuple(check for check in rules.output if check not in self._scanners)

    def __call__(self, function: F) -> F:
        """Return a function of the same kind that is guarded. Raises TypeError for what is no function."""
        if isinstance(function, staticmethod | classmethod):
            return cast("F", type(function)(self(function.__func__)))
        if isinstance(function, type) or not callable(function):
            raise TypeError(f"a guard decorates functions; {type(function).__name__} is none")
        return cast("F", self._around(function))

    def call(self, function: Call, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function once, guarded: `GuardBlocked` and what it raises are raised, of an asynchronous one later.

        Raises TypeError where a check of the input is asynchronous, or one of the output and the function is not.
        """
        return self._call(function, Arguments(function), _name_of(function), args, kwargs)

    async def acall(self, function: Call, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function once, guarded; checks of the input may be asynchronous, whatever the function looks like."""
        passage = self._passage(Arguments(function), _name_of(function), args, kwargs, waits=True)
        return await self._run(function, passage)

    def _around(self, function: Call) -> Call:
        name, arguments = _name_of(function), Arguments(function)
        if _is(inspect.isasyncgenfunction, function):
            return functools.wraps(function)(async_generator_of(self._begin(function, waits=True)))
        if _is(inspect.isgeneratorfunction, function):
            return functools.wraps(function)(generator_of(self._begin(function, waits=False)))
        if _is(inspect.iscoroutinefunction, function):
            return self._around_coroutine(function, arguments, name)

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            return self._call(function, arguments, name, args, kwargs)

        return run

    def _around_coroutine(self, function: Call, arguments: Arguments, name: str) -> Call:
        @functools.wraps(function)
        async def run(*args: Any, **kwargs: Any) -> Any:
            return await self._run(function, self._passage(arguments, name, args, kwargs, waits=True))

        return run

    def _begin(self, function: Call, *, waits: bool) -> Begin:
        name, arguments = _name_of(function), Arguments(function)

        def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Begun:
            passage = self._passage(arguments, name, args, kwargs, waits=waits)
            made = functools.partial(_made, function, passage)
            return Begun(passage, self._passing(passage), made, enters=True)

        return begin

    def _call(self, function: Call, arguments: Arguments, name: str, args: Any, kwargs: Any) -> Any:
        passage = self._passage(arguments, name, args, kwargs, waits=False)
        try:
            if not now(passage.enter()):
                result = passage.instead
            else:
                result = function(*passage.args, **passage.kwargs)
                if inspect.isawaitable(result):
                    passage.waits = True
                    passage.telling.suspend()
                    return self._later(result, passage)
                if is_stream(result) or is_async_stream(result):
                    return stream_of(result, passage, self._passing(passage))
                result = now(passage.leave(result))
        except BaseException as error:
            passage.telling.end(error)
            raise
        passage.telling.end()
        return result

    async def _later(self, result: Awaitable[Any], passage: Passage) -> Any:
        passage.telling.resume()
        return await self._run(lambda: result, passage, enters=False)

    async def _run(self, function: Call, passage: Passage, *, enters: bool = True) -> Any:
        try:
            if enters and not await passage.enter():
                result = passage.instead
            else:
                result = function(*passage.args, **passage.kwargs) if enters else function()
                if inspect.isawaitable(result):
                    result = await result
                if is_stream(result) or is_async_stream(result):
                    return stream_of(result, passage, self._passing(passage))
                result = await passage.leave(result)
        except BaseException as error:
            passage.telling.end(error)
            raise
        passage.telling.end()
        return result

    def _passage(self, arguments: Arguments, name: str, args: Any, kwargs: Any, *, waits: bool) -> Passage:
        return Passage(self.rules, arguments, self.rules.name or name, args, kwargs, waits=waits)

    def _passing(self, passage: Passage) -> Passing:
        return Passing(passage, self._scanners, self._others)


def _made(function: Call, passage: Passage) -> Any:
    return function(*passage.args, **passage.kwargs)


def _is(kind: Callable[[Any], bool], function: Call) -> bool:
    return kind(function) or (not inspect.isroutine(function) and kind(getattr(function, "__call__", None)))  # noqa: B004


def _name_of(function: Call) -> str:
    """Return a function's name, with its class."""
    name = getattr(function, "__qualname__", None) or type(function).__name__
    return str(name).rpartition("<locals>.")[2]
