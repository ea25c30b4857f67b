"""How many spans a span stands for, where traces are sampled at their head: `spanpulse.weight`, 1 / ratio.

The weight is a whole number, as the stream takes it: of a ratio such as 0.3 a trace weighs 3 or 4, chosen by a checksum
of its id, so that sums are right on average (unbiased rounding), whatever else the ids tell. A service passes it on
to those that it calls, in the trace state (`spanpulse=w:4`); what other services say by OpenTelemetry's consistent
sampling (`ot=th:...`) is understood. Not guaranteed: a weight where a service that samples says neither; it is 1 then.
"""

import re
import zlib
from collections.abc import Sequence
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes

__all__ = ["WEIGHT", "Weighted", "ratio_of", "ratio_of_called", "weight_at_start", "weight_of_trace"]

WEIGHT: Final = "spanpulse.weight"
VENDOR: Final = "spanpulse"
OURS: Final = re.compile(r"w:(\d{1,9})")
THRESHOLD: Final = re.compile(r"(?:^|;)th:([0-9a-f]{1,14})(?:;|$)")  # OpenTelemetry's consistent probability sampling
FULL: Final = 1 << 56


def ratio_of(sampler: Any) -> float:
    """Return the share of traces that a sampler keeps at their root; 1.0 where that is not known."""
    if isinstance(sampler, Weighted):
        return sampler.ratio
    return _rate(getattr(sampler, "_root", None) if isinstance(sampler, ParentBased) else sampler)


def ratio_of_called(sampler: Any) -> float:
    """Return the share of traces that a sampler keeps of those that callers have kept; 1.0 where that is not known."""
    if isinstance(sampler, Weighted):
        return sampler.ratio_of_called
    return _rate(getattr(sampler, "_remote_parent_sampled", None) if isinstance(sampler, ParentBased) else sampler)


def _rate(sampler: Any) -> float:
    return float(sampler.rate) if isinstance(sampler, TraceIdRatioBased) and 0 < sampler.rate <= 1 else 1.0


def weight_of_trace(trace_id: int, ratio: float) -> int:
    """Return the weight of a trace that was kept with probability ``ratio``: its mean over traces is 1 / ratio."""
    whole, rest = divmod(1 / ratio, 1)
    # Not by bits of the id: samplers look at the lower 64, and of the upper ones some are a time, or 0.
    return int(whole) + (zlib.crc32(trace_id.to_bytes(16, "big")) < rest * (1 << 32))


def weight_in_state(state: TraceState | None) -> int:
    """Return the weight that a trace state tells; 0 where it tells none."""
    if not state:
        return 0
    if ours := OURS.fullmatch(state.get(VENDOR) or ""):
        return int(ours[1])
    if found := THRESHOLD.search(state.get("ot") or ""):
        return round(FULL / (FULL - int(found[1].ljust(14, "0"), 16)))
    return 0


def weight_at_start(span: Span, parent_context: Context | None, ratio: float, of_called: float = 1.0) -> int:
    """Return the weight of a span that has just started: its parent's, or that of a trace that starts with it.

    ``ratio`` and ``of_called`` are the shares that are kept of traces that start here, and of those that callers kept.
    """
    context = span.context
    if context is None:
        return 1
    told = weight_in_state(context.trace_state) or 1
    if span.parent is None or span.parent.is_remote:
        share = ratio if span.parent is None else of_called
        return max(told, weight_of_trace(context.trace_id, share)) if share < 1 else told
    if ratio >= 1 and of_called >= 1:
        return told
    weight = (getattr(get_current_span(parent_context), "attributes", None) or {}).get(WEIGHT)
    return weight if isinstance(weight, int) else told


class Weighted(Sampler):
    """A sampler that writes the weight of the traces that it keeps into their state, for the services called."""

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner
        self.ratio = ratio_of(inner)
        self.ratio_of_called = ratio_of_called(inner)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: "Sequence[Link] | None" = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide as the sampler that is inside does."""
        result = self._inner.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        parent = get_current_span(parent_context).get_span_context()
        ratio = self.ratio_of_called if parent.is_valid else self.ratio
        is_below = parent.is_valid and not parent.is_remote  # then the state has it
        if result.decision is not Decision.RECORD_AND_SAMPLE or is_below or ratio >= 1:
            return result
        state = result.trace_state or TraceState()
        weight = max(weight_in_state(state), weight_of_trace(trace_id, ratio))
        return SamplingResult(result.decision, result.attributes, state.update(VENDOR, f"w:{weight}"))

    def get_description(self) -> str:
        """Return what the sampler that is inside says of itself."""
        return self._inner.get_description()
