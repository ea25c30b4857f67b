"""Both rooms give what docs/assignment.md says, by the golden vectors and the examples of the page."""

import re
from pathlib import Path

import pytest

from assignment_vectors import EXACT, ROOMS, VECTORS, Room
from spanpulse_stream.assignment import NO_USER, Weights, WeightsError, assign, buckets, user_hashes
from spanpulse_stream.columns import Words

PAGE = (Path(__file__).parents[2] / "docs/assignment.md").read_text("utf-8")


@pytest.fixture(params=ROOMS)
def room(request: pytest.FixtureRequest) -> Room:
    return ROOMS[request.param]


def test_there_are_enough_of_each() -> None:
    assert {kind: len(each) >= 10 for kind, each in VECTORS.items() if kind != "version"} == dict.fromkeys(
        ("points", "users", "ends", "assignments", "unusable"), True
    )


def test_points(room: Room) -> None:
    for each in VECTORS["points"]:
        assert room.points(each["salt"], [each["user"]]) == [each["point"]], each


def test_hashes_and_buckets(room: Room) -> None:
    users = [each["user"] for each in VECTORS["users"]]
    assert room.hashes(users) == [each["hash"] for each in VECTORS["users"]]
    assert room.buckets(users) == [each["bucket"] for each in VECTORS["users"]]


@pytest.mark.parametrize("vectors", [VECTORS, EXACT], ids=["floats", "decimals"])
def test_ends_of_variants(room: Room, vectors: dict) -> None:
    for each in vectors["ends"]:
        assert room.ends(each["weights"]) == each["ends"], each


def test_variants(room: Room) -> None:
    for each in VECTORS["assignments"]:
        assert room.variants(each["salt"], [each["user"]], each["weights"]) == [each["variant"]], each


def test_unusable_weights(room: Room) -> None:
    for weights in VECTORS["unusable"]:
        with pytest.raises(ValueError, match=r"."):
            room.ends(weights)


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 10**400, True, 2.0])
def test_weights_that_json_does_not_have(room: Room, weight: float) -> None:
    if weight in (1, 2):
        assert room.ends({"a": weight, "b": 1}) == room.ends({"a": int(weight), "b": 1})
    else:
        with pytest.raises(ValueError, match="weight"):
            room.ends({"a": weight})


def test_the_examples_of_the_page(room: Room) -> None:
    found = re.search(r'`point\("(.*)", "(.*)"\)` is of `(.*)`, and is (\d+)', PAGE)
    assert found is not None
    salt, user, _, point = found.groups()
    assert room.points(salt, [user]) == [int(point)]


def test_rows_without_a_user_have_neither_hash_nor_bucket_nor_variant() -> None:
    users = Words.absent(2)
    assert [part.tolist() for part in user_hashes(users)] == [[0, 0], [False, False]]
    assert buckets(users).tolist() == [NO_USER, NO_USER]
    assert assign(users, "greeting", Weights.of({"a": 1})).tolist() == [None, None]
    assert assign(Words.constant(2, ""), "greeting", Weights.of({"a": 1})).tolist() == [None, None]
    assert buckets(Words.constant(1, "")).tolist() == [NO_USER]


def test_no_weights_at_all_assign_nobody() -> None:
    assert assign(Words.constant(1, "u"), "greeting", Weights.of({})).tolist() == [None]
    with pytest.raises(WeightsError):
        Weights.of({"a": [1]})  # type: ignore[dict-item]
