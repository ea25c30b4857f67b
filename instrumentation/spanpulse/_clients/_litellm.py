"""litellm: completions, text completions, embeddings and responses, whole and streamed, also through its Router.

Its public functions are replaced wherever a module has them by their names, for litellm offers no other place that
sees every call to its end: callbacks are lost when an application sets its own, and hear nothing of streams that are
left. SDKs that it calls make no second span. Guarantee: what a call returns and raises is litellm's own. Not
guaranteed: that functions which were imported under other names before this are seen.
"""

import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction
from types import ModuleType
from typing import Any, Final

from spanpulse._clients._current import enter, leave
from spanpulse._clients._litellm_asked import KINDS
from spanpulse._clients._litellm_begin import Litellm
from spanpulse._clients._others import aside_for
from spanpulse._log import say_once
from spanpulse._state import State

__all__ = ["watch", "watch_client"]

BELOW: Final = ("litellm.main", "litellm.responses.main")
"""Modules with functions of the same names, which the public ones may call."""

Method = Callable[..., Any]
AsyncMethod = Callable[..., Awaitable[Any]]


def watch(module: Any, watcher: Litellm) -> Callable[[], None]:
    """Watch the functions of the module `litellm`; return what undoes it. Raises AttributeError where it has none."""
    replaced: list[tuple[dict[str, Any], str, Method]] = []
    for name in KINDS:
        for function in _functions(module, name):
            make = _watched_async if iscoroutinefunction(function) else _watched
            replaced += _replace(name, function, make(function, name, watcher))
    if not replaced:
        raise AttributeError(f"{module.__name__} has none of {', '.join(KINDS)}")

    def undo() -> None:
        watcher.off = True
        watcher.streams.undo()
        for place, name, method in replaced:
            if place.get(name) is method:  # else somebody else has put theirs around it
                place[name] = method.__wrapped__

    return undo


def watch_client(module: ModuleType, state: State) -> Callable[[], None]:
    """Watch what the module `litellm` has; return what undoes it. Raises for another shape."""
    return watch(module, Litellm(module, state.tracer, state.telling, aside_for("litellm")))


def _functions(module: Any, name: str) -> list[Method]:
    """Return the functions of a name; there may be one around another."""
    found: list[Method] = []
    for place in (module, *map(sys.modules.get, BELOW)):
        function = getattr(place, name, None)
        if callable(function) and function not in found:
            found.append(function)
    if not found:
        say_once(f"litellm has no {name}: it is not watched")
    return found


def _replace(name: str, function: Method, method: Method) -> list[tuple[dict[str, Any], str, Method]]:
    """Put ``method`` where modules have ``function``; return where that was."""
    places = [known for each in list(sys.modules.values()) if (known := getattr(each, "__dict__", None)) is not None]
    places = [known for known in places if known.get(name) is function]
    for known in places:
        known[name] = method
    return [(known, name, method) for known in places]


def _watched(function: Method, name: str, watcher: Litellm) -> Method:
    @wraps(function)
    def watched(*given: Any, **names: Any) -> Any:
        call = watcher.begin(name, given, names)
        if call is None:
            return function(*given, **names)
        entered = enter(call)
        try:
            answer = function(*given, **names)
        except BaseException as error:
            watcher.failed(call, error)
            raise
        finally:
            leave(entered)
        watcher.answered(call, answer)
        return answer

    return watched


def _watched_async(function: AsyncMethod, name: str, watcher: Litellm) -> AsyncMethod:
    @wraps(function)
    async def watched(*given: Any, **names: Any) -> Any:
        call = watcher.begin(name, given, names)
        if call is None:
            return await function(*given, **names)
        entered = enter(call)
        try:
            answer = await function(*given, **names)
        except BaseException as error:
            watcher.failed(call, error)
            raise
        finally:
            leave(entered)
        watcher.answered(call, answer)
        return answer

    return watched
