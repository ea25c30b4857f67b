"""The state of a page is its URL: whatever is read is written back in one form, and what is not understood is said."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanpulse_dashboards._period import PRESETS, Period, PeriodError, window_of
from spanpulse_dashboards._scope import FILTERS, OWN, Scope, ScopeError

NOW = datetime(2026, 11, 20, 12, 34, 56, 789_000, tzinfo=UTC)
MOMENTS = st.integers(0, 36_520 * 86_400).map(
    lambda seconds: datetime(2000, 1, 2, tzinfo=UTC) + timedelta(seconds=seconds)
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PERIODS = st.builds(
    lambda start, seconds: Period.between(start, start + timedelta(seconds=seconds)),
    MOMENTS.filter(lambda each: each.year < 2098),
    st.integers(1, 399 * 86_400),
)
SCOPES = st.builds(
    lambda period, compare, filters: Scope(period, compare).filtered(filters),
    st.one_of(st.sampled_from(list(PRESETS)), PERIODS),
    st.booleans(),
    st.dictionaries(st.sampled_from(FILTERS), st.lists(TEXT, min_size=1, max_size=4), max_size=4),
)


def scope_or_error(pairs: list[tuple[str, str]]) -> Scope | ScopeError:
    try:
        return Scope.parse(pairs)
    except ScopeError as error:
        return error


def read(query: str) -> Scope:
    return Scope.parse(parse_qsl(query, keep_blank_values=True))


@given(SCOPES)
def test_a_scope_comes_back_from_its_query(scope: Scope) -> None:
    assert read(scope.to_query()) == scope
    assert read(scope.to_query()).to_query() == scope.to_query()


@given(SCOPES, st.randoms(use_true_random=False))
def test_equal_scopes_have_one_query(scope: Scope, rng: object) -> None:
    pairs = scope.pairs()
    rng.shuffle(pairs)  # type: ignore[attr-defined]
    assert Scope.parse([*pairs, *[pair for pair in pairs if pair[0] in FILTERS]]) == scope


@given(SCOPES, MOMENTS)
def test_a_window_is_whole_and_its_buckets_cover_it(scope: Scope, now: datetime) -> None:
    window = scope.window(now)
    starts, bucket = window.starts, timedelta(seconds=window.bucket)
    assert window.start <= window.through <= window.end
    assert starts[0] <= window.start < starts[0] + bucket
    assert starts[-1] < window.end <= starts[-1] + bucket
    assert all(later - earlier == bucket for earlier, later in pairwise(starts))
    assert 1 <= len(starts) <= 402
    assert all(each.timestamp() % window.bucket == 0 for each in starts)
    if isinstance(scope.period, str):
        assert window.end - bucket <= now < window.end
    else:
        assert window.start <= scope.period.start < scope.period.end <= window.end


@given(SCOPES, MOMENTS)
def test_the_period_before_is_as_long_and_as_far(scope: Scope, now: datetime) -> None:
    window = scope.window(now)
    before = window.before
    assert window.start - before.start == timedelta(seconds=window.seconds)
    assert before.end - before.start == window.through - window.start
    assert before.end <= window.start


@given(SCOPES, st.sampled_from(FILTERS), TEXT)
def test_a_click_narrows_and_taking_it_back_widens(scope: Scope, name: str, value: str) -> None:
    narrow = scope.narrowed(name, value)
    assert narrow.values(name) == (value,)
    assert narrow.widened(name, value).values(name) == ()
    others = [each for each in FILTERS if each != name]
    assert all(narrow.values(other) == scope.values(other) for other in others)


@given(st.lists(st.tuples(st.sampled_from([*OWN, "other"]), st.text(max_size=30) | st.just("1h")), max_size=5))
def test_anything_is_a_scope_or_a_clear_error(pairs: list[tuple[str, str]]) -> None:
    scope = scope_or_error(pairs)
    assert isinstance(scope, Scope) or (str(scope) and scope.parameter in {"from", "to", *dict(pairs)})
    assert not isinstance(scope, Scope) or read(scope.to_query()) == scope


@given(st.text(max_size=40))
def test_any_time_is_read_or_refused(text: str) -> None:
    scope = scope_or_error([("from", text), ("to", "2026-01-01T00:00:00Z")])
    found = scope.period if isinstance(scope, Scope) else scope.parameter
    assert isinstance(found, Period) or found in {"from", "to"}


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ("modle=x", "modle", "did you mean model?"),
        ("range=10y", "range", "choose one of 15m, 1h"),
        ("range=1h&range=6h", "range", "2 times"),
        ("range=1h&from=0", "range", "either range, or from and to"),
        ("from=2026-01-01T00:00:00Z", "to", "to is missing"),
        ("from=yesterday&to=2026-01-01T00:00:00Z", "from", "is no time"),
        ("from=2026-01-01T00:00:00&to=2026-01-02T00:00:00Z", "from", "no time zone"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to", "must be later"),
        ("from=2016-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "to", "400 days"),
        ("from=1970-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "from", "2000 to 2099"),
        ("from=0001-01-01T00:00:00%2B14:00&to=2026-01-01T00:00:00Z", "from", "2000 to 2099"),
        ("compare=maybe", "compare", "1 or 0"),
        ("model=" + "x" * 1025, "model", "1024 bytes"),
        ("&".join(f"model={each}" for each in range(51)), "model", "51 values"),
    ],
)
def test_what_is_not_understood_is_named(query: str, parameter: str, words: str) -> None:
    with pytest.raises(ScopeError, match=words.replace("?", r"\?")) as caught:
        read(query)
    assert caught.value.parameter == parameter


def test_the_default_is_an_empty_query() -> None:
    assert read("") == Scope()
    assert Scope().to_query() == ""
    assert read("range=24h&compare=true") == Scope()


def test_times_are_minutes_from_text_or_milliseconds() -> None:
    exact = read("from=2026-11-20T10:00:30.5Z&to=2026-11-20T12:00:00%2B01:00")
    assert exact.to_query() == "from=2026-11-20T10%3A00%3A00Z&to=2026-11-20T11%3A00%3A00Z"
    assert read("from=1763632800000&to=1763636400000").period == Period(
        datetime(2025, 11, 20, 10, tzinfo=UTC), datetime(2025, 11, 20, 11, tzinfo=UTC)
    )


def test_a_preset_ends_with_the_present_bucket() -> None:
    window = window_of("24h", NOW)
    assert (window.bucket, window.end, window.seconds) == (900, datetime(2026, 11, 20, 12, 45, tzinfo=UTC), 86_400)
    assert window.through == datetime(2026, 11, 20, 12, 35, tzinfo=UTC)


def test_a_user_filter_widens_to_quarters() -> None:
    scope = Scope("15m").filtered({"user": ["u"]})
    window = scope.window(NOW)
    assert (window.start.minute, window.end.minute, window.bucket) == (30, 45, 900)


def test_a_period_that_ends_before_it_starts_is_none() -> None:
    with pytest.raises(PeriodError):
        Period.between(NOW, NOW)
