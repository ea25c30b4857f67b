"""Clients that are made like OpenAI's and Anthropic's: one method sends every request, another takes every answer.

Watched are `request` (when a call begins, and what it raises) and `_process_response` (the HTTP exchange that it came
to), of the classes that all clients of an SDK derive from. So all that an SDK offers is covered, whatever it is called.
What a call returns and raises is what it would be without.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any

from opentelemetry import context as otel
from opentelemetry.trace import SpanKind, Tracer, set_span_in_context

from spanpulse._calls import Call, Finisher, say_once, tap
from spanpulse._shapes import Shape

__all__ = ["Stainless", "Watcher", "watch"]

_current: ContextVar[Call | None] = ContextVar("spanpulse_call", default=None)


@dataclass(frozen=True)
class Stainless:
    """One SDK: how its addresses tell what is asked, and whom."""

    name: str
    shapes: dict[str, Shape]
    """By the last words of a request's path."""
    provider_of: Callable[[str, str], str]
    """Returns `gen_ai.provider.name` of a host and the client's class."""


@dataclass(frozen=True)
class Watcher:
    """Begins calls of one SDK."""

    sdk: Stainless
    tracer: Tracer
    finisher: Finisher

    def begin(self, client: Any, options: Any) -> Call | None:
        """Begin a call; None where this is no request to a model, or nobody wants to know."""
        if options.method.lower() != "post" or _current.get() is not None:
            return None
        shape = self._shape(options.url)
        if shape is None or otel.get_value("suppress_instrumentation"):
            return None
        body = options.json_data if isinstance(options.json_data, dict) else {}
        model, address = body.get("model"), client.base_url
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": shape.operation,
            "gen_ai.provider.name": self.sdk.provider_of(address.host, type(client).__name__),
            "server.address": address.host,
        }
        if address.port:
            attributes["server.port"] = address.port
        if isinstance(model, str):
            attributes["gen_ai.request.model"] = model
        span = self.tracer.start_span(
            f"{shape.operation} {model}" if isinstance(model, str) else shape.operation,
            kind=SpanKind.CLIENT,
            attributes=attributes,
        )
        call = Call(span, shape, self.finisher.put)
        call.is_stream = body.get("stream") is True
        call.usage_only = shape.operation == "embeddings"
        return call

    def _shape(self, url: str) -> Shape | None:
        path = url.partition("?")[0].rstrip("/")
        return next((shape for end, shape in self.sdk.shapes.items() if path.endswith(end)), None)


def took(response: Any) -> None:
    """Take note of the HTTP exchange that the current call came to."""
    call = _current.get()
    if call is None:
        return
    try:
        call.request = response.request.content
        call.encoding = response.headers.get("content-encoding", "")
        if hasattr(response, "_content"):
            call.answer, call.encoding = response.content, ""
        else:
            tap(response, call)
    except Exception as error:  # noqa: BLE001 -- nothing that is watched may fail because of it
        say_once(f"answers of this SDK cannot be watched ({type(error).__name__}); its spans lack them", error)


def over(call: Call) -> None:
    """End a call that has returned, unless its answer is still to be read."""
    if isinstance(call.answer, bytes):
        call.end()


def failed(call: Call, error: BaseException) -> None:
    """End a call that has raised."""
    response = getattr(error, "response", None)
    request = getattr(error, "request", None) or getattr(response, "request", None)
    try:
        if request is not None and not call.request:
            call.request = request.content
    except Exception as unread:  # noqa: BLE001 -- a body that streams
        say_once("a request that failed could not be read", unread)
    call.end(error)


def watch(base: Any, watcher: Watcher) -> Callable[[], None]:
    """Watch the clients of an SDK whose base classes are in the module ``base``; returns what undoes it.

    Raises AttributeError where the SDK has another shape.
    """
    sync, background = base.SyncAPIClient, base.AsyncAPIClient
    before = [
        (owner, name, getattr(owner, name)) for owner in (sync, background) for name in ("request", "_process_response")
    ]
    sync.request = _watched(sync.request, watcher)
    background.request = _watched_async(background.request, watcher)
    sync._process_response = _noted(sync._process_response)  # noqa: SLF001 -- the one place that has both sides
    background._process_response = _noted_async(background._process_response)  # noqa: SLF001

    def undo() -> None:
        for owner, name, method in before:
            setattr(owner, name, method)

    return undo


def _begun(watcher: Watcher, client: Any, options: Any) -> Call | None:
    try:
        return watcher.begin(client, options)
    except Exception as error:  # noqa: BLE001 -- nothing that is watched may fail because of it
        say_once(f"calls of {watcher.sdk.name} cannot be watched ({type(error).__name__})", error)
        return None


def _watched(request: Callable[..., Any], watcher: Watcher) -> Callable[..., Any]:
    @wraps(request)
    def watched(self: Any, cast_to: Any, options: Any, **given: Any) -> Any:
        call = _begun(watcher, self, options)
        if call is None:
            return request(self, cast_to, options, **given)
        token, context = _current.set(call), otel.attach(set_span_in_context(call.span))
        try:
            result = request(self, cast_to, options, **given)
        except BaseException as error:
            failed(call, error)
            raise
        finally:
            otel.detach(context)
            _current.reset(token)
        over(call)
        return result

    return watched


def _watched_async(request: Callable[..., Awaitable[Any]], watcher: Watcher) -> Callable[..., Awaitable[Any]]:
    @wraps(request)
    async def watched(self: Any, cast_to: Any, options: Any, **given: Any) -> Any:
        call = _begun(watcher, self, options)
        if call is None:
            return await request(self, cast_to, options, **given)
        token, context = _current.set(call), otel.attach(set_span_in_context(call.span))
        try:
            result = await request(self, cast_to, options, **given)
        except BaseException as error:
            failed(call, error)
            raise
        finally:
            otel.detach(context)
            _current.reset(token)
        over(call)
        return result

    return watched


def _noted(process: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(process)
    def noted(self: Any, **given: Any) -> Any:
        took(given.get("response"))
        return process(self, **given)

    return noted


def _noted_async(process: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(process)
    async def noted(self: Any, **given: Any) -> Any:
        took(given.get("response"))
        return await process(self, **given)

    return noted
