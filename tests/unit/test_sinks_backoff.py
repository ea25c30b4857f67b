"""Waits between attempts: bounded, growing, spread."""

from hypothesis import given
from hypothesis import strategies as st

from spanpulse_sinks.backoff import pause

SECONDS = st.floats(0.001, 60)


@given(st.integers(1, 10**9), SECONDS, SECONDS, st.floats(0, 1))
def test_a_wait_is_bounded_and_grows_with_failures(failures: int, first: float, longest: float, chance: float) -> None:
    waits = [pause(count, first, longest, lambda: chance) for count in (failures, failures + 1)]
    assert waits == sorted(waits)
    assert all(0.5 * min(first, longest) <= wait <= 1.5 * longest for wait in waits)


def test_it_doubles_and_is_spread() -> None:
    assert [pause(count, 1.0, 5.0, lambda: 0.5) for count in (1, 2, 3, 4)] == [1, 2, 4, 5]
    assert len({pause(1, 1.0, 5.0) for _ in range(10)}) > 1
