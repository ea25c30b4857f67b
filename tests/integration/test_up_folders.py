"""A data folder whose parts are of different ages: what the log still has comes back, and the counts tell the truth."""

import shutil
from pathlib import Path

import httpx
import pytest

from otlp.requests import PROTOBUF, some_traces
from running import Running

Whole = tuple[Path, tuple[tuple[int, int, int], dict[str, int]], list[tuple[str, Path]]]
"""A data folder, what is in it, and the table and place of each part."""


def send(running: Running, first: int, count: int) -> None:
    for number in range(first, first + count):
        body = some_traces(1, first=number)
        answer = httpx.post(f"{running.otlp}/v1/traces", content=body, headers={"content-type": PROTOBUF}, timeout=30)
        answer.raise_for_status()
    running.drain()


def counts(running: Running) -> tuple[int, int, int]:
    """Return spans, distinct spans, and the sum of the service rollup."""
    row = running.sql(
        "SELECT toInt64(count()) AS n, toInt64(uniqExact(trace_id)) AS d,"
        " (SELECT toInt64(sum(spans)) FROM rollup_service) AS r FROM span_rows"
    )[0]
    return row["n"], row["d"], row["r"]


@pytest.mark.parametrize("older", ["removed", "older copy"])
def test_a_database_that_lacks_rows_is_filled_from_the_log(tmp_path: Path, older: str) -> None:
    running = Running(tmp_path)
    with running:
        send(running, 1, 20)
    if older == "older copy":
        shutil.copytree(running.data / "database", tmp_path / "copy", symlinks=True)
    with running:
        send(running, 21, 15)
    shutil.rmtree(running.data / "database")
    if older == "older copy":
        shutil.move(tmp_path / "copy", running.data / "database")
    with running:
        assert "processed again" in running.output
        status = running.drain()
        assert counts(running) == (35, 35, 35)
        assert status["completeness"]["unaccounted"] == 0
        send(running, 1, 40)
        assert counts(running) == (40, 40, 40)
        assert running.status()["completeness"]["duplicate"] == 35


def test_an_older_copy_of_the_log_goes_on_under_a_new_source(tmp_path: Path) -> None:
    running = Running(tmp_path)
    with running:
        send(running, 1, 10)
    shutil.copytree(running.data / "log", tmp_path / "copy")
    with running:
        send(running, 11, 10)
    shutil.rmtree(running.data / "log")
    shutil.move(tmp_path / "copy", running.data / "log")
    with running:
        send(running, 21, 5)
        assert counts(running) == (25, 25, 25)
        assert running.status()["completeness"]["unaccounted"] == 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Return a folder that nothing runs on."""
    running = Running(tmp_path_factory.mktemp("whole"))
    with running:
        for first in (1, 9, 17):
            send(running, first, 8)
        send(running, 3, 9)
        sql = "SELECT table, path FROM system.parts WHERE active AND database = currentDatabase()"
        parts = [(row["table"], Path(row["path"]).relative_to(running.data)) for row in running.sql(sql)]
        return running.data, (counts(running), batches(running)), parts


@pytest.mark.parametrize("tables", [["batches"], ["batches", "seen", "span_rows"], ["batches", "rollup_service"]])
def test_parts_that_break_while_closed_come_back_from_the_log(tmp_path: Path, whole: Whole, tables: list[str]) -> None:
    folder, before, parts = whole
    running = Running(tmp_path)
    shutil.copytree(folder, running.data, symlinks=True)
    broken = [running.data / path / "data.bin" for table, path in parts if table in tables]
    assert len(broken) >= len(tables)
    for data in broken:
        data.write_bytes(data.read_bytes()[:10])
    for _ in range(2):
        with running:
            status = running.drain()
            assert (counts(running), batches(running)) == before
            assert status["completeness"]["unaccounted"] == 0
    assert "repaired" not in running.output


def batches(running: Running) -> dict[str, int]:
    """Return the sums of `batches`."""
    sums = ", ".join(f"toInt64(sum({name})) AS {name}" for name in ("accepted", "stored", "duplicate", "dead_lettered"))
    return running.sql(f"SELECT {sums} FROM batches")[0]
