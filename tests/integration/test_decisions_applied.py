"""Decisions in a partition's log take effect once: in rows, sums, batches and the page, and when a user is erased."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import decided_running
from sinks_inside import Inside, a_process


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


@pytest.mark.parametrize("window", [5_000, 1])
def test_decisions_in_batches_of_their_own_take_effect_once(inside: Inside, tmp_path: Path, window: int) -> None:
    found = inside(decided_running.alone, tmp_path, window)
    assert found["before"] == {"spans": 3, "requests": 3, "tokens": 3000}
    assert found["after"] == {"spans": 2, "requests": 1, "tokens": 1000}
    spans = [(row["counted"], row["user_id"]) for row in found["spans"]]
    assert spans == [(False, None), (True, "late")]
    assert found["told"] == {"taken": 3, "ignored": 1}
    assert [(row["signal"], row["first"]) for row in found["batches"]][:2] == [("traces", 0), ("decisions", 1)]
    assert {row["tenant"] for row in found["batches"][:5]} == {"acme"}
    assert [row["updates"] for row in found["batches"]] == [0, 3, 0, 0, 0, 0], "each batch has a row"
    assert [row["decided"] for row in found["batches"]] == [0, 3 if window > 1 else 1, 0, 0, 0, 0]
    assert sum(row["accepted"] for row in found["batches"]) == 3
    letters = [("decisions_of_another_source", 5), ("unreadable_decisions", 6)]
    assert [(row["reason"], row["log_offset"]) for row in found["letters"]] == letters
    assert found["audit"] == []
    assert found["missing"] == []
    page = found["page"]
    for order in ("newest", "slowest", "dearest"):
        assert (page[order]["spans"], page[order]["calls"], page[order]["input_tokens"]) == (2, 1, 1000)
    assert page["dearest"]["cost"] == page["newest"]["cost"]
    assert [span["span_id"][-1] for span in page["whole"]["spans"]] == ["2", "3"]
    (session,) = page["sessions"]["rows"]
    assert (session["requests"], session["cost"]) == (1, page["newest"]["cost"])


def test_a_correction_alone_tells_that_a_batch_is_half_written(inside: Inside, tmp_path: Path) -> None:
    found = inside(decided_running.half_written, tmp_path)
    assert {"span_updates", "rollup_minute"} <= set(found["written"])
    assert not {"seen", "span_rows"} & set(found["written"]), "no partition remembers the span"
    assert (found["reached"], found["end"]) == (1, 2)
    assert found["sums"] == {"spans": 1, "requests": 1, "tokens": 1000}
    assert found["spans"] == 1
    assert found["audit"] == []


@pytest.mark.parametrize("window", [5_000, 1])
def test_an_erased_user_does_not_come_back_by_a_decision(inside: Inside, tmp_path: Path, window: int) -> None:
    found = inside(decided_running.erased, tmp_path, window)
    assert found["seen"]["users"] == found["seen"]["ids"] == 0
    assert found["seen"]["n"] >= 3
    assert found["updates"] == {"n": 3, "ids": 0}
    assert found["same"], "what was decided before is not decided again"
    assert found["audit"] == []
