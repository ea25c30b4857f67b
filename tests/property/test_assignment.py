"""Laws of docs/assignment.md: both rooms agree, shares are right, and only those move who have to."""

import math
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from assignment_vectors import APPLICATION, STREAM, users_of
from spanpulse_stream.assignment import Weights, assign, buckets, user_hashes
from spanpulse_stream.assignment._hash import points

USERS = [f"user-{number}" for number in range(40_000)]
SALTS = ["greeting", "answer-style", "exp-1", "exp-2"]
ANY_TEXT = st.text(st.characters(), max_size=80)  # lone surrogates too
NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
NUMBERS = (
    st.integers(0, 300)
    | st.floats(0, 200, allow_nan=False)
    | st.decimals(0, 200, places=8)
    | st.sampled_from([0, 0.5, 1e-7, 0.0000005, 1 / 3])
)
WEIGHTS = st.dictionaries(NAMES, NUMBERS, min_size=1, max_size=6)
WHOLE = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50), min_size=1).filter(lambda w: sum(w.values()) > 0)


def ends_of(weights: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Return where each variant begins and ends."""
    ends = APPLICATION.ends(weights)
    begins = [0, *(end for _, end in ends)]
    return {name: (begin, end) for (name, end), begin in zip(ends, begins, strict=False)}


@given(ANY_TEXT, st.lists(ANY_TEXT, max_size=8), WEIGHTS)
def test_both_rooms_agree_for_any_salt_user_and_weights(salt: str, users: list[str], weights: dict[str, Any]) -> None:
    assert APPLICATION.points(salt, users) == STREAM.points(salt, users)
    assert APPLICATION.hashes(users) == STREAM.hashes(users)
    assert APPLICATION.buckets(users) == STREAM.buckets(users)
    assert APPLICATION.ends(weights) == STREAM.ends(weights)
    assert APPLICATION.variants(salt, users, weights) == STREAM.variants(salt, users, weights)


@given(WEIGHTS | st.dictionaries(NAMES, st.decimals() | st.floats() | st.integers(), min_size=1, max_size=3))
def test_both_rooms_refuse_the_same_weights(weights: dict[str, Any]) -> None:
    def ends(room: Any) -> Any:
        try:
            return room.ends(weights)
        except ValueError:
            return "refused"

    assert ends(APPLICATION) == ends(STREAM)


@given(st.lists(st.none() | st.text(max_size=3), max_size=30), WHOLE)
def test_columns_give_each_row_what_it_gets_alone(users: list[str | None], weights: dict[str, int]) -> None:
    column = users_of(users)
    alone = [users_of([user]) for user in users]
    assert assign(column, "s", Weights.of(weights)).tolist() == [
        assign(each, "s", Weights.of(weights)).tolist()[0] for each in alone
    ]
    assert buckets(column).tolist() == [int(buckets(each)[0]) for each in alone]
    assert user_hashes(column)[0].tolist() == [int(user_hashes(each)[0][0]) for each in alone]


@given(WHOLE, st.randoms(), st.integers(1, 1000))
def test_neither_order_nor_unit_of_weights_matters(weights: dict[str, int], random: Any, unit: int) -> None:
    names = list(weights)
    random.shuffle(names)
    ends = APPLICATION.ends(weights)
    assert APPLICATION.ends({name: weights[name] for name in names}) == ends
    assert APPLICATION.ends({name: weight * unit for name, weight in weights.items()}) == ends
    assert APPLICATION.ends({name: Decimal(weight) / 8 for name, weight in weights.items()}) == ends


@given(WEIGHTS)
def test_all_points_are_somebodys_and_shares_are_right(weights: dict[str, Any]) -> None:
    parts = ends_of(weights)
    assume(parts)
    assert [begin for begin, _ in parts.values()] == [0, *(end for _, end in parts.values())][:-1]
    assert list(parts.values())[-1][1] == 2**32
    total = sum(map(float, weights.values()))
    for name, (begin, end) in parts.items():
        assert (end - begin) / 2**32 == pytest.approx(float(weights[name]) / total, abs=1e-5 / min(1, total))


@given(WHOLE, WHOLE)
def test_only_those_move_whose_point_an_end_has_passed(before: dict[str, int], after: dict[str, int]) -> None:
    names = {*before, *after}
    column, place = users_of(USERS[:1000]), points(USERS[:1000], "s")
    old, new = ({name: weights.get(name, 0) for name in names} for weights in (before, after))
    was, becomes = (np.array(assign(column, "s", Weights.of(weights)).tolist()) for weights in (old, new))
    passed = np.zeros(len(place), bool)
    for (_, one), (_, other) in zip(APPLICATION.ends(old), APPLICATION.ends(new), strict=True):
        passed |= (place >= min(one, other)) & (place < max(one, other))
    assert not ((was != becomes) & ~passed).any()


@given(st.integers(0, 100), st.integers(0, 100))
def test_of_two_variants_only_the_difference_moves_and_one_way(before: int, after: int) -> None:
    old, new = ends_of({"a": before, "b": 100 - before}), ends_of({"a": after, "b": 100 - after})
    assert old["a"][1] == -(-before * 2**32 // 100)
    users = users_of(USERS[:500])
    moves = Counter(
        pair
        for pair in zip(
            assign(users, "s", Weights.of({"a": before, "b": 100 - before})).tolist(),
            assign(users, "s", Weights.of({"a": after, "b": 100 - after})).tolist(),
            strict=True,
        )
        if pair[0] != pair[1]
    )
    assert set(moves) <= {("a", "b") if after < before else ("b", "a")}
    place = points(users.values, "s")
    low, high = sorted((old["a"][1], new["a"][1]))
    assert moves.total() == int(((place >= low) & (place < high)).sum())


def chi_square(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Return how many standard deviations the statistic is above its mean (Wilson and Hilferty, 1931)."""
    total = sum(counts)
    found = sum((count - total * share) ** 2 / (total * share) for count, share in zip(counts, shares, strict=True))
    free = len(counts) - 1
    return ((found / free) ** (1 / 3) - (1 - 2 / (9 * free))) / math.sqrt(2 / (9 * free))


@pytest.mark.parametrize("salt", SALTS)
def test_points_are_uniform(salt: str) -> None:
    counts = np.bincount(points(USERS, salt).astype(np.int64) >> 24, minlength=256)
    assert abs(chi_square(counts.tolist(), [1 / 256] * 256)) < 4


@pytest.mark.parametrize("ids", [USERS, [str(number) for number in range(40_000)], ["x" * n for n in range(1, 4000)]])
def test_buckets_are_uniform_and_independent_of_variants(ids: list[str]) -> None:
    users = users_of(ids)
    found = buckets(users)
    variants = assign(users, "greeting", Weights.of({"a": 90, "b": 10})).codes
    table = np.bincount(found.astype(np.int64) * 2 + variants, minlength=128)
    assert abs(chi_square(table.tolist(), [share / 64 for share in (0.9, 0.1)] * 64)) < 4


@pytest.mark.parametrize(("one", "other"), [*pairwise(SALTS)])
def test_experiments_are_independent(one: str, other: str) -> None:
    users, weights = users_of(USERS), Weights.of({"a": 70, "b": 20, "c": 10})
    table = np.bincount(assign(users, one, weights).codes * 3 + assign(users, other, weights).codes, minlength=9)
    shares = [first * second for first in (0.7, 0.2, 0.1) for second in (0.7, 0.2, 0.1)]
    assert abs(chi_square(table.tolist(), shares)) < 4


def test_one_bit_of_an_id_changes_half_of_the_point() -> None:
    changed = [f"user-{number}".replace("user", "usep") for number in range(20_000)]  # r and p differ by a bit
    differ = points(USERS[:20_000], "s") ^ points(changed, "s")
    share = np.array([int(((differ >> np.uint64(bit)) & np.uint64(1)).sum()) for bit in range(32)]) / 20_000
    assert (abs(share - 0.5) < 0.02).all()
