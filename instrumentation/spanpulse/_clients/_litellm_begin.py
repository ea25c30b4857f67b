"""Beginning and ending calls through litellm: what their spans start with, and what is only known afterwards.

Guarantee: nothing here raises; where litellm says less than it did, the span says less.
"""

from collections.abc import Callable
from typing import Any

from opentelemetry.trace import SpanKind, Tracer

from spanpulse._calls import Teller
from spanpulse._clients._current import suppressed, under_way
from spanpulse._clients._litellm_asked import (
    KINDS,
    Kind,
    address_of,
    body_of,
    named,
    provider_name,
    split_model,
)
from spanpulse._clients._litellm_calls import Spoken, Streams
from spanpulse._clients._litellm_said import said_by
from spanpulse._clients._others import no_other
from spanpulse._log import say_once

__all__ = ["Litellm"]


class Litellm:
    """Begins calls; ``aside`` tells at each whether another instrumentation has them."""

    def __init__(self, module: Any, tracer: Tracer, teller: Teller, aside: Callable[[], bool] = no_other) -> None:
        self._module = module
        self._tracer = tracer
        self._teller = teller
        self._aside = aside
        self.off = False
        """Whether no calls are begun any more."""
        self.streams = Streams()
        self._providers = frozenset(str(getattr(each, "value", each)) for each in getattr(module, "provider_list", ()))

    def begin(self, name: str, given: tuple[Any, ...], names: dict[str, Any]) -> Spoken | None:
        """Begin a call of a function; None where it is part of another, or nobody wants to know."""
        try:
            if self.off or under_way() is not None or suppressed() or self._aside():
                return None
            kind = KINDS[name]
            return self._begun(kind, named(kind, given, names))
        except Exception as error:  # noqa: BLE001 -- nothing that is watched may fail because of it
            say_once(f"calls of litellm cannot be watched ({type(error).__name__})", error)
            return None

    def answered(self, call: Spoken, answer: Any) -> None:
        """Take an answer, or a stream that will bring it."""
        try:
            self._note_place(call, answer)
            if hasattr(answer, "__next__") or hasattr(answer, "__anext__"):
                self.streams.follow(answer, call)
                return
            call.is_stream = False  # litellm has joined the stream
            call.add(said_by(answer), 0)
        except Exception as error:  # noqa: BLE001 -- see above
            say_once(f"answers of litellm cannot be read ({type(error).__name__}); their spans lack them", error)
        call.end()

    def failed(self, call: Spoken, error: BaseException) -> None:
        """Take an error."""
        if not call.provider_is_known and (provider := provider_name(getattr(error, "llm_provider", None))):
            call.span.set_attribute("gen_ai.provider.name", provider)
        call.end(error)

    def _begun(self, kind: Kind, asked: dict[str, Any]) -> Spoken:
        said = str(asked.get("model") or "")
        custom, costs = asked.get("custom_llm_provider"), getattr(self._module, "model_cost", None)
        known, model = split_model(said, custom, self._providers, costs)
        operation = kind.shape.operation
        attributes = {"gen_ai.operation.name": operation, "gen_ai.request.model": model}
        attributes |= address_of(asked.get("api_base") or asked.get("base_url"))
        if provider := provider_name(known, attributes.get("server.address", "")):
            attributes["gen_ai.provider.name"] = provider
        span = self._tracer.start_span(f"{operation} {model}", kind=SpanKind.CLIENT, attributes=attributes)
        call = Spoken(span, kind.shape, self._teller)
        call.began = attributes
        call.provider_is_known = bool(provider)
        call.is_stream = asked.get("stream") is True
        try:
            call.request = body_of(kind, asked, model)
        except Exception as error:  # noqa: BLE001 -- litellm says itself what it cannot send
            say_once(f"requests of litellm cannot be read ({type(error).__name__}); their spans lack them", error)
        return call

    def _note_place(self, call: Spoken, answer: Any) -> None:
        """Tell what litellm has found out: who it was that was asked."""
        if call.provider_is_known:
            return
        hidden = getattr(answer, "_hidden_params", None)
        known = hidden.get("custom_llm_provider") if isinstance(hidden, dict) else None
        if provider := provider_name(known or getattr(answer, "custom_llm_provider", None)):
            call.span.set_attribute("gen_ai.provider.name", provider)
