"""What may be asked of dead letters, and the SQL that it becomes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spanpulse_stream.letters import Asked, Filters, Position, filters_of
from spanpulse_stream.operations import MaintenanceError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["3/17/0", "4294967295/9223372036854775807/-1"])
def test_a_position_is_read_as_it_is_shown(text: str) -> None:
    assert str(Position.parse(text)) == text


@pytest.mark.parametrize("text", ["", "3/17", "3/17/-2", "a/1/1", "3/17/0 ", "3/17/0/1", "-3/1/0", "3/1/٣"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no position"):
        Position.parse(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("12h", NOW - timedelta(hours=12)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T10:30", datetime(2026, 11, 1, 10, 30, tzinfo=UTC)),
        ("2026-11-01T10:30+02:00", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_may_be_told_in_several_ways(text: str, moment: datetime) -> None:
    assert filters_of({"since": text}, NOW).since == moment


def test_what_a_person_says_is_quoted() -> None:
    said = Filters(reason="a'b\\", tenant="x' OR 1=1 --").condition()
    assert said == r"reason = 'a\'b\\' AND tenant = 'x\' OR 1=1 --'"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({}, "name positions, a filter"),
        ({"since": "yesterday"}, "no moment"),
        ({"since": "0h"}, "no moment"),
        ({"positions": ["x"]}, "no position"),
        ({"positions": ["1/1/0"] * 1001}, "too many"),
        ({"tenant": "\udcff"}, "no UTF-8"),
        ({"run": "a b"}, "no run"),
        ({"run": "20261122T120000-abc", "reason": "x"}, "name nothing else"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(MaintenanceError, match=why):
        Asked.parse(arguments, NOW)


def test_everything_must_be_asked_for_by_name() -> None:
    assert Asked.parse({"all": True}, NOW).filters.any
    assert not Asked.parse({"positions": ["1/2/3"]}, NOW).filters.any
