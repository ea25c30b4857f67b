"""`spanpulse.observe`: each run of a function is a step.

Guarantee: the function stays what it was (see `_context._around`); arguments are frozen before it runs, what it
returns when it has. Not guaranteed: that what a plain function returns to be read later (a stream, a coroutine) is
followed.
"""

import inspect
from collections.abc import Callable, Collection
from typing import Any, Final, TypeVar, overload

from spanpulse._context import NO_RUN, Run, wrapped
from spanpulse._log import say_once
from spanpulse._steps._freeze import freeze
from spanpulse._steps._kinds import Kind, kind_of
from spanpulse._steps._step import Step

__all__ = ["observe"]

F = TypeVar("F")
ALL: Final = ("arguments", "result")
WITHOUT: Final = frozenset(("self", "cls"))
QUERIES: Final = ("query", "question", "q", "text", "search_query")
COUNTS: Final = ("top_k", "k", "limit", "n_results")
MOST_TEXT: Final = 65_536  # characters of what a generator yields
EACH: Final = 600  # that an item takes at least which is no text: about 100 of them are kept


@overload
def observe(function: F, /) -> F: ...


@overload
def observe(*, name: str | None = None, kind: str = "task", capture: Collection[str] = ALL) -> Callable[[F], F]: ...


def observe(
    function: Any = None, /, *, name: str | None = None, kind: str = "task", capture: Collection[str] = ALL
) -> Any:
    """Make each run of a function a step, of a generator from its first item to its end; for methods of all kinds too.

    ``name`` is the function's by itself; ``kind`` as `spanpulse.span` takes it. ``capture`` says what is kept where the
    policy for content allows it: "arguments" (but `self` and `cls`) and "result", of a generator its items. A
    retrieval's query is its argument `query` or the first text, and its result the documents. Raises nothing.
    """
    chosen = capture if isinstance(capture, tuple | list | set | frozenset) else (capture,)
    if unknown := [word for word in chosen if word not in ALL]:
        say_once(f"observe captures {' and '.join(ALL)}; it was asked for something else ({len(unknown)})")

    def decorate(target: F) -> F:
        plan = _Plan(target, name, kind_of(kind), tuple(chosen))
        return wrapped(target, plan.begin, "observe")

    return decorate if function is None else decorate(function)


class _Plan:
    """What is the same for all runs of a function."""

    def __init__(self, target: Any, name: str | None, kind: Kind, capture: tuple[str, ...]) -> None:
        function = getattr(target, "__func__", target)
        self.kind = kind
        self.name = name if isinstance(name, str) and name else _name_of(function, kind)
        self.takes_arguments = "arguments" in capture
        self.takes_result = "result" in capture
        self._parameters, self._rest = _parameters(function)

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run:
        """Start a step."""
        try:
            step = Step(self.kind, self.name)
            step.__enter__()
            if step.get_span_context().is_valid:
                if self.takes_arguments and step.keeps_content:
                    self._tell_arguments(step, self._named(args, kwargs))
                return _Running(step, takes_result=self.takes_result)
        except Exception as error:  # noqa: BLE001 -- the application's function runs all the same
            say_once(f"a run could not be observed ({type(error).__name__})", error)
        return NO_RUN

    def _named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return arguments by the names of their parameters."""
        names = self._parameters
        found = {name: value for name, value in zip(names, args, strict=False) if name not in WITHOUT}
        if len(args) > len(names):
            found[self._rest] = args[len(names) :]
        return found | kwargs

    def _tell_arguments(self, step: Step, named: dict[str, Any]) -> None:
        if self.kind.name == "retrieval":
            texts = [value for value in named.values() if isinstance(value, str)]
            query = next((named[name] for name in QUERIES if isinstance(named.get(name), str)), None)
            count = next((named[name] for name in COUNTS if isinstance(named.get(name), int)), None)
            step.query(query or next(iter(texts), ""), count)
        elif self.kind.name == "tool":
            step.input(named)
        elif named:
            step.input(next(iter(named.values())) if len(named) == 1 else named)


class _Running(Run):
    """A run that is a step."""

    __slots__ = ("_is_text", "_items", "_room", "_step", "_takes_result")

    def __init__(self, step: Step, *, takes_result: bool) -> None:
        self._step = step
        self._takes_result = takes_result and step.keeps_content
        self._items: list[Any] = []
        self._is_text = True
        self._room = MOST_TEXT

    def suspend(self, item: Any) -> None:
        if self._takes_result:
            self._keep(item)
        self._step.suspend()

    def resume(self) -> None:
        self._step.resume()

    def end(self, error: BaseException | None, result: Any = None) -> None:
        if self._takes_result:
            if self._items:
                self._step.output("".join(self._items) if self._is_text else self._items)
            elif error is None:
                self._step.output(result)
        self._step.close(error)

    def __del__(self) -> None:
        """End the step of a generator that was destroyed in the middle: none of its code ran any more."""
        self._step.close()

    def _keep(self, item: Any) -> None:
        """Keep what a generator yields: texts, which are often parts of one, or the first of other items."""
        if self._room <= 0:
            return
        self._is_text = self._is_text and isinstance(item, str)
        frozen, size = freeze(item)
        self._items.append(frozen)
        self._room -= max(len(frozen), 1) if isinstance(frozen, str) and self._is_text else max(size, EACH)


def _name_of(function: Any, kind: Kind) -> str:
    """Return a function's name; a task is named with its class, a tool as a model calls it."""
    name = getattr(function, "__name__", None) or type(function).__name__
    full = getattr(function, "__qualname__", None)
    return str(name if kind.operation or not full else full.rpartition("<locals>.")[2])


def _parameters(function: Any) -> tuple[tuple[str, ...], str]:
    """Return the names of parameters that may be given by position, and that of the rest."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return (), "args"
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    rest = next((each.name for each in parameters if each.kind is inspect.Parameter.VAR_POSITIONAL), "args")
    return tuple(each.name for each in parameters if each.kind in by_position), rest
