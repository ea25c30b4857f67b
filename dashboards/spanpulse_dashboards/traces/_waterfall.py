"""The lines of the waterfall: where each span's bar begins and ends in a drawing 1,000 units wide.

Pure arithmetic on the models of a trace. Not guaranteed: that a very short span is to scale; it has a least width.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from spanpulse_dashboards.traces._models import SpanLine, Trace

__all__ = ["WIDTH", "Bar", "Tick", "bars", "ticks"]

WIDTH = 1_000.0
LEAST = 2.0
MOST_SEGMENTS = 40
DEEPEST = 24
STEPS = (1, 2, 5)
MOST_TICKS = 4
DECIDES = 0.1


@dataclass(frozen=True, slots=True)
class Bar:
    """A line with its drawing: positions and widths in units; ``critical`` are (position, width) on the path.

    ``decides``: whether a tenth of the trace or more is its own on the critical path.
    """

    line: SpanLine
    x: float
    width: float
    first_token: float | None
    critical: Sequence[tuple[float, float]]
    indent: int
    decides: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the time axis: position in units, ns since the start of the trace."""

    x: float
    ns: int


def bars(trace: Trace) -> list[Bar]:
    """Return the lines of a trace, drawn."""
    length = max(1, trace.end_ns - trace.start_ns)
    path: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for segment in trace.critical_path:
        if len(path[segment.span_id]) < MOST_SEGMENTS:
            at = _at(segment.start_ns, trace.start_ns, length)
            path[segment.span_id].append((at, max(0.5, _at(segment.end_ns, trace.start_ns, length) - at)))
    return [_bar(line, trace.start_ns, length, path) for line in trace.spans]


def ticks(trace: Trace) -> list[Tick]:
    """Return round times along the axis, the first at 0."""
    length = max(1, trace.end_ns - trace.start_ns)
    step, power = 1, 1
    while length / step > MOST_TICKS:
        power, step = next(
            (power, power * each) for power in (power, power * 10) for each in STEPS if power * each > step
        )
    return [Tick(_at(ns, 0, length), ns) for ns in range(0, length, step)]


def _bar(line: SpanLine, start: int, length: int, path: dict[str, list[tuple[float, float]]]) -> Bar:
    x = min(_at(line.start_ns, start, length), WIDTH - LEAST)
    width = max(LEAST, _at(line.end_ns, start, length) - x)
    token = line.time_to_first_token_ns
    return Bar(
        line=line,
        x=x,
        width=width,
        first_token=None if token is None else min(WIDTH, _at(line.start_ns + token, start, length)),
        critical=path.get(line.span_id, ()) if line.critical_ns else (),
        indent=min(line.depth, DEEPEST),
        decides=line.critical_ns >= DECIDES * length,
    )


def _at(ns: int, start: int, length: int) -> float:
    return round((ns - start) / length * WIDTH, 2)
