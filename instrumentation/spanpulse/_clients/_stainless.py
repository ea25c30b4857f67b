"""Clients that are made like OpenAI's and Anthropic's: one method sends every request, another takes every answer.

Watched are `request` (when a call begins, and what it raises), `_build_request` (what is sent, each time it is tried)
and `_process_response` (the HTTP exchange that it came to), of the classes that all clients of an SDK derive from. So
all that an SDK offers is covered, whatever it is called. Guarantee: what a call returns and raises is what it would be
without; of an SDK that lacks some of this the rest is told, and that is said once.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final

from spanpulse._calls import tap
from spanpulse._clients._current import enter, leave, under_way
from spanpulse._clients._watcher import Exchange, Watcher
from spanpulse._log import say_once

__all__ = ["watch"]

RESENT: Final = "http.request.resend_count"

Method = Callable[..., Any]


def watch(base: Any, watcher: Watcher) -> Callable[[], None]:
    """Watch the clients of an SDK whose base classes are in the module ``base``; returns what undoes it.

    Raises AttributeError where it has no method that sends requests.
    """
    sync, concurrent = base.SyncAPIClient, base.AsyncAPIClient
    wrapped = [
        (sync, "request", _watched(sync.request, watcher)),
        (concurrent, "request", _watched_async(concurrent.request, watcher)),
    ]
    for owner, name, wrapper in (
        (sync, "_process_response", _noted),
        (concurrent, "_process_response", _noted_async),
        (getattr(base, "BaseClient", sync), "_build_request", _seen),
    ):
        if callable(method := getattr(owner, name, None)):
            wrapped.append((owner, name, wrapper(method)))
        else:
            say_once(f"{watcher.sdk.name} has no {owner.__name__}.{name}: its spans lack what is seen there")
    for owner, name, method in wrapped:
        setattr(owner, name, method)

    def undo() -> None:
        watcher.off = True
        for owner, name, method in wrapped:
            if owner.__dict__.get(name) is method:  # else somebody else has put theirs around it
                setattr(owner, name, method.__wrapped__)

    return undo


def sent(request: Any) -> None:
    """Take note of a request that is about to be sent for the current call, perhaps not for the first time."""
    call = under_way()
    if type(call) is not Exchange:  # that of an SDK which calls this one is watched there
        return
    try:
        call.attempts += 1
        if call.attempts > 1:
            call.span.set_attribute(RESENT, call.attempts - 1)
        call.request = request.content
    except Exception as error:  # noqa: BLE001 -- a body that streams, or that this SDK keeps elsewhere
        say_once(f"requests of this SDK cannot be read ({type(error).__name__}); its spans lack what they asked", error)


def took(response: Any) -> None:
    """Take note of the HTTP exchange that the current call came to."""
    call = under_way()
    if type(call) is not Exchange:  # that of an SDK which calls this one is watched there
        return
    try:
        call.late = None
        if hasattr(response, "_content"):
            call.answer = response.content
        else:
            call.encoding = response.headers.get("content-encoding", "")
            tap(response, call)
    except Exception as error:  # noqa: BLE001 -- nothing that is watched may fail because of it
        say_once(f"answers of this SDK cannot be watched ({type(error).__name__}); its spans lack them", error)


def over(call: Exchange) -> None:
    """End a call that has returned, unless its answer is still to be read."""
    call.held, late = False, call.late
    call.late = None  # an error has frames of the application
    if late is not None:
        call.end(*late)
    elif isinstance(call.answer, bytes):
        call.end()


def failed(call: Exchange, error: BaseException) -> None:
    """End a call that has raised."""
    call.held, call.late = False, None
    call.end(error)


def _watched(request: Method, watcher: Watcher) -> Method:
    begin = watcher.begin

    @wraps(request)
    def watched(self: Any, *given: Any, **named: Any) -> Any:
        call = begin(self, named["options"] if "options" in named else given[1] if len(given) > 1 else None)
        if call is None:
            return request(self, *given, **named)
        call.held, entered = True, enter(call)
        try:
            result = request(self, *given, **named)
        except BaseException as error:
            failed(call, error)
            raise
        finally:
            leave(entered)
        over(call)
        return result

    return watched


def _watched_async(request: Callable[..., Awaitable[Any]], watcher: Watcher) -> Callable[..., Awaitable[Any]]:
    begin = watcher.begin

    @wraps(request)
    async def watched(self: Any, *given: Any, **named: Any) -> Any:
        call = begin(self, named["options"] if "options" in named else given[1] if len(given) > 1 else None)
        if call is None:
            return await request(self, *given, **named)
        call.held, entered = True, enter(call)
        try:
            result = await request(self, *given, **named)
        except BaseException as error:
            failed(call, error)
            raise
        finally:
            leave(entered)
        over(call)
        return result

    return watched


def _noted(process: Method) -> Method:
    @wraps(process)
    def noted(self: Any, *given: Any, **named: Any) -> Any:
        took(named.get("response"))
        return process(self, *given, **named)

    return noted


def _noted_async(process: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(process)
    async def noted(self: Any, *given: Any, **named: Any) -> Any:
        took(named.get("response"))
        return await process(self, *given, **named)

    return noted


def _seen(build: Method) -> Method:
    @wraps(build)
    def seen(self: Any, *given: Any, **named: Any) -> Any:
        request = build(self, *given, **named)
        sent(request)
        return request

    return seen
