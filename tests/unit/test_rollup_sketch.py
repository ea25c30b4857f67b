"""Buckets are exact at every boundary, and a sketch's quantiles are within 1 % of the exact ones."""

from decimal import Decimal, localcontext
from math import ceil

import numpy as np
import pytest

from spanpulse_stream.rollup import GAMMA, LatencySketch, bucket_value, buckets_of


def exact_bucket(value: int) -> int:
    with localcontext() as context:
        context.prec = 60
        bucket = max(int(Decimal(value).ln() / GAMMA.ln()) - 1, 0)
        while GAMMA**bucket < value:
            bucket += 1
        return bucket


def test_buckets_are_the_definition_at_and_around_every_boundary() -> None:
    with localcontext() as context:
        context.prec = 60
        edges = {int(GAMMA**k) + step for k in range(0, 2180, 7) for step in (-1, 0, 1, 2)}
    values = sorted({value for value in edges | {1, 2, 3, 2**53, 2**53 + 1} if 0 < value < 2**63})
    assert buckets_of(np.array(values)).tolist() == [exact_bucket(value) for value in values]


def test_extremes_have_a_bucket() -> None:
    found = buckets_of(np.array([-(2**63), -1, 0, 1, 2**63 - 1])).tolist()
    assert found[:4] == [0, 0, 0, 0]
    assert found[4] == exact_bucket(2**63 - 1)


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_quantiles_are_within_one_percent_of_nearest_rank(spread: float) -> None:
    values = np.random.default_rng(3).lognormal(20, spread, 5001).astype(np.int64)
    sketch = LatencySketch()
    sketch.add(values.tolist())
    exact = np.sort(values)
    for q in (0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0):
        wanted = exact[max(ceil(q * exact.size), 1) - 1]
        assert sketch.quantile(q) == pytest.approx(wanted, rel=0.01)


def test_a_bucket_value_is_at_most_one_percent_from_both_ends() -> None:
    for bucket in range(40, 2000, 13):
        low, high = float(GAMMA ** (bucket - 1)), float(GAMMA**bucket)
        assert abs(bucket_value(bucket) - low) / low <= 0.0100001
        assert abs(bucket_value(bucket) - high) / high <= 0.0100001


def test_nothing_has_no_quantile_and_bad_arguments_raise() -> None:
    assert LatencySketch.empty().quantile(0.5) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        LatencySketch().quantile(1.5)
    with pytest.raises(ValueError, match="negative"):
        LatencySketch({5: -1}).quantile(0.5)
