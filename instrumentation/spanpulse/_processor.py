"""What every span of a process gets, whoever made it: the attributes of its context and its weight; then its export.

Guarantee: nothing here raises into the application. Flushing first finishes calls whose answers are still to be read,
so it has to be the first of a provider's processors: `install` puts it there.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import get_current_span
from opentelemetry.util.types import AttributeValue

from spanpulse._context import EXPERIMENT, attributes_of
from spanpulse._log import say_once
from spanpulse._recent import remember
from spanpulse._sampling import WEIGHT, weight_at_start
from spanpulse._state import State

__all__ = ["Processor", "install"]

MS = 1e-3


class Processor(SpanProcessor):
    """Adds what the application said of the context, and hands ended spans to the exporter."""

    def __init__(self, state: State, ratio: float, ratio_of_called: float = 1.0) -> None:
        self._state = state
        self._ratios = ratio, ratio_of_called
        self._keeps_all = ratio >= 1 and ratio_of_called >= 1
        self._off = False

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Add attributes to a span that starts."""
        if self._off:
            return
        try:
            if self._has_nothing_for(span, parent_context):
                return
            told: Mapping[str, AttributeValue] = attributes_of(parent_context)
            if span.parent is not None and not span.parent.is_remote:
                told = {**_experiments_of_parent(parent_context), **told}
            if told:
                known = span.attributes or {}  # what an instrumentation says of its span itself comes first
                span.set_attributes({name: value for name, value in told.items() if name not in known})
            weight = weight_at_start(span, parent_context, *self._ratios)
            if weight > 1:
                span.set_attribute(WEIGHT, weight)
        except Exception as error:  # noqa: BLE001 -- the application's span goes on
            say_once(f"spans lack their context ({type(error).__name__})", error)

    def _has_nothing_for(self, span: Span, parent_context: Context | None) -> bool:
        """Tell whether nothing is said and nobody is around, and no sampler counts: quickly, for a call waits."""
        if not self._keeps_all or (get_current() if parent_context is None else parent_context):
            return False
        context = span.context
        return context is None or not context.trace_state

    def on_end(self, span: ReadableSpan) -> None:
        """Have an ended span sent, if its trace is kept."""
        if self._off:
            return
        remember(span.attributes)
        exporter, context = self._state.exporter, span.context
        if exporter is not None and context is not None and context.trace_flags.sampled:
            exporter.put_span(span)

    def shutdown(self) -> None:
        """Send what is left, for as long as the settings allow."""
        if not self._off:
            self._state.end()
            self._off = True

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Finish calls that have ended, and send their spans; tell whether all were acknowledged, or dropped."""
        deadline = time.monotonic() + timeout_millis * MS
        finished = self._state.background.flush(timeout_millis * MS)
        exporter = self._state.exporter
        return (exporter is None or exporter.flush(deadline - time.monotonic())) and finished

    def switch_off(self) -> None:
        """Do nothing from now on: a provider cannot let go of a processor."""
        self._off = True


def _experiments_of_parent(parent_context: Context | None) -> dict[str, AttributeValue]:
    """Return the experiments of a span of this process around: a server's, that was marked outside any context."""
    said = getattr(get_current_span(parent_context), "attributes", None)
    return {name: value for name, value in said.items() if name.startswith(EXPERIMENT)} if said else {}


def install(provider: TracerProvider, processor: Processor) -> Callable[[], None]:
    """Make a processor the first one of a provider; return what takes it out again."""
    provider.add_span_processor(processor)
    several: Any = getattr(provider, "_active_span_processor", None)
    known = getattr(several, "_span_processors", None)
    if isinstance(known, tuple) and known and known[-1] is processor:
        several._span_processors = (processor, *known[:-1])  # noqa: SLF001 -- there is no other way to be the first

    def undo() -> None:
        processor.switch_off()
        left = getattr(several, "_span_processors", None)
        if isinstance(left, tuple):
            several._span_processors = tuple(each for each in left if each is not processor)  # noqa: SLF001

    return undo
