"""Queries of readers: bounded, read-only, cancelled when asked, ended when the database closes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import sinks_reading as reading
from sinks_inside import Inside, a_process


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


def test_each_failure_says_what_it_is(inside: Inside, tmp_path: Path) -> None:
    assert inside(reading.failures, tmp_path) == {
        **dict.fromkeys(("time", "rows", "memory"), "limit"),
        **dict.fromkeys(("write", "drop", "leave"), "read_only"),
        "syntax": "failed",
        "fine": "fine",
        "format": "failed",
        "own": '"a"\n1\n',
        "tsv": "1\tx\n",
        "bytes": '{"a":"\ufffdA"}\n',
        "closed": "closed",
    }


def test_queries_end_when_cancelled_and_when_the_database_closes(inside: Inside, tmp_path: Path) -> None:
    found = inside(reading.cancelled, tmp_path)
    assert [found[name] for name in ("early", "handle", "close")] == ["cancelled"] * 3
    assert not found["alive"]
    assert found["seconds"] < 15


def test_a_reader_that_stays_away_is_reported(inside: Inside, tmp_path: Path) -> None:
    assert inside(reading.busy, tmp_path) == "busy"
