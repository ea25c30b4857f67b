"""Laws of the reconciler: however spans are spread over partitions, what is stored is what one would have stored."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import RECEIVED_MS, Span, in_log, llm
from drawing import a_span
from reconciling import Reconciled
from usage_model import expected, key_of

LAW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
STEPS = st.sampled_from(["batch", "batch", "batch", "look", "look some", "apply", "restart", "restart partition"])
ACTS = st.lists(st.tuples(STEPS, st.integers(0, 3), st.integers(1, 4)), max_size=30)


@st.composite
def a_log(draw: st.DrawFn, most: int = 9) -> list[Span]:
    """A set of spans in one order of arrival, some of them exported again."""
    spans = [draw(a_span(number, ring=False)) for number in range(1, draw(st.integers(2, most)) + 1)]
    again = draw(st.lists(st.sampled_from(spans), max_size=3))
    return in_log(draw(st.permutations([*spans, *again])))


class Run:
    """Some partitions, and the spans that each will get, in order."""

    def __init__(self, spread: Sequence[tuple[Span, int]], count: int, window: int = 1000) -> None:
        self.count = count
        self.made = Reconciled(count, window)
        self.waiting: dict[int, list[Span]] = {source: [] for source in self.made.all}
        for number, (span, where) in enumerate(spread):
            self.waiting[1 + where % count].append(replace(span, received_at=RECEIVED_MS + number // 2))

    def act(self, step: str, where: int, size: int) -> None:
        """Do one thing."""
        source = 1 + where % self.count
        match step:
            case "batch" | "apply":
                spans = self.waiting[source][: size if step == "batch" else 0]
                del self.waiting[source][: len(spans)]
                self.made.apply(source, spans)
            case "look":
                self.made.look()
            case "look some":
                self.made.look([source])
            case "restart":
                self.made.restart()
            case _:
                self.made.all[source].restart()

    def finish(self) -> None:
        """Let everything come, and everything be decided."""
        for source, spans in self.waiting.items():
            self.made.apply(source, spans)
        self.waiting = {}
        self.made.settle()


@LAW
@given(a_log(), st.lists(st.integers(0, 3), min_size=12, max_size=12), st.integers(1, 4), ACTS)
def test_what_is_stored_is_what_one_partition_would_have_stored(
    log: list[Span], places: list[int], count: int, acts: list[tuple[str, int, int]]
) -> None:
    run = Run(list(zip(log, places, strict=False)), count)
    for act in acts:
        run.act(*act)
    run.finish()
    assert run.made.outcome() == expected(log)
    run.made.restart()
    assert run.made.look() == [], "after a start there is nothing to say about what was applied"


@LAW
@given(a_log(most=7), st.lists(st.integers(0, 3), min_size=20, max_size=20), ACTS, st.sampled_from([1, 2, 3, 5, 1000]))
def test_of_all_copies_one_stays_at_the_edge_of_the_window_too(
    log: list[Span], places: list[int], acts: list[tuple[str, int, int]], window: int
) -> None:
    run = Run(list(zip([*log, *log], places, strict=False)), 4, window)
    for act in [*acts, ("finish", 0, 0)]:
        run.finish() if act[0] == "finish" else run.act(*act)
        rows = [row for each in run.made.all.values() for row in each.rows.values()]
        assert {row.key for row in rows} == {row.key for row in rows if not row.dropped}
    assert {row.key for row in rows} == {key_of(span) for span in log}


def test_one_partition_decides_everything_itself() -> None:
    run = Run([(llm(1, 2, rank=2, input_tokens=1), 0), (llm(2, rank=1, input_tokens=1, user_id="u"), 0)], 1)
    run.act("batch", 0, 1)
    run.act("batch", 0, 1)
    assert run.made.look() == []


@pytest.mark.parametrize("first", [0, 1])
def test_a_call_that_two_partitions_tell_of(first: int) -> None:
    spans = [
        (llm(1, trace=1, rank=3, response_id="chatcmpl-7h70001", input_tokens=5), first),
        (llm(2, trace=2, rank=2, response_id="chatcmpl-7h70001", input_tokens=5), 1 - first),
    ]
    run = Run(spans, 2)
    for source in (0, 1):
        run.act("batch", source, 1)
    (found,) = run.made.look()
    decision = found.decision
    assert found.log_source == 2 - first
    assert (int(decision.span_id, 16), decision.reason, decision.discounted) == (2, "response_id", True)
    run.made.seconds -= 99
    assert run.made.look() == [], "it was sent a moment ago"
    run.finish()
    assert sorted((key[2], counted) for key, (counted, _) in run.made.outcome().items()) == [(1, True), (2, False)]
