"""The critical path of a trace: the spans that its duration is made of.

Walked backwards from the end of the root, as Jaeger does and as "CRISP: Critical Path Analysis of Large-Scale
Microservice Architectures" (USENIX ATC 2022) defines it: of the children that have ended by now the one that ended
last is what the parent waited for; the time between its end and now is the parent's own. From the child's start on the
search goes on. Children are clipped to their parent's time first, so the segments cover the root's duration without
gap or overlap, whatever the clocks say. Not guaranteed: causes; spans do not say who waited for whom.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spanpulse_dashboards.traces._tree import Line, Spanned

__all__ = ["Segment", "critical_path"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the path: the span's index, and from when to when its own work decided; ns since the epoch."""

    index: int
    start_ns: int
    end_ns: int


def critical_path(spans: Sequence[Spanned], tree: Sequence[Line]) -> list[Segment]:
    """Return the path through the longest root, latest segment first; () without a span that has a duration."""
    lines = {line.index: line for line in tree}
    roots = [line.index for line in tree if line.parent is None]
    if not roots:
        return []
    # A trace's own root before spans whose parents are missing; then the longest.
    root = max(roots, key=lambda index: (spans[index].parent_span_id is None, _length(spans[index]), -index))
    found: list[Segment] = []
    waiting = [(root, spans[root].start_ns, spans[root].end_ns)]
    while waiting:
        index, start, end = waiting.pop()
        own, called = _walk(spans, index, lines[index].children, (start, end))
        found += own
        waiting += called
    return sorted(found, key=lambda segment: -segment.end_ns)


def _walk(
    spans: Sequence[Spanned], index: int, children: Sequence[int], within: tuple[int, int]
) -> tuple[list[Segment], list[tuple[int, int, int]]]:
    """Return a span's own segments in its part of the path, and the children in it with their parts."""
    start, now = within
    clipped = [(min(spans[child].end_ns, now), max(spans[child].start_ns, start), child) for child in children]
    own: list[Segment] = []
    called: list[tuple[int, int, int]] = []
    for ended, began, child in sorted(clipped, key=lambda each: (-each[0], each[1], each[2])):
        if ended > now or began >= ended:
            continue
        if ended < now:
            own.append(Segment(index, ended, now))
        called.append((child, began, ended))
        now = began
    if start < now:
        own.append(Segment(index, start, now))
    return own, called


def _length(span: Spanned) -> int:
    return span.end_ns - span.start_ns
