"""Laws of usage attribution: order, batches and restarts change nothing; a plain model of the rules agrees."""

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import BASE_NS, Span, in_log, llm
from drawing import CUTS, a_span
from usage_model import Log, expected

MS = 1_000_000
LAW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def a_log(draw: st.DrawFn, most: int = 9, ring: bool = False) -> list[Span]:
    """A set of spans in one order of arrival, some of them exported twice."""
    spans = [draw(a_span(number, ring)) for number in range(1, draw(st.integers(2, most)) + 1)]
    again = draw(st.lists(st.sampled_from(spans), max_size=3))
    return in_log(draw(st.permutations([*spans, *again])), per_message=2)


def run(log: list[Span], cuts: list[int], window: int = 1000, restart: str = "") -> Log:
    """Run the log cut before the rows ``cuts``; ``restart`` names how to start over at each cut."""
    taken = Log(window)
    places = sorted({0, len(log), *(cut % (len(log) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        if restart:
            taken.restart(None if restart == "all" else window)
        taken.run(log[start:end])
    return taken


@LAW
@given(a_log(), CUTS, st.sampled_from(["", "all"]))
def test_any_order_cut_and_restart_gives_what_the_rules_say(log: list[Span], cuts: list[int], restart: str) -> None:
    taken = run(log, cuts, restart=restart)
    outcome = expected(log)
    assert taken.outcome() == outcome
    assert taken.dropped == len(log) - len(outcome)
    assert taken.lost == 0


@LAW
@given(a_log(), CUTS)
def test_everything_sent_again_changes_nothing(log: list[Span], cuts: list[int]) -> None:
    taken = run(log, cuts)
    before, updates = dict(taken.stored), taken.updates
    result = taken.run(in_log([*log, *reversed(log)], first=1000))
    assert not result.keep.any()
    assert not result.counted.any()
    assert len(result.seen) == result.corrections.size == 0
    assert (taken.stored, taken.updates) == (before, updates)


@LAW
@given(a_log(most=12, ring=True), CUTS, st.integers(1, 6), st.sampled_from(["", "all"]))
def test_batches_and_restarts_mean_nothing_at_the_edge_of_the_window_either(
    log: list[Span], cuts: list[int], window: int, restart: str
) -> None:
    whole, cut = run(log, [], window), run(log, cuts, window, restart)
    assert cut.stored == whole.stored
    assert (cut.dropped, cut.lost) == (whole.dropped, whole.lost)


@LAW
@given(a_log(most=12), CUTS, st.integers(1, 6))
def test_duplicates_are_those_of_the_last_window(log: list[Span], cuts: list[int], window: int) -> None:
    taken = run(log, cuts, window, restart="window")
    kept: list[tuple[object, ...]] = []
    places = []
    for span in log:
        if (span.tenant, span.trace, span.span) not in kept[-window:]:
            kept.append((span.tenant, span.trace, span.span))
            places.append(span.at)
    assert sorted(taken.stored) == sorted(places)


@st.composite
def calls_at_once(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Some calls of one model at any moments, seen by the framework or not; an instrumentor sees all of them."""
    spans = []
    moments = st.tuples(st.integers(0, 50), st.integers(0, 40), st.integers(0, 60), st.booleans(), st.booleans())
    calls = draw(st.lists(moments, min_size=1, max_size=12))
    for number, (at, lead, length, by_framework, has_id) in enumerate(calls, 1):
        start, end = BASE_NS + at * 20 * MS, BASE_NS + (at * 20 + lead * 20 + length * 50) * MS
        identity = f"chatcmpl-7h7{number:05}" if has_id else None
        spans.append(llm(number, trace=number, start=start + lead * 20 * MS, end=end, response_id=identity))
        if by_framework:
            spans.append(llm(100 + number, trace=100 + number, rank=1, start=start, end=end + lead * MS))
    return in_log(draw(st.permutations(spans)), per_message=2), len(calls)


@st.composite
def streams_at_once(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Some streams of one model, each begun after its framework's span had ended; few different tokens, or none."""
    spans = []
    moments = st.tuples(st.integers(0, 50), *[st.integers(1, 50)] * 3, st.sampled_from([None, 1, 2]), st.booleans())
    calls = draw(st.lists(moments, min_size=1, max_size=12))
    for number, (at, lead, wait, rest, tokens, has_id) in enumerate(calls, 1):
        start = BASE_NS + at * 20 * MS
        begun, first = start + lead * 20 * MS, start + (lead * 20 + wait * 20) * MS
        identity = f"chatcmpl-7h7{number:05}" if has_id else None
        told = {"input_tokens": tokens, "stream": 1}
        spans.append(llm(number, trace=number, start=begun, end=first + rest * 20 * MS, response_id=identity, **told))
        outer = {"rank": 1, "start": start, "end": begun - 10 * MS, "time_to_first_token_ns": first - start}
        spans.append(llm(100 + number, trace=100 + number, **outer, **told))
    return in_log(draw(st.permutations(spans)), per_message=2), len(calls)


@LAW
@given(streams_at_once(), CUTS, st.sampled_from(["", "all"]))
def test_streams_that_outlive_their_frameworks_spans_count_once_each(
    made: tuple[list[Span], int], cuts: list[int], restart: str
) -> None:
    log, calls = made
    outcome = run(log, cuts, restart=restart).outcome()
    assert sorted(key[2] for key, (counted, _) in outcome.items() if counted) == list(range(1, calls + 1))
    framework = [span for span in log if span.rank == 1]
    assert all(counted for counted, _ in run(framework, cuts).outcome().values())


@LAW
@given(calls_at_once(), CUTS)
def test_concurrent_calls_count_once_each(made: tuple[list[Span], int], cuts: list[int]) -> None:
    log, calls = made
    outcome = run(log, cuts).outcome()
    assert sorted(key[2] for key, (counted, _) in outcome.items() if counted) == list(range(1, calls + 1))
    framework = [span for span in log if span.rank == 1]
    assert all(counted for counted, _ in run(framework, cuts).outcome().values())
