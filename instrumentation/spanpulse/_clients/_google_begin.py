"""Beginning calls of Google's SDK: what their spans start with. Guarantee: `begin` never raises."""

from collections.abc import Callable
from typing import Any, Final

from opentelemetry.trace import SpanKind, Tracer

from spanpulse._calls import Teller
from spanpulse._clients._current import suppressed, under_way
from spanpulse._clients._google_address import Asked, asked_at, place_at
from spanpulse._clients._google_answers import Vectors
from spanpulse._clients._others import no_other
from spanpulse._clients._watcher import MOST_KNOWN, Exchange
from spanpulse._log import say_once

__all__ = ["NAME", "Google"]

NAME: Final = "google-genai"


class Google:
    """Begins calls; ``aside`` tells at each whether another instrumentation has them."""

    def __init__(self, tracer: Tracer, teller: Teller, aside: Callable[[], bool] = no_other) -> None:
        self._tracer = tracer
        self._teller = teller
        self._aside = aside
        self.off = False
        """Whether no calls are begun any more."""
        self._asked: dict[str, Asked | None] = {}
        self._places: dict[tuple[Any, bool], dict[str, Any]] = {}

    def begin(self, client: Any, method: str, path: str, body: Any) -> Exchange | None:
        """Begin a call; None where this is no request to a model, or nobody wants to know."""
        try:
            asked = self._asked[path] if path in self._asked else self._known(path)
            if asked is None or self.off or method.lower() != "post" or under_way() is not None or suppressed():
                return None
            return None if not asked.is_call(body) or self._aside() else self._begun(client, asked)
        except Exception as error:  # noqa: BLE001 -- nothing that is watched may fail because of it
            say_once(f"calls of {NAME} cannot be watched ({type(error).__name__})", error)
            return None

    def _begun(self, client: Any, asked: Asked) -> Exchange:
        operation = asked.shape.operation
        said = {"gen_ai.operation.name": operation, "gen_ai.request.model": asked.model, **self._place(client)}
        span = self._tracer.start_span(f"{operation} {asked.model}", kind=SpanKind.CLIENT, attributes=said)
        call = (Vectors if operation == "embeddings" else Exchange)(span, asked.shape, self._teller)
        call.began = said
        call.is_stream = asked.is_stream
        return call

    def _place(self, client: Any) -> dict[str, Any]:
        options = getattr(client, "_http_options", None)
        address = options.get("base_url") if isinstance(options, dict) else getattr(options, "base_url", None)
        key = (address, bool(getattr(client, "vertexai", False)))
        if key not in self._places:
            _make_room(self._places)
            self._places[key] = place_at(address or "", is_vertex=key[1])
        return self._places[key]

    def _known(self, path: str) -> Asked | None:
        _make_room(self._asked)
        self._asked[path] = asked = asked_at(path)
        return asked


def _make_room(known: dict[Any, Any]) -> None:
    if len(known) >= MOST_KNOWN:
        known.clear()
