"""A repricing answers as arrival does, leaves nothing behind where it did not begin, and is finished as it began."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import repricing
from sinks_inside import Inside, a_process


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


def test_a_stated_cost_counts_where_the_book_has_no_price(inside: Inside, tmp_path: Path) -> None:
    found = inside(repricing.of_stated_costs, tmp_path)
    assert found["arrival"] == [("0.5", "provider"), (None, "unpriced")]
    assert found["known"] == [("0.007", "computed"), ("0.007", "computed")]
    assert found["unknown"] == found["arrival"]
    assert found["again"] == found["known"]
    assert found["audit"] == []


def test_what_ends_before_the_first_day_leaves_nothing_and_what_ends_later_is_finished_as_it_began(
    inside: Inside, tmp_path: Path
) -> None:
    found = inside(repricing.ended_early, tmp_path)
    said, under_way = found["no room"]
    assert "free some space" in said
    assert under_way is None
    assert found["at once"] == ("stopped", None)
    assert found["late"].startswith("it was stopped: days up to 2026-11-20 may have the new prices")
    assert "spanpulse reprice --model gpt-5 --from 1970-01-01" in found["other"]
    assert found["left"] is None
    assert found["priced"]["n"] > 10
    assert found["priced"]["versions"] == 1
    assert found["priced"]["version"] == found["version"]
    assert found["audit"] == []


def test_what_comes_back_gets_the_prices_of_the_last_repricing_it_was_in(inside: Inside, tmp_path: Path) -> None:
    found = inside(repricing.brought_back, tmp_path)
    assert [model for model, _ in found["done"]] == ["claude-sonnet-4-5", "gpt-5"]
    assert {model: found["found"][model] for model, _ in found["done"]} == dict(found["done"])
