"""Spans of the real SDK that have ended, and exporters that get them."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import Tracer

from spanpulse._export import Batch, Exporter, Transport, transport_of
from spanpulse._privacy import Content
from spanpulse._settings import Settings
from wrapper_receiving import Receiver

__all__ = ["Handing", "Recording", "ended", "exporting", "tracer_of"]

MASKED = Content()
INSTANCE = {"service.name": "tested", "service.instance.id": "one"}


class Recording:
    """A transport that keeps what it is given, and answers by ``answer``."""

    def __init__(self, answer: Callable[[Batch], None] = lambda _: None) -> None:
        self.answer = answer
        self.tried: list[Batch] = []
        self.taken: list[Batch] = []
        self.closed = 0

    def send(self, batch: Batch) -> None:
        self.tried.append(batch)
        self.answer(batch)
        self.taken.append(batch)

    def close(self) -> None:
        self.closed += 1


class Handing(SpanProcessor):
    """Hands spans that end to a function."""

    def __init__(self, put: Callable[[ReadableSpan], None]) -> None:
        self._put = put

    def on_end(self, span: ReadableSpan) -> None:
        self._put(span)


def tracer_of(
    put: Callable[[ReadableSpan], None], scope: str = "other", resource: Mapping[str, Any] = INSTANCE
) -> Tracer:
    """Return a tracer whose ended spans go to ``put``."""
    provider = TracerProvider(resource=Resource(resource), shutdown_on_exit=False)
    provider.add_span_processor(Handing(put))
    return provider.get_tracer(scope, "1")


def ended(
    attributes: Mapping[str, Any] | None = None,
    *,
    name: str = "chat",
    scope: str = "other",
    resource: Mapping[str, Any] = INSTANCE,
    fill: Callable[[Any], None] = lambda _: None,
) -> ReadableSpan:
    """Return a span of a scope that has ended; ``fill`` may do more with it before."""
    found: list[ReadableSpan] = []
    with tracer_of(found.append, scope, resource).start_as_current_span(
        name, attributes=dict(attributes or {})
    ) as span:
        fill(span)
    return found[0]


@contextlib.contextmanager
def exporting(
    to: Receiver | Callable[[], Transport], content: Content | None = MASKED, within: float = 10.0, **more: Any
) -> Iterator[Exporter]:
    """Give an exporter to a receiver, or by a transport, that encodes when it is flushed; shut it down afterwards."""
    if isinstance(to, Receiver):
        settings = Settings.read({}, exporter="otlp", endpoint=to.endpoint, protocol=to.name, **more)
        exporter = Exporter(transport_of(settings), settings, content, lambda: None)
    else:
        settings = Settings.read({}, exporter="otlp", endpoint="http://127.0.0.1:9", **more)
        exporter = Exporter(to, settings, content, lambda: None)
    try:
        yield exporter
    finally:
        exporter.shutdown(within)
        assert not [each for each in threading.enumerate() if each is exporter._sender.thread and not each.daemon]
