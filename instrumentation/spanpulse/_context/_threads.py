"""The context in threads: what is done there on behalf of some work belongs to that work.

Plain threads begin with an empty context, those of a pool with whatever was left. `watch_threads` has
`threading.Thread.start` and `ThreadPoolExecutor.submit` (so `map` and `run_in_executor`) take the caller's context
along. Guarantee: results, exceptions, futures and names are the same; without a context nothing is done at all.
Not guaranteed: that a thread which outlives the work that began it, such as a worker of a library, gets another one;
other kinds of pools, for which there is `carry`.
"""

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

from opentelemetry.context import Context, attach, get_current

from spanpulse._log import say_once

__all__ = ["carry", "watch_threads"]

P = ParamSpec("P")
R = TypeVar("R")
OURS: Final = "spanpulse"  # how threads of our own are named
EMPTY: Final = Context()


def carry(function: Callable[P, R]) -> Callable[P, R]:
    """Return a plain function that runs in the context in which `carry` was called, whatever thread calls it."""
    context = get_current()

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return _run(context, function, *args, **kwargs)

    return run


def watch_threads() -> Callable[[], None]:
    """Have threads and thread pools take the context along; return what takes that back."""
    undo = [_replace(threading.Thread, "start", _start), _replace(ThreadPoolExecutor, "submit", _submit)]

    def take_back() -> None:
        for each in undo:
            each()

    return take_back


def _replace(owner: type, name: str, made: Callable[[Any, list[bool]], Any]) -> Callable[[], None]:
    plain = getattr(owner, name)
    is_on = [True]
    ours = functools.wraps(plain)(made(plain, is_on))
    setattr(owner, name, ours)

    def take_back() -> None:
        is_on.clear()  # somebody else may have put theirs around ours
        if getattr(owner, name) is ours:
            setattr(owner, name, plain)

    return take_back


def _start(plain: Any, is_on: list[bool]) -> Any:
    def start(self: threading.Thread) -> Any:
        context = get_current()
        if not is_on or not context or self.ident is not None or self.name.startswith(OURS):
            return plain(self)
        take_back = _carry_into(self, context)
        try:
            return plain(self)
        except BaseException:
            take_back()
            raise

    return start


def _carry_into(thread: threading.Thread, context: Context) -> Callable[[], None]:
    """Have a thread's `run` be in a context; return what takes that back. The thread does so when it runs."""
    try:
        own, inner = vars(thread), thread.run
        before = dict.fromkeys(["run"], own["run"]) if "run" in own else {}
    except Exception as error:  # noqa: BLE001 -- a thread of an odd class runs without
        say_once(f"a thread could not be given the context ({type(error).__name__})", error)
        return lambda: None

    def take_back() -> None:
        own.pop("run", None)
        own.update(before)

    def run() -> None:
        take_back()
        attach(context)
        inner()

    own["run"] = run
    return take_back


def _submit(plain: Any, is_on: list[bool]) -> Any:
    def submit(self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        context = get_current()
        if not is_on or not context:
            return plain(self, fn, *args, **kwargs)
        attach(EMPTY)  # the pool may start a thread, which is not for this work alone
        try:
            return plain(self, _run, context, fn, *args, **kwargs)
        finally:
            attach(context)

    return submit


def _run(context: Context, function: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
    before = get_current()
    attach(context)
    try:
        return function(*args, **kwargs)
    finally:
        attach(before)
