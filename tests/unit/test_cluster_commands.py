"""What commands of a data folder say where the settings name a cluster, and what an audit of one advises."""

import io
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from rich.console import Console

from spanpulse_dashboards._errors import problem_of
from spanpulse_sinks.clickhouse import QueryFailed
from spanpulse_sinks.clickhouse._errors import failure_of_query
from spanpulse_sinks.clickhouse.server._session import ServerAway
from spanpulse_stream.commands import audit, backup, erase, import_, rebuild, reprice, sql, status

COMMANDS = [
    (backup, ["to"]),
    (erase, ["--user", "u", "--yes"]),
    (import_, ["spans.json"]),
    (rebuild, ["2026-01-31"]),
    (reprice, ["--model", "m", "--from", "2026-01-31"]),
    (sql, ["SELECT 1"]),
    (status, []),
]


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPANPULSE_CLICKHOUSE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SPANPULSE_DATA", str(tmp_path / "data"))


@pytest.mark.parametrize(("command", "arguments"), COMMANDS, ids=lambda each: getattr(each, "__name__", None))
def test_a_command_of_a_folder_refuses_to_answer_for_a_cluster(
    command: object, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run(arguments) == 2  # type: ignore[attr-defined]
    assert "clickhouse_url is set, and this command knows data folders" in capsys.readouterr().err


def test_a_folder_that_is_named_is_meant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sql.run(["SELECT 1", "--data", str(tmp_path / "data")]) == 2
    assert "there is no database in" in capsys.readouterr().err


@pytest.mark.parametrize("cluster_asked", [False, True])
def test_an_audit_of_a_cluster_names_no_command_that_works_on_a_folder(*, cluster_asked: bool) -> None:
    finding = {
        "check": "rollups", "day": "2026-01-31", "table": "rollup_minute", "measure": "requests",
        "expected": 1, "found": 2,
    }  # fmt: skip
    report = {"whole": False, "days": ["2026-01-31"], "findings": [finding], "more_findings": 0, "unchecked": []}
    told = io.StringIO()
    audit._show(report, Console(file=told, width=300), cluster=cluster_asked)
    assert ("spanpulse rebuild" in told.getvalue()) is not cluster_asked
    assert ("no command mends this" in told.getvalue()) is cluster_asked


def test_a_server_that_is_away_is_no_defect_of_the_page() -> None:
    failure = failure_of_query(ServerAway("not asked again yet"))
    assert failure.kind is QueryFailed.Kind.AWAY
    assert (problem_of(failure).status, problem_of(failure).title) == (503, "the database does not answer")
    assert failure_of_query(DatabaseError("Code: 62")).kind is QueryFailed.Kind.FAILED
