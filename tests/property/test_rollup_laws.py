"""Laws of the rollups: equal to a naive model, additive, invertible, blind to order and to how batches are cut."""

from math import ceil

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import BASE_NS, Span, span_columns
from rollup_model import model, read
from spanpulse_stream.rollup import DimensionCaps, LatencySketch, RollupRows, concat, roll_up

few = st.sampled_from
tokens = st.none() | st.integers(0, 2**40)
spans = st.builds(
    Span,
    span=st.just(1),
    tenant=few(["a", "b"]),
    kind=few(["llm", "tool"]),
    start=st.just(BASE_NS),
    end=few([BASE_NS - 1, BASE_NS, BASE_NS + 7 * 10**9, BASE_NS + 61 * 10**9, BASE_NS + 1000 * 10**9, 5, 2**62]),
    name=few(["x", "y"]),
    service_name=few([None, "", "shop"]),
    environment=few([None, "prod"]),
    operation=few([None, "chat"]),
    provider=few([None, "p"]),
    request_model=few([None, "m1", "m2"]),
    response_model=few([None, "m1"]),
    prompt_name=few([None, "greet"]),
    prompt_version=few([None, "1"]),
    experiments=few([{}, {"e": "1"}, {"e": "2", "f": "1"}]),
    user_id=few([None, "", "u", "w"]),
    status=few(["ok", "error"]),
    error_type=few([None, "timeout", "429"]),
    counted=st.booleans(),
    usage_status=few([None, "reported", "missing", "estimated", "invalid"]),
    input_tokens=tokens,
    output_tokens=few([None, 0, 1, 2, 100]),
    cache_read_tokens=tokens,
    cache_write_tokens=tokens,
    reasoning_tokens=tokens,
    cost=st.none() | st.integers(0, 2**63 - 1),
    cost_confidence=few([None, "provider", "computed", "estimated", "missing", "unpriced"]),
    time_to_first_token_ns=few([None, 0, 3, 10**9]),
    weight=few([1, 2, 1000, 2**20]),
)
batches = st.lists(spans, max_size=12)
durations = st.lists(st.integers(-5, 2**63 - 1), max_size=30)


def caps() -> DimensionCaps:
    return DimensionCaps(lambda _source, _day: [])


def rolled(rows: RollupRows) -> dict[str, pa.RecordBatch]:
    return roll_up(rows, log_source=7, end_offset=100, dimensions=caps())


def rows_of(batch: list[Span]) -> RollupRows:
    return RollupRows.of_columns(span_columns(batch, log_source=7))


@given(batches)
@settings(deadline=None, max_examples=150)
def test_equal_to_the_naive_model(batch: list[Span]) -> None:
    assert read(rolled(rows_of(batch))) == model((span, 1) for span in batch)


@given(batches, batches)
@settings(deadline=None, max_examples=75)
def test_merging_and_taking_back(some: list[Span], others: list[Span]) -> None:
    a, b = rows_of(some), rows_of(others)
    assert read(rolled(concat([a, b.negate()]))) == model([(s, 1) for s in some] + [(s, -1) for s in others])
    assert read(rolled(concat([a, b, a.negate()]))) == read(rolled(b))
    assert read(rolled(concat([a, RollupRows.empty()]))) == read(rolled(a))
    assert read(rolled(concat([a, a.negate()]))) == {}


@given(batches, st.randoms())
@settings(deadline=None, max_examples=50)
def test_order_does_not_matter(batch: list[Span], random: object) -> None:
    mixed = list(batch)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert read(rolled(rows_of(mixed))) == read(rolled(rows_of(batch)))


@given(durations, durations, durations)
def test_sketches_are_a_commutative_group(a: list[int], b: list[int], c: list[int]) -> None:
    x, y, z = sketch(a), sketch(b), sketch(c)
    assert x.merge(y) == y.merge(x) == sketch(a + b)
    assert x.merge(y).merge(z) == x.merge(y.merge(z))
    assert x.merge(LatencySketch.empty()) == x
    assert x.merge(x.negate()) == LatencySketch.empty()


@given(st.lists(st.integers(2, 2**62), min_size=1, max_size=60), st.floats(0, 1))
def test_quantiles_of_a_sketch_are_within_one_percent(values: list[int], q: float) -> None:
    exact = sorted(values)[max(ceil(q * len(values)), 1) - 1]
    assert sketch(values).quantile(q) == pytest.approx(exact, rel=0.01)


def sketch(values: list[int]) -> LatencySketch:
    found = LatencySketch.empty()
    found.add(values)
    return found


def test_money_is_exact_far_beyond_64_bits() -> None:
    batch = [Span(1, counted=True, cost=2**63 - 1, weight=2**31 - 1)] * 1000
    row = rolled(rows_of(batch))["rollup_minute"].to_pylist()[0]
    scaled = {name: int(str(row[name]).replace(".", "")) for name in ("cost", "weighted_cost")}
    assert scaled == {"cost": 1000 * (2**63 - 1), "weighted_cost": 1000 * (2**63 - 1) * (2**31 - 1)}


def test_keys_of_a_map_are_sorted_and_unique() -> None:
    ends = [BASE_NS + 10**k for k in (9, 3, 6, 9, 1)]
    table = rolled(rows_of([Span(1, counted=True, end=end) for end in ends]))["rollup_minute"]
    keys = [key for row in table["latency"].to_pylist() for key, _ in row]
    assert keys == sorted(set(keys))
    assert sum(count for row in table["latency"].to_pylist() for _, count in row) == 5
    assert np.diff(table["latency"].offsets.to_numpy()).tolist() == [4]
