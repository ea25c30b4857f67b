"""Trees and critical paths of whatever spans say of their parents and times."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from spanpulse_dashboards.traces._critical import critical_path
from spanpulse_dashboards.traces._tree import build_tree, missing_parents


@dataclass(frozen=True)
class Span:
    span_id: str
    parent_span_id: str | None
    start_ns: int
    end_ns: int


IDS = st.sampled_from("abcdefgh")
TIMES = st.integers(0, 40)
SPANS = st.lists(st.builds(Span, IDS, st.none() | IDS | st.just("zz"), TIMES, TIMES), max_size=14)


def spanned(span_id: str, parent: str | None, start: int, end: int) -> Span:
    return Span(span_id, parent, start, end)


@given(SPANS)
def test_every_span_has_one_line_behind_its_parent_and_one_deeper(spans: list[Span]) -> None:
    lines = build_tree(spans)
    assert Counter(line.index for line in lines) == Counter(range(len(spans)))
    place = {line.index: number for number, line in enumerate(lines)}
    for number, line in enumerate(lines):
        if line.parent is None:
            assert line.depth == 0
        else:
            parent = lines[place[line.parent]]
            assert place[line.parent] < number
            assert line.depth == parent.depth + 1
            assert line.index in parent.children
            assert spans[line.parent].span_id == spans[line.index].parent_span_id
            assert line.early_ns == max(0, spans[line.parent].start_ns - spans[line.index].start_ns)


@given(SPANS)
def test_a_line_reads_as_a_subtree_in_one_piece(spans: list[Span]) -> None:
    lines = build_tree(spans)
    for before, after in pairwise(lines):
        assert after.depth <= before.depth + 1
    starts = [spans[line.index].start_ns for line in lines if line.depth == 0]
    assert starts == sorted(starts)


@given(SPANS)
def test_a_root_has_a_reason(spans: list[Span]) -> None:
    known = {span.span_id for span in spans}
    for line in build_tree(spans):
        span = spans[line.index]
        if line.parent is None and span.parent_span_id is not None and span.parent_span_id in known:
            assert line.problem == "circle"
        if line.problem == "missing_parent":
            assert span.parent_span_id not in known
    named = {span.parent_span_id for span in spans} - {None}
    assert missing_parents(spans) == len(named - known)


@given(SPANS)
def test_without_circles_every_parent_that_is_there_is_kept(spans: list[Span]) -> None:
    ordered = [
        Span(f"{number}", f"{ord(span.span_id) % (number + 1) - 1}", span.start_ns, span.end_ns)
        for number, span in enumerate(spans)
    ]  # parents are always earlier
    for line in build_tree(ordered):
        assert (line.parent is None) == (ordered[line.index].parent_span_id == "-1")


@given(SPANS)
def test_the_critical_path_covers_its_root_without_gap_or_overlap(spans: list[Span]) -> None:
    lines = build_tree(spans)
    path = critical_path(spans, lines)
    roots = [spans[line.index] for line in lines if line.parent is None]
    own = [span for span in roots if span.parent_span_id is None] or roots
    assert sum(each.end_ns - each.start_ns for each in path) == max(
        (max(0, span.end_ns - span.start_ns) for span in own), default=0
    )
    for later, earlier in pairwise(path):
        assert later.start_ns == earlier.end_ns
    for each in path:
        assert spans[each.index].start_ns <= each.start_ns < each.end_ns <= spans[each.index].end_ns


def test_the_last_child_to_end_is_what_its_parent_waited_for() -> None:
    spans = [
        spanned("root", None, 0, 100),
        spanned("fast", "root", 10, 30),
        spanned("slow", "root", 10, 60),
        spanned("inner", "slow", 40, 55),
        spanned("last", "root", 70, 95),
    ]
    path = critical_path(spans, build_tree(spans))
    named = [(spans[each.index].span_id, each.start_ns, each.end_ns) for each in path]
    assert named == [
        ("root", 95, 100),
        ("last", 70, 95),
        ("root", 60, 70),
        ("slow", 55, 60),
        ("inner", 40, 55),
        ("slow", 10, 40),
        ("root", 0, 10),
    ]


def test_a_child_that_goes_on_after_its_parent_counts_until_the_parents_end() -> None:
    spans = [spanned("root", None, 0, 50), spanned("async", "root", 20, 90)]
    path = critical_path(spans, build_tree(spans))
    assert [(each.index, each.start_ns, each.end_ns) for each in path] == [(1, 20, 50), (0, 0, 20)]


def test_a_circle_is_cut_at_its_earliest_span() -> None:
    spans = [spanned("a", "b", 5, 9), spanned("b", "a", 2, 9), spanned("c", "b", 3, 4), spanned("d", "d", 1, 2)]
    lines = build_tree(spans)
    assert [(spans[line.index].span_id, line.depth, line.problem) for line in lines] == [
        ("d", 0, "circle"),
        ("b", 0, "circle"),
        ("c", 1, None),
        ("a", 1, None),
    ]


def test_children_of_an_id_that_two_spans_have_belong_to_the_first() -> None:
    spans = [spanned("a", None, 0, 9), spanned("a", None, 0, 8), spanned("b", "a", 1, 2)]
    assert [(line.index, line.parent, line.problem) for line in build_tree(spans)] == [
        (0, None, None),
        (2, 0, None),
        (1, None, "duplicate"),
    ]


def test_ten_thousand_spans_in_one_chain_and_beside_each_other() -> None:
    chain = [spanned(f"{number}", f"{number - 1}" if number else None, number, 20_000) for number in range(10_000)]
    assert [line.depth for line in build_tree(chain)] == list(range(10_000))
    assert len(critical_path(chain, build_tree(chain))) == 10_000
    wide = [spanned("0", None, 0, 10_000), *(spanned(f"{n}", "0", n, n + 1) for n in range(1, 10_000))]
    assert len(critical_path(wide, build_tree(wide))) == 10_000
