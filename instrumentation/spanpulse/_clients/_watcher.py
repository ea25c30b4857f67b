"""Beginning calls: which requests of an SDK are calls of a model, and what their spans start with.

What a sampler decides by is there from the start: operation, provider, model, address. Guarantee: `begin` never raises;
where an SDK says less than it did, the span says less.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.trace import Span, SpanKind, Tracer

from spanpulse._calls import Call, Teller
from spanpulse._clients._current import suppressed, under_way
from spanpulse._clients._others import no_other
from spanpulse._log import say_once
from spanpulse._shapes import Shape

__all__ = ["Exchange", "Stainless", "Watcher"]

MOST_KNOWN: Final = 512  # addresses, and paths, some of which have an id in them
ABSENT: Final[Any] = object()
PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Stainless:
    """One SDK: how its addresses tell what is asked, and whom."""

    name: str
    shapes: dict[str, Shape]
    """By the last words of a request's path; longer ones first."""
    provider_of: Callable[[str, tuple[str, ...]], str]
    """Returns `gen_ai.provider.name` of a host and the names of the client's classes, its own first."""
    tells_itself: Callable[[Any, Any], bool]
    """Tells whether the SDK makes a span of its own for a client's request."""


class Exchange(Call):
    """A call that is one exchange of HTTP, tried as often as it takes."""

    __slots__ = ("attempts", "held", "late")

    def __init__(self, span: Span, shape: Shape, teller: Teller) -> None:
        super().__init__(span, shape, teller)
        self.attempts = 0
        self.held = False
        """Whether the SDK's method still runs: a stream that ends meanwhile may be tried again."""
        self.late: tuple[BaseException | None] | None = None
        """What ended while it was held."""

    def end(self, error: BaseException | None = None) -> None:
        """Say that the call is over, once the SDK's method is."""
        if self.held:
            self.late = (error,)
        else:
            super().end(error)


class Watcher:
    """Begins calls of one SDK; ``aside`` tells at each whether another instrumentation has them."""

    def __init__(self, sdk: Stainless, tracer: Tracer, teller: Teller, aside: Callable[[], bool] = no_other) -> None:
        self.sdk = sdk
        self._tracer = tracer
        self._teller = teller
        self._aside = aside
        self.off = False
        """Whether no calls are begun any more."""
        self._shapes: dict[str, Shape | None] = {}
        self._places: dict[tuple[str, int | None, str, type], dict[str, Any]] = {}
        self._latest: tuple[Any, type, dict[str, Any]] = (ABSENT, object, {})
        """The last address and class with their place: most applications have one client."""

    def begin(self, client: Any, options: Any) -> Exchange | None:
        """Begin a call; None where this is no request to a model, or nobody wants to know."""
        try:
            url = options.url
            shape = found if (found := self._shapes.get(url, ABSENT)) is not ABSENT else self._shape(url)
            if shape is None or self.off or options.method.lower() != "post" or under_way() is not None or suppressed():
                return None
            return None if self._steps_aside(client, options) else self._begun(client, options, shape)
        except Exception as error:  # noqa: BLE001 -- nothing that is watched may fail because of it
            say_once(f"calls of {self.sdk.name} cannot be watched ({type(error).__name__})", error)
            return None

    def _begun(self, client: Any, options: Any, shape: Shape) -> Exchange:
        body = getattr(options, "json_data", None)
        model, streams = (body.get("model"), body.get("stream") is True) if isinstance(body, dict) else (None, False)
        attributes = {"gen_ai.operation.name": shape.operation, **self._place(client)}
        name = shape.operation
        if isinstance(model, str):
            attributes["gen_ai.request.model"] = model
            name = f"{name} {model}"
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        call = Exchange(span, shape, self._teller)
        call.began = attributes
        call.is_stream = streams
        call.usage_only = shape.operation == "embeddings"
        return call

    def _steps_aside(self, client: Any, options: Any) -> bool:
        if self.sdk.tells_itself(client, options):
            say_once(f"{self.sdk.name} makes spans of its own for some clients; spanpulse makes none for those")
            return True
        return self._aside()

    def _place(self, client: Any) -> dict[str, Any]:
        """Return the attributes that say whom a client asks."""
        url, kind = getattr(client, "base_url", None), type(client)
        latest = self._latest  # once, for another thread may put another one there
        if url is latest[0] and kind is latest[1]:
            return latest[2]
        key = (getattr(url, "host", ""), getattr(url, "port", None), getattr(url, "scheme", ""), kind)
        place = self._places.get(key)
        if place is None:
            host, port, scheme, _ = key
            classes = tuple(base.__name__ for base in kind.__mro__)
            place = {"gen_ai.provider.name": self.sdk.provider_of(host, classes)}
            if host:
                place |= {"server.address": host, "server.port": port or PORTS.get(scheme, 443)}
            if len(self._places) >= MOST_KNOWN:
                self._places.clear()
            self._places[key] = place
        self._latest = (url, kind, place)
        return place

    def _shape(self, url: str) -> Shape | None:
        path = url.partition("?")[0].rstrip("/")
        shape = next((shape for end, shape in self.sdk.shapes.items() if path.endswith(end)), None)
        if len(self._shapes) >= MOST_KNOWN:
            self._shapes.clear()
        self._shapes[url] = shape
        return shape
