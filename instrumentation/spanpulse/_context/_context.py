"""`spanpulse.context`: says who and what a part of an application's work is for.

Guarantee: values are read once, when it is made, and cannot change afterwards; one object may be entered any number of
times, in any thread or task; nothing here raises. Not guaranteed: that a `with` block around a `yield` of a plain
generator ends at the `yield`: Python runs generators in the context of whoever advances them, so the caller sees it
until the generator goes on. As a decorator of the generator's function it holds within the generator alone.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Self, TypeVar
from uuid import UUID

from opentelemetry.trace import get_current_span

from spanpulse._context._around import Run, wrapped
from spanpulse._context._scope import Scope, add_here, innermost
from spanpulse._context._values import attributes_from
from spanpulse._log import say_once

__all__ = ["add_experiment", "context"]

F = TypeVar("F")
Word = str | int | UUID | None


class context:  # noqa: N801 -- reads as a statement
    """Put who and what the work is for on every span that starts meanwhile, whoever makes it.

    As `with`, `async with`, or as a decorator of functions, coroutine functions and generators. ``user_id`` and
    ``session_id`` become `user.id` and `session.id`; ``prompt`` is (name, version) or a name; ``experiments`` and
    ``tags`` map names to variants and values. Within another context it adds to that one, and replaces what both say.
    Values are texts or numbers of at most 1,024 bytes; what is not is left out and said once. Raises nothing.
    """

    __slots__ = ("_own",)

    def __init__(
        self,
        *,
        user_id: Word = None,
        session_id: Word = None,
        prompt: str | tuple[str, str | int] | None = None,
        experiments: Mapping[str, str | int] | None = None,
        tags: Mapping[str, str | float | bool] | None = None,
    ) -> None:
        try:
            self._own = attributes_from(user_id, session_id, prompt, experiments, tags)
        except Exception as error:  # noqa: BLE001 -- an application's own mapping, for one
            say_once(f"a context could not be read, and is left out of spans ({type(error).__name__})", error)
            self._own = {}

    def __enter__(self) -> Self:
        Scope(self._own, owner=self).resume()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        scope = innermost(self)
        if scope is not None:
            scope.leave()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """Return a function that runs in this context; a generator does in each of its steps."""
        return wrapped(function, lambda _args, _kwargs: _Running(self._own), "context")


class _Running(Run):
    """A function that runs in a scope."""

    __slots__ = ("_scope",)

    def __init__(self, own: Mapping[str, str]) -> None:
        self._scope = Scope(own)
        self._scope.resume()

    def resume(self) -> None:
        self._scope.resume()

    def suspend(self, _item: object) -> None:
        self._scope.suspend()

    def end(self, _error: BaseException | None, _result: object = None) -> None:
        self._scope.leave()

    def __del__(self) -> None:
        """Leave a scope in the middle of which a generator was destroyed: none of its code ran any more."""
        self._scope.leave()


def add_experiment(experiment: str, variant: str) -> bool:
    """Put an experiment's variant on the current span, and on those that start later in the context around.

    It holds until the innermost `spanpulse.context` is left, or the span that somebody else made current within it;
    where there is no context, until the outermost step of `spanpulse.span` or `spanpulse.observe` is left, and where
    there is none either for the current span alone: then it returns False. What already runs in other tasks or threads
    does not have it.
    """
    told = attributes_from(None, None, None, {experiment: variant}, None)
    get_current_span().set_attributes(told)
    return bool(told) and add_here(told)
