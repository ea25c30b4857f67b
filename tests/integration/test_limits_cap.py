"""The cap on the data folder: a warning, then the log gives back, then the oldest days go, never today's; then 429."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from command_line import spanpulse
from otlp.requests import PROTOBUF
from receiving import message, receive
from running import Running
from spanpulse_stream.traffic import LoadGenerator

REQUESTS, SPANS = 4, 512  # a day
LOG = 1_300_000  # bytes that the log takes when it has nothing: a reserve of 1 MB, and its pages
TAKES = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Filled:
    """A folder whose data folder has spans of three past days, not processed yet."""

    path: Path
    days: list[date]
    today: date


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    """Return the folder, seen from a day that does not end while the test runs."""
    now = datetime.now(UTC)
    if (now + TAKES).date() != now.date():
        pytest.skip("the day ends, in UTC, before this test would")
    days = [now.date() - timedelta(days=back) for back in (3, 2, 1)]
    load = LoadGenerator(1)
    for day in days:
        midnight = int(datetime.combine(day, datetime.min.time(), UTC).timestamp() * 1e9)
        receive(tmp_path / "data", day, [message("traces", load.request(midnight + n)) for n in range(REQUESTS)])
    return Filled(tmp_path, days, now.date())


def until(true: Callable[[], bool], running: Running, within: float = 90.0) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, f"{running.status()}\n{running.output}"
        time.sleep(0.1)


def days_with(running: Running, table: str) -> list[str]:
    day = "received_day" if table.startswith("rollup_") else "toDate(received_at)"
    return [row["day"] for row in running.sql(f"SELECT DISTINCT toString({day}) AS day FROM {table} ORDER BY day")]


def warnings(running: Running) -> list[str]:
    return [each["reason"] for each in running.status()["warnings"]]


def send(running: Running, body: bytes) -> httpx.Response:
    return httpx.post(f"{running.otlp}/v1/traces", content=body, headers={"content-type": PROTOBUF}, timeout=60)


def size_of(running: Running, day: date) -> int:
    bytes_on_disk = "toInt64(sum(bytes_on_disk)) FROM system.parts WHERE active AND table = 'span_rows'"
    return int(running.one(f"{bytes_on_disk} AND partition = '{day}'"))


def test_the_oldest_day_goes_first_and_stays_away(filled: Filled) -> None:
    with Running(filled.path) as running:  # without a cap nothing goes
        status = running.drain()
        assert (status["disk"]["max_bytes"], status["removed_days"], status["warnings"]) == (None, [], [])
        assert days_with(running, "span_rows") == [str(day) for day in filled.days]
        before = status["disk"]
    capped = {"SPANPULSE_DISK_MAX_BYTES": str(before["used_bytes"] - 100_000)}
    with Running(filled.path, capped) as running:  # the log has what the database has too
        until(lambda: running.status()["disk"]["used_bytes"] < before["used_bytes"] - 100_000, running)
        status = running.status()
        assert status["disk"]["log_bytes"] < before["log_bytes"]
        assert status["removed_days"] == []
        most = status["disk"]["used_bytes"] - status["disk"]["log_bytes"] - size_of(running, filled.days[0]) // 2
    capped = {"SPANPULSE_DISK_MAX_BYTES": str(most + LOG)}
    with Running(filled.path, capped) as running:
        until(lambda: days_with(running, "span_rows") == [str(day) for day in filled.days[1:]], running)
        # It is said and counted a moment later, when what belongs to the spans is gone too.
        until(lambda: warnings(running) == ["disk_near_cap"], running)
        counted = 'disk_removed_days_total{table="span_rows"} 1.0'
        until(lambda: counted in httpx.get(f"{running.web}/metrics", timeout=60).text, running)
        status = running.status()
        assert {row["day"] for row in status["removed_days"]} == {str(filled.days[0])}
        assert status["removed_days"][0]["reason"] == "disk_cap"
        assert status["completeness"]["unaccounted"] == 0
        assert status["ready"]
        assert httpx.get(f"{running.web}/readyz", timeout=60).status_code == 200
        assert days_with(running, "rollup_minute") == [str(day) for day in filled.days]
        shown = spanpulse("status", "--data", str(running.data), folder=filled.path)
        removed = f"{REQUESTS * SPANS:,} spans with what belongs to them"
        assert f"{filled.days[0]} by the cap on the disk: {removed}," in shown.out.replace("\n", " ")
        assert "disk_near_cap" in shown.out
        audited = spanpulse("audit", "--data", str(running.data), folder=filled.path)
        assert audited.code == 0, audited.out + audited.err
    with Running(filled.path) as running:
        assert days_with(running, "span_rows") == [str(day) for day in filled.days[1:]]
        assert running.one("toInt64(sum(requests)) FROM rollup_minute") == _calls(len(filled.days))


def test_where_the_log_alone_is_too_much_nothing_goes_and_otlp_answers_429(filled: Filled) -> None:
    load = LoadGenerator(2)
    with Running(filled.path, {"SPANPULSE_DISK_MAX_BYTES": "100000"}) as running:
        until(lambda: send(running, load.request(time.time_ns())).status_code == 429, running)
        refused = send(running, load.request(time.time_ns()))
        assert b"disk_max_bytes" in refused.content
        assert b"its reserve 1" in refused.content
        assert int(refused.headers["retry-after"]) > 0
        assert running.drain()["completeness"]["unaccounted"] == 0
        for table in ("span_rows", "rollup_minute"):
            assert days_with(running, table)[: len(filled.days)] == [str(day) for day in filled.days]
        assert running.status()["removed_days"] == []


def _calls(days: int) -> int:
    return days * REQUESTS * LoadGenerator(1).calls_per_request
