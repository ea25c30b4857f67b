"""Texts without what was found in them."""

from collections.abc import Iterable, Sequence
from operator import index

from spanpulse._guard._finding import MASK, Span

__all__ = ["masked", "merged", "span_of", "spans_within"]


def span_of(start: int, end: int, label: str = MASK) -> Span:
    """Return a span of what a check says is one. Raises TypeError for what cannot be."""
    return Span(index(start), index(end), str(label))


def spans_within(spans: Iterable[Span | tuple[int, int]], length: int) -> list[Span]:
    """Return spans of a text of that length, without those that are empty or not in it. Raises as `span_of`."""
    made = (span_of(*each) for each in spans)
    cut = (each._replace(start=max(each.start, 0), end=min(each.end, length)) for each in made)
    return [each for each in cut if each.start < each.end]


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, those that overlap as one; its label is that of the first, of two the longer one's."""
    made: list[Span] = []
    for each in sorted(spans, key=lambda span: (span.start, -span.end)):
        if made and each.start < made[-1].end:
            made[-1] = made[-1]._replace(end=max(made[-1].end, each.end))
        else:
            made.append(each)
    return made


def masked(text: str, spans: Sequence[Span], at: int = 0) -> str:
    """Return a text, whose first character is at ``at``, with labels where merged spans start and nothing of them."""
    made, end = [], at
    for each in spans:
        if each.start >= at + len(text):
            break
        if each.end <= at:
            continue
        made.append(text[end - at : max(each.start, end) - at])
        if each.start >= at:
            made.append(f"<{each.label}>")
        end = max(end, each.end)
    return "".join(made) + text[max(end - at, 0) :]
