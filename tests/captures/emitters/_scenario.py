"""What every emitter's script shares: a tracer provider that exports to the collector, and the choice of a scenario.

Without an argument a script prints the names of its scenarios; with one it runs it and prints, as JSON, what the
application knows and no provider can: the user, the session, the versions, the exception that reached it.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

__all__ = ["QUESTION", "WEATHER", "FirstChunks", "main", "provider"]

QUESTION = "What is the capital of France?"
WEATHER = '{"temp_c":21,"sky":"sunny"}'


class FirstChunks:
    """Times from the start of a stream to its first text, as the application sees them."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self.begin()

    def begin(self) -> None:
        self._start, self._open = time.monotonic(), True

    def chunk(self) -> None:
        if self._open:
            self._seconds.append(round(time.monotonic() - self._start, 4))
            self._open = False

    def said(self) -> dict:
        return {"first_chunks_s": self._seconds}


def provider() -> TracerProvider:
    """Return the tracer provider that is installed, with one exporter; made at the first call."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        made = TracerProvider()
        made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(made)
    return trace.get_tracer_provider()


def main(
    scenarios: dict[str, Callable[[], dict | None]], packages: list[str], settle: Callable[[], None] | None = None
) -> None:
    """Run what was asked for; ``settle`` waits for what the emitter still does in the background."""
    if len(sys.argv) < 2:
        sys.stdout.write(" ".join(scenarios) + "\n")
        return
    said = {"versions": {package: version(package) for package in packages}}
    try:
        said |= scenarios[sys.argv[1]]() or {}
    except Exception as error:  # noqa: BLE001, the scenario is about what reaches the application
        said["client_exception"] = f"{type(error).__module__}.{type(error).__qualname__}"
    if settle:
        settle()
    tracer_provider = trace.get_tracer_provider()
    if hasattr(tracer_provider, "force_flush"):
        tracer_provider.force_flush()
    sys.stdout.write("\n" + json.dumps(said) + "\n")
