"""Google's SDK: generateContent and embedContent, whole and streamed, of the Gemini API and of Vertex AI.

Watched are the four methods that send every request, and the one that builds it; each exchange is a call, so that
functions which the SDK calls by itself lie between calls. Counting tokens, caches, files and models that draw are no
calls. Guarantee: what a call returns and raises is what it would be without; streams are of another class below the
SDK's own, which nobody gets. Not covered: live sessions, and interactions.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from types import ModuleType
from typing import Any, Final

from spanpulse._clients._current import enter, leave, under_way
from spanpulse._clients._google_answers import AsyncStream, Stream, answered, asks
from spanpulse._clients._google_begin import NAME, Google
from spanpulse._clients._others import aside_for
from spanpulse._clients._watcher import Exchange
from spanpulse._log import say_once
from spanpulse._state import State

__all__ = ["watch", "watch_client"]

RESENT: Final = "http.request.resend_count"

Method = Callable[..., Any]
AsyncMethod = Callable[..., Awaitable[Any]]


def watch(module: Any, watcher: Google) -> Callable[[], None]:
    """Watch the clients of the module `google.genai._api_client`; return what undoes it.

    Raises AttributeError where they have no methods that send requests.
    """
    client = getattr(module, "BaseApiClient", None) or module.ApiClient
    wrapped = [
        ("request", _whole(client.request, watcher)),
        ("request_streamed", _streamed(client.request_streamed, watcher)),
        ("async_request", _whole_async(client.async_request, watcher)),
        ("async_request_streamed", _streamed_async(client.async_request_streamed, watcher)),
    ]
    if callable(build := getattr(client, "_build_request", None)):
        wrapped.append(("_build_request", _built(build)))
    else:
        say_once(f"{NAME} has no _build_request: its spans lack what was asked")
    for name, wrapper in (("_request_once", _tried), ("_async_request_once", _tried_async)):
        if callable(method := getattr(client, name, None)):  # older versions try nothing again
            wrapped.append((name, wrapper(method)))
    for name, method in wrapped:
        setattr(client, name, method)

    def undo() -> None:
        watcher.off = True
        for name, method in wrapped:
            if client.__dict__.get(name) is method:  # else somebody else has put theirs around it
                setattr(client, name, method.__wrapped__)

    return undo


def watch_client(module: ModuleType, state: State) -> Callable[[], None]:
    """Watch what the module `google.genai._api_client` has; return what undoes it. Raises for another shape."""
    return watch(module, Google(state.tracer, state.telling, aside_for(NAME)))


def _whole(request: Method, watcher: Google) -> Method:
    @wraps(request)
    def watched(self: Any, http_method: str, path: str, request_dict: Any, *given: Any, **named: Any) -> Any:
        call = watcher.begin(self, http_method, path, request_dict)
        if call is None:
            return request(self, http_method, path, request_dict, *given, **named)
        entered = enter(call)
        try:
            answer = request(self, http_method, path, request_dict, *given, **named)
        except BaseException as error:
            call.end(error)
            raise
        finally:
            leave(entered)
        answered(call, answer)
        return answer

    return watched


def _whole_async(request: AsyncMethod, watcher: Google) -> AsyncMethod:
    @wraps(request)
    async def watched(self: Any, http_method: str, path: str, request_dict: Any, *given: Any, **named: Any) -> Any:
        call = watcher.begin(self, http_method, path, request_dict)
        if call is None:
            return await request(self, http_method, path, request_dict, *given, **named)
        entered = enter(call)
        try:
            answer = await request(self, http_method, path, request_dict, *given, **named)
        except BaseException as error:
            call.end(error)
            raise
        finally:
            leave(entered)
        answered(call, answer)
        return answer

    return watched


def _streamed(request: Method, watcher: Google) -> Method:
    @wraps(request)
    def watched(self: Any, http_method: str, path: str, request_dict: Any, *given: Any, **named: Any) -> Any:
        answers = request(self, http_method, path, request_dict, *given, **named)  # begins when it is read
        call = watcher.begin(self, http_method, path, request_dict)
        return answers if call is None else Stream(answers, call)

    return watched


def _streamed_async(request: AsyncMethod, watcher: Google) -> AsyncMethod:
    @wraps(request)
    async def watched(self: Any, http_method: str, path: str, request_dict: Any, *given: Any, **named: Any) -> Any:
        call = watcher.begin(self, http_method, path, request_dict)
        if call is None:
            return await request(self, http_method, path, request_dict, *given, **named)
        entered = enter(call)
        try:
            answers = await request(self, http_method, path, request_dict, *given, **named)
        except BaseException as error:
            call.end(error)
            raise
        finally:
            leave(entered)
        return AsyncStream(answers, call)

    return watched


def _built(build: Method) -> Method:
    @wraps(build)
    def built(self: Any, *given: Any, **named: Any) -> Any:
        request = build(self, *given, **named)
        if isinstance(call := under_way(), Exchange):
            asks(call, getattr(request, "data", None))
        return request

    return built


def _tried(send: Method) -> Method:
    @wraps(send)
    def tried(self: Any, *given: Any, **named: Any) -> Any:
        _count()
        return send(self, *given, **named)

    return tried


def _tried_async(send: AsyncMethod) -> AsyncMethod:
    @wraps(send)
    async def tried(self: Any, *given: Any, **named: Any) -> Any:
        _count()
        return await send(self, *given, **named)

    return tried


def _count() -> None:
    call = under_way()
    if isinstance(call, Exchange):
        call.attempts += 1
        if call.attempts > 1:
            call.span.set_attribute(RESENT, call.attempts - 1)
