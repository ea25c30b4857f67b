"""What `spanpulse audit` prints of a report: places, and the commands that mend them."""

import io
from typing import Any

import pytest
from rich.console import Console

from spanpulse_stream.commands import audit
from spanpulse_stream.maintenance._audit_batches import COUNTED


def printed(*findings: dict[str, Any]) -> list[str]:
    report = {"whole": False, "days": ["2026-11-22"], "unchecked": [], "findings": list(findings), "more_findings": 0}
    told = io.StringIO()
    audit._show(report, Console(file=told, width=300))
    return told.getvalue().splitlines()


def differs(day: str) -> dict[str, Any]:
    where = {"check": "rollups", "day": day, "minute": "2026-11-20T23:59:00+00:00", "tenant": "acme"}
    return {**where, "table": "rollup_user", "measure": "requests", "expected": "3", "found": "4", "dimensions": {}}


def test_a_rollup_is_named_with_the_day_that_a_rebuild_asks_for() -> None:
    assert printed(differs("2026-11-22"), differs("2026-11-21")) == [
        "2026-11-20T23:59:00+00:00 (received 2026-11-22) acme rollup_user: requests should be 3, is 4",
        "2026-11-20T23:59:00+00:00 (received 2026-11-21) acme rollup_user: requests should be 3, is 4",
        (
            "rollups: `spanpulse rebuild 2026-11-21`, `spanpulse rebuild 2026-11-22` counts them again, once spans,"
            " corrections and scores are whole"
        ),
    ]


def test_many_days_are_rebuilt_as_a_range() -> None:
    last = printed(*(differs(f"2026-11-{day}") for day in range(10, 20)))[-1]
    assert last.startswith("rollups: `spanpulse rebuild --from 2026-11-10 --to 2026-11-19` counts")


@pytest.mark.parametrize("check", [*COUNTED, "offsets", "accepted", "accounts", "dead letters", "log"])
def test_whatever_differs_is_told_how_it_is_mended(check: str) -> None:
    found = {"check": check, "day": "2026-11-22", "table": "some", "expected": 3, "found": 4}
    assert printed(found)[-1].startswith(f"{check}: ")
