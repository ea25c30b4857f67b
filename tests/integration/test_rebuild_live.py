"""`rebuild` while spans arrive: truncated rollups are again what an untouched process has, row for row."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from maintaining import ROLLUPS, Sender, change, merged, operate, post
from running import Running
from sinks_inside import a_process


@pytest.mark.slow
def test_rebuild_restores_truncated_rollups_while_2000_spans_arrive_a_second(tmp_path: Path) -> None:
    running = Running(tmp_path)
    sender = Sender(running)
    with running:
        sender.send(20)
        running.drain()
    with a_process() as inside:
        inside(change, running.data, [f"TRUNCATE TABLE {table}" for table in ROLLUPS])
    with running:
        first = datetime.now(UTC).date()
        with sender.going_on():
            report = operate(running, "rebuild", {"from": "2020-01-01"})
        assert {day["day"] for day in report["days"]} >= {str(first)}
        assert report["skipped"] == []
        assert sum(day["spans"] for day in report["days"]) >= 20 * 512
        sender.send(2)  # what comes after it is added to the new day
        running.drain()
        found = {table: merged(running, table) for table in ROLLUPS}
        assert running.sql("SELECT name FROM system.tables WHERE name LIKE 'aside%'") == []
    untouched = Running(tmp_path / "untouched")
    untouched.data.parent.mkdir()
    with untouched:
        with httpx.Client(timeout=30) as client:
            for body in sender.sent:
                post(client, untouched, body)
        untouched.drain()
        for table in ROLLUPS:
            expected = merged(untouched, table)
            assert found[table] == expected, table
            assert expected or table.startswith("rollup_score")
