"""The tree of a trace, from what spans say of their parents; whatever they say, every span has exactly one line.

A span whose parent is not there is a root of what is known; so is the earliest span of a circle of parents. Where two
spans have one id, children belong to the first of them. Siblings stand in the order in which they began.
Not guaranteed: that a parent began before its child, as clocks differ; `Line.early_ns` says by how much it did not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["Line", "Spanned", "build_tree", "missing_parents"]


Problem = Literal["missing_parent", "circle", "duplicate"]


class Spanned(Protocol):
    """What the tree needs of a span: ids as hexadecimal text, times in ns since the epoch."""

    @property
    def span_id(self) -> str: ...
    @property
    def parent_span_id(self) -> str | None: ...
    @property
    def start_ns(self) -> int: ...
    @property
    def end_ns(self) -> int: ...


@dataclass(slots=True)
class Line:
    """One span's place: ``index`` in the sequence that was given, ``parent`` the index of the parent or None.

    ``early_ns`` is how long before its parent the span began, 0 if it did not. ``problem`` is missing_parent, circle
    (its parents lead back to it; it is shown as a root) or duplicate (another span has its id); None is the rule.
    """

    index: int
    depth: int
    parent: int | None
    children: list[int]
    early_ns: int = 0
    problem: Problem | None = None


def build_tree(spans: Sequence[Spanned]) -> list[Line]:
    """Return the lines in the order in which they are read: each span before its descendants.

    Of several spans with one id the first in ``spans`` is the parent.
    """
    by_id: dict[str, int] = {}
    problems: dict[int, Problem] = {}
    for index, span in enumerate(spans):
        if by_id.setdefault(span.span_id, index) != index:
            problems[index] = "duplicate"
    parents = [_parent(index, span, by_id) for index, span in enumerate(spans)]
    for index, span in enumerate(spans):
        if span.parent_span_id is not None and span.parent_span_id not in by_id:
            problems.setdefault(index, "missing_parent")
    for index in _circles(spans, parents):
        parents[index] = None
        problems[index] = "circle"
    return list(_lines(spans, parents, problems))


def missing_parents(spans: Sequence[Spanned]) -> int:
    """Return how many different parents are named and not there."""
    known = {span.span_id for span in spans}
    return len({span.parent_span_id for span in spans if span.parent_span_id is not None} - known)


def _parent(index: int, span: Spanned, by_id: dict[str, int]) -> int | None:
    """Return the index of the parent; a duplicate's own id leads to the first, never to itself."""
    if span.parent_span_id is None:
        return None
    found = by_id.get(span.parent_span_id)
    return index if found == by_id[span.span_id] else found


def _circles(spans: Sequence[Spanned], parents: Sequence[int | None]) -> list[int]:
    """Return the earliest span of every circle."""
    state = bytearray(len(spans))  # 1: on the way that is walked, 2: known to end at a root
    cut = []
    for first in range(len(spans)):
        way: list[int] = []
        here: int | None = first
        while here is not None and not state[here]:
            state[here] = 1
            way.append(here)
            here = parents[here]
        if here is not None and state[here] == 1:
            circle = way[way.index(here) :]
            cut.append(min(circle, key=lambda index: (spans[index].start_ns, index)))
        for index in way:
            state[index] = 2
    return cut


def _lines(spans: Sequence[Spanned], parents: Sequence[int | None], problems: dict[int, Problem]) -> Iterator[Line]:
    children: list[list[int]] = [[] for _ in spans]
    roots: list[int] = []
    for index in sorted(range(len(spans)), key=lambda index: (spans[index].start_ns, -spans[index].end_ns, index)):
        parent = parents[index]
        (roots if parent is None else children[parent]).append(index)
    waiting = [(index, 0) for index in reversed(roots)]
    while waiting:
        index, depth = waiting.pop()
        parent = parents[index]
        early = 0 if parent is None else max(0, spans[parent].start_ns - spans[index].start_ns)
        yield Line(index, depth, parent, children[index], early, problems.get(index))
        waiting += [(child, depth + 1) for child in reversed(children[index])]
