"""Applications that are instrumented in unusual ways: run with the name of one; what is seen is printed as JSON."""

import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from typing import Any

from opentelemetry import trace

EARLY = trace.get_tracer("early")
"""Taken before there is any provider, as modules do."""


def late_provider() -> Any:
    """Set a provider after `spanpulse-instrument` has run, and look at what it is given."""
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415

    import spanpulse  # noqa: PLC0415

    with EARLY.start_as_current_span("before"):
        pass
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace.set_tracer_provider(provider)
    with spanpulse.context(user_id="ada"), EARLY.start_as_current_span("early"), spanpulse.span("step"):
        trace.get_tracer("late").start_span("late").end()
    spanpulse.flush(10)
    return {span.name: (span.attributes or {}).get("user.id") for span in kept.get_finished_spans()}


def taken_back() -> Any:
    """End it at once, several times."""
    import spanpulse  # noqa: PLC0415

    for number in range(5):
        spanpulse.instrument()
        with spanpulse.span(f"step {number}"):
            pass
        spanpulse.uninstrument()
    return None


def only_in_children() -> Any:
    """Instrument in children alone, which leave at once."""
    for method in ("fork", "forkserver", "spawn"):
        child = multiprocessing.get_context(method).Process(target=_step_of_a_child, args=(method,))
        child.start()
        child.join()
    return None


def _step_of_a_child(name: str) -> None:
    import spanpulse  # noqa: PLC0415

    spanpulse.instrument()
    with spanpulse.span(name):
        pass


def strange_provider() -> Any:
    """Flush where the provider takes no processors, and cannot be flushed itself."""
    import spanpulse  # noqa: PLC0415

    class Strange(trace.NoOpTracerProvider):
        def force_flush(self, _within: int) -> bool:
            raise OSError("strange")

    trace.set_tracer_provider(Strange())
    spanpulse.instrument()
    spanpulse.score("thumbs", 1, trace_id="01" * 16)
    return [spanpulse.flush(10), spanpulse.stats()["events"]["sent"]]


def hanging_mask() -> Any:
    """End with a mask that does not come back; tell how long that took."""
    import spanpulse  # noqa: PLC0415

    def mask(text: str) -> str:
        time.sleep(600 if text == "hang" else 0)
        return text

    spanpulse.instrument(mask=mask, exit_timeout=0.5)
    trace.get_tracer("other").start_span("x", attributes={"input.value": "hang"}).end()
    spanpulse.flush(0.5)
    trace.get_tracer("other").start_span("y").end()
    begun, exporter = time.monotonic(), sys.modules["spanpulse._state"].state().exporter
    spanpulse.uninstrument()
    return [time.monotonic() - begun, exporter.stats.told()["dropped"]]


def instance() -> Any:
    """Tell what the resource says of this process."""
    import spanpulse  # noqa: PLC0415

    spanpulse.instrument()
    provider: Any = trace.get_tracer_provider()
    return provider.resource.attributes["service.instance.id"]


if __name__ == "__main__":
    APPLICATIONS: dict[str, Callable[[], Any]] = {
        each.__name__: each
        for each in (late_provider, taken_back, only_in_children, strange_provider, hanging_mask, instance)
    }
    sys.stdout.write(json.dumps(APPLICATIONS[sys.argv[1]]()))
