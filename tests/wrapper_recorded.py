"""A provider of real spans, with what the wrapper puts on them, and the spans that have ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

from spanpulse import _state
from spanpulse._background import Background
from spanpulse._context import attributes_of
from spanpulse._settings import Settings
from spanpulse._state import State, content_of


class Recorded(SpanProcessor):
    """Keeps ended spans, as a processor of an application's own would see them."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self.ended: list[ReadableSpan] = []
        """Spans that have ended so far."""
        self.provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.provider.add_span_processor(self)
        self.tracer = self.provider.get_tracer("application")

    def on_start(self, span: Span, parent_context: otel_context.Context | None = None) -> None:
        span.set_attributes(attributes_of(parent_context))

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)

    @property
    def spans(self) -> list[ReadableSpan]:
        """Spans in the order in which they ended."""
        assert _state.state().background.flush(20)
        return sorted(self.ended, key=lambda span: span.end_time or 0)

    def one(self, name: str) -> ReadableSpan:
        """Return the only span of a name."""
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def said(self, name: str) -> dict[str, object]:
        """Return the attributes of the only span of a name."""
        return dict(self.one(name).attributes or {})


@contextmanager
def recorded(sampler: Sampler = ALWAYS_ON, **settings: object) -> Iterator[Recorded]:
    """Have the process record spans; ``settings`` are fields of `Settings`."""
    before, found = _state._state, Recorded(sampler)
    chosen = replace(Settings(), **settings)
    made = State(chosen, content_of(chosen), None, Background(0.01))
    made.__dict__["tracer"] = found.provider.get_tracer("spanpulse")
    _state._state = made
    outside = otel_context.attach(otel_context.Context())
    try:
        yield found
    finally:
        made.background.flush(20)
        otel_context.detach(outside)
        _state._state = before
        found.provider.shutdown()
