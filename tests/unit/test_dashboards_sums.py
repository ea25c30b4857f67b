"""What follows from the sums of calls of which some were sampled and some have no known cost."""

from decimal import Decimal

import pytest

from spanpulse_dashboards.services._sums import NO_SUMS, Sums


def sums(**values: int | Decimal) -> Sums:
    return Sums(**{name: values.get(name, getattr(NO_SUMS, name)) for name in Sums.__slots__})  # type: ignore[arg-type]


def test_the_cost_of_one_call_is_of_the_calls_that_it_covers() -> None:
    """One priced call of weight 1,000, nine of weight 1 without a price."""
    found = sums(observed=10, requests=1_009, unpriced=9, cost=Decimal("6.25"), observed_computed=Decimal("0.00625"))
    assert found.coverage == pytest.approx(1_000 / 1_009)
    assert found.cost_per_request == pytest.approx(0.00625)
    assert found.computed_cost == found.known_cost == Decimal("6.25")
    assert found.provider_cost == found.estimated_cost == 0


def test_confidences_are_scaled_to_the_whole_and_exact_where_nothing_was_sampled() -> None:
    parts = {
        "observed_computed": Decimal("1.000000000001"),
        "observed_provider": Decimal(2),
        "observed_estimated": Decimal(3),
    }
    exact = sums(requests=3, cost=sum(parts.values(), Decimal()), **parts)
    assert exact.computed_cost == Decimal("1.000000000001")
    scaled = sums(requests=30, cost=Decimal("60.00000000001"), **parts)
    whole = scaled.computed_cost + scaled.provider_cost + scaled.estimated_cost
    assert whole == pytest.approx(scaled.cost, abs=Decimal("1e-11"))
    assert scaled.estimated_cost == pytest.approx(Decimal(30), abs=Decimal("1e-10"))


def test_amounts_of_many_digits_are_scaled_all_the_same() -> None:
    large = Decimal("9" * 25 + "." + "9" * 12)
    found = sums(requests=3, cost=large, observed_computed=large / 3, observed_provider=large / 7)
    assert found.computed_cost + found.provider_cost == pytest.approx(large)


def test_without_calls_or_known_costs_there_is_no_cost() -> None:
    assert (NO_SUMS.coverage, NO_SUMS.known_cost, NO_SUMS.cost_per_request) == (0.0, None, None)
    unknown = sums(observed=2, requests=20, usage_missing=15, unpriced=5)
    assert (unknown.coverage, unknown.known_cost, unknown.cost_per_request) == (0.0, None, None)
