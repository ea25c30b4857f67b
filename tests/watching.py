"""SDKs of models watched for the length of a `with`, and the spans that come of it.

It is the wrapper's own way from the client to the ended span; only the exporter is one that keeps spans. SDKs are
imported by those who ask for them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from opentelemetry.metrics import NoOpMeter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanpulse._background import Background
from spanpulse._clients._stainless import watch
from spanpulse._clients._watcher import Stainless, Watcher
from spanpulse._metrics import Metrics
from spanpulse._privacy import Content
from spanpulse._telling import Telling

__all__ = ["Watched", "told", "watching"]

FINISHED_S = 20.0


class Watched:
    """What was watched so far."""

    def __init__(self, content: Content | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.background = Background(every=0.01)
        self.telling = Telling(self.background, content, Metrics(NoOpMeter("test")))
        self.tracer = self.provider.get_tracer("spanpulse")

    def spans(self) -> list[ReadableSpan]:
        """Return the spans that have ended since the last time, in the order in which they began."""
        assert self.background.flush(FINISHED_S)
        ended = sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
        self.exporter.clear()
        return ended


@contextmanager
def watching(
    *sdks: tuple[ModuleType, Stainless], content: Content | None = None, aside: Callable[[], bool] = bool
) -> Iterator[Watched]:
    """Watch the clients of base modules, such as `openai._base_client`."""
    watched = Watched(content)
    undo = [watch(base, Watcher(sdk, watched.tracer, watched.telling, aside)) for base, sdk in sdks]
    try:
        yield watched
    finally:
        for each in reversed(undo):
            each()


def told(span: ReadableSpan) -> dict[str, Any]:
    """Return a span as values of JSON."""
    return {
        "name": span.name,
        "kind": span.kind.name,
        "start": span.start_time,
        "end": span.end_time,
        "status": span.status.status_code.name,
        "words": span.status.description,
        "attributes": {
            key: list(value) if isinstance(value, tuple) else value for key, value in (span.attributes or {}).items()
        },
    }
