"""`audit` while spans arrive: whole where nothing is wrong, and what is wrong is named with its minute."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from maintaining import Sender, change, operate
from running import Running
from sinks_inside import a_process


def minute(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def place(running: Running, offset: int) -> dict[str, Any]:
    """Return the minutes of the first counted call of a message."""
    (row,) = running.sql(
        "SELECT toInt64(toUnixTimestamp(toStartOfMinute(received_at))) AS received, toInt64(ordinal) AS ordinal,"
        f" toInt64(toUnixTimestamp(toStartOfMinute(end_time))) AS ended FROM span_rows WHERE log_offset = {offset}"
        " AND counted AND cost > 0 ORDER BY ordinal LIMIT 1"
    )
    return row


@pytest.mark.slow
def test_audit_under_load_names_a_missing_span_a_doubled_row_and_a_changed_cost(tmp_path: Path) -> None:
    # Nothing of it may come back by itself: the log keeps nothing that is processed.
    running = Running(tmp_path, {"SPANPULSE_LOG_RETAIN_RECORDS": "0"})
    sender = Sender(running)
    with running:
        sender.send(12)
        running.drain()
        with sender.going_on():
            report = operate(running, "audit", {})
        assert report["findings"] == []
        assert report["whole"]
        running.drain()
        missing, changed = place(running, 3), place(running, 7)
        (doubled,) = running.sql(
            "SELECT toInt64(toUnixTimestamp(quarter)) AS at, user_id FROM rollup_user ORDER BY ALL LIMIT 1"
        )
    row = f"quarter = toDateTime({doubled['at']}) AND user_id = '{doubled['user_id']}'"
    now = "SETTINGS mutations_sync = 1"
    statements = [
        f"ALTER TABLE span_rows DELETE WHERE log_offset = 3 AND ordinal = {missing['ordinal']} {now}",
        f"ALTER TABLE span_rows UPDATE cost = cost + 1 WHERE log_offset = 7 AND ordinal = {changed['ordinal']} {now}",
        f"INSERT INTO rollup_user SELECT * FROM rollup_user WHERE {row} LIMIT 1",
    ]
    with a_process() as inside:
        inside(change, running.data, statements)
    with running, sender.going_on():
        report = operate(running, "audit", {})
    assert not report["whole"]
    spans = [each for each in report["findings"] if each["check"] == "spans"]
    assert [(each["minute"], each["expected"] - each["found"]) for each in spans] == [(minute(missing["received"]), 1)]
    minutes = [each for each in report["findings"] if each["table"] == "rollup_minute"]
    fewer = {each["minute"] for each in minutes if each["measure"] == "requests"}
    assert fewer == {minute(missing["ended"])}
    dearer = {each["minute"] for each in minutes if float(each["expected"]) - float(each["found"]) > 0.5}
    assert dearer == {minute(changed["ended"])}
    users = [each for each in report["findings"] if (each["table"], each.get("measure")) == ("rollup_user", "requests")]
    twice = [each for each in users if each["dimensions"]["user_id"] == doubled["user_id"]]
    assert [each["minute"] for each in twice] == [minute(doubled["at"])]
    assert int(twice[0]["found"]) > int(twice[0]["expected"])
