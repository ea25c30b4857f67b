"""Laws of decisions in a partition's log: cuts, restarts and repetitions change nothing, each takes effect once."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import RECEIVED_MS, Span
from drawing import CUTS, a_span
from usage_model import CONTEXT, Log, Told, expected, key_of

LAW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = st.sampled_from([None, None, "decided", "other"])


@st.composite
def mixed(draw: st.DrawFn, most: int = 9) -> list[Span | Told]:
    """Spans, some exported twice, and decisions: most about a span before them, some about no span at all."""
    spans = [draw(a_span(number, ring=False)) for number in range(1, draw(st.integers(1, most)) + 1)]
    again = draw(st.lists(st.sampled_from(spans), max_size=3))
    log: list[Span | Told] = []
    for offset, span in enumerate(draw(st.permutations([*spans, *again]))):
        log.append(replace(span, at=(2 * offset, 0), received_at=RECEIVED_MS + 2 * offset))
        known = [each for each in log if isinstance(each, Span)]
        for ordinal in range(draw(st.integers(0, 3))):
            about = draw(st.sampled_from(known))
            place = draw(st.sampled_from([about.at, about.at, about.at, (about.at[0], 7)]))
            named = draw(st.sampled_from([about, about, about, replace(about, span=99), replace(about, tenant="?")]))
            log.append(
                Told(
                    named,
                    place,
                    (2 * offset + 1, ordinal),
                    dropped=draw(st.booleans()),
                    discounted=draw(st.booleans()),
                    context=tuple(draw(WORDS) for _ in CONTEXT),
                    reason=draw(st.sampled_from(["duplicate", "response_id", "context"])),
                )
            )
    return log


def run(log: list[Span | Told], cuts: list[int], window: int, restart: bool = False) -> Log:
    taken = Log(window)
    offsets = sorted({each.at[0] for each in log})
    places = sorted({0, len(offsets), *(cut % (len(offsets) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        if restart:
            taken.restart()
        part = [each for each in log if each.at[0] in set(offsets[start:end])]
        taken.run([each for each in part if isinstance(each, Span)], [each for each in part if isinstance(each, Told)])
    return taken


def found(log: Log) -> object:
    return log.stored, log.gone, log.dropped, log.lost


@LAW
@given(mixed(), CUTS, st.sampled_from([1000, 1, 2, 3, 5]), st.booleans())
def test_cuts_and_restarts_mean_nothing(log: list[Span | Told], cuts: list[int], window: int, restart: bool) -> None:
    assert found(run(log, cuts, window, restart)) == found(run(log, [], window))


@LAW
@given(mixed(), CUTS)
def test_each_takes_effect_beside_what_the_partition_decides_itself(log: list[Span | Told], cuts: list[int]) -> None:
    taken = run(log, cuts, 1000)
    places = {place: key for place, (key, _, _) in taken.stored.items()}
    told = [each for each in log if isinstance(each, Told) and places.get(each.target) == key_of(each.span)]
    assert taken.gone == {each.target for each in told if each.dropped}
    discounted = {key_of(each.span) for each in told if each.discounted}
    outcome = expected([each for each in log if isinstance(each, Span)])
    for key, (counted, context) in taken.outcome().items():
        wanted, own = outcome[key]
        assert counted == (wanted and key not in discounted)
        for value, before, place in zip(context, own, range(len(own)), strict=True):
            allowed = {each.context[place] for each in told} if before is None else {before}
            assert value in {before, *(each.context[place] for each in told)}
            assert value is not None or before is None or value in allowed


@LAW
@given(mixed(), CUTS, st.sampled_from([1000, 2]))
def test_everything_decided_again_changes_nothing(log: list[Span | Told], cuts: list[int], window: int) -> None:
    taken = run(log, cuts, window)
    told = [each for each in log if isinstance(each, Told)]
    before = (dict(taken.stored), set(taken.gone), taken.updates)
    for restart in (False, True):
        if restart:
            taken.restart()
        again = [replace(each, at=(1000 + number, 0)) for number, each in enumerate(told)]
        if not again:
            return
        result = taken.run([], again)
        assert len(result.seen) == 0
        assert (taken.stored, taken.gone, taken.updates) == before
