"""The audit agrees with the steps on whatever they write, and with nothing else."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import auditing
from sinks_inside import Inside, a_process


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


def minute(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def places(seed: int) -> list[int]:
    return random.Random(seed).sample(range(1, 200), 20)


@pytest.mark.parametrize(("seed", "window"), [(1, 5_000), (2, 30)])
def test_what_the_steps_wrote_over_several_days_is_whole(
    inside: Inside, tmp_path: Path, seed: int, window: int
) -> None:
    found = inside(auditing.of_log, tmp_path, seed, places(seed), window)
    assert found.pop("findings") == []
    assert all(found.values()), "there is something of everything to audit"
    assert found["days"] > 1


def test_recorded_exports_are_whole(inside: Inside, tmp_path: Path) -> None:
    assert inside(auditing.mixed, tmp_path, 2, places(2)) == []


def test_values_beyond_a_days_places_are_expected_under_other(inside: Inside, tmp_path: Path) -> None:
    found = inside(auditing.beyond_caps, tmp_path)
    assert found["others"] == 4 * 700 - 2_000
    assert found["whole"] == []
    (changed,) = found["changed"]
    assert (changed["measure"], changed["expected"], changed["found"]) == ("spans", "800", "801")
    assert changed["dimensions"]["name"] == "__other__"


def test_each_measure_of_each_rollup_is_compared(inside: Inside, tmp_path: Path) -> None:
    found = inside(auditing.each_measure, tmp_path)
    assert len(found["changed"]) > 70
    assert sorted(found["found"]) == sorted(found["changed"])


def test_what_is_wrong_is_named_with_its_minute(inside: Inside, tmp_path: Path) -> None:
    found = inside(auditing.planted, tmp_path)
    span, row = found["span"], found["row"]
    assert {(each["measure"], each["minute"]) for each in found["cost"] if each["table"] == "rollup_minute"} == {
        (measure, minute(span["ended"])) for measure in ("cost", "weighted_cost", "cost_computed")
    }
    missing = [each for each in found["missing"] if each.get("check") == "spans"]
    assert [(each["minute"], each["tenant"]) for each in missing] == [(minute(span["received"]), span["tenant"])]
    requests = [each for each in found["missing"] if each.get("measure") == "requests"]
    assert (requests[0]["table"], requests[0]["minute"]) == ("rollup_minute", minute(span["ended"]))
    assert int(requests[0]["found"]) == int(requests[0]["expected"]) + 1
    assert {(each["table"], each["minute"], each["tenant"]) for each in found["doubled"]} == {
        ("rollup_minute", minute(row["at"]), row["tenant"])
    }
    gaps = [each for each in found["gap"] if each.get("check") == "offsets"]
    assert [(each["expected"], each["found"]) for each in gaps] == [(40, 60)]
