"""`up`, `sql` and `status` as processes: what they print, and what they say when they cannot do it."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from command_line import spanpulse
from otlp.requests import PROTOBUF, some_traces
from running import NotReady, Running

COUNT = "SELECT toInt64(count()) AS spans FROM span_rows"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("commands")) as process:
        answer = httpx.post(f"{process.otlp}/v1/traces", content=recent(5), headers={"content-type": PROTOBUF})
        answer.raise_for_status()
        process.drain()
        yield process


def recent(count: int) -> bytes:
    return some_traces(count)


def up(folder: Path, *words: str) -> str:
    """Return what a start that must fail says."""
    free = ("--otlp-http", "0", "--otlp-grpc", "0", "--web", "0")
    done = spanpulse("up", *free, *words, folder=folder)
    assert done.code == 2, done
    assert "Traceback" not in done.err
    return done.err


def test_the_ready_file_names_what_is_served(running: Running) -> None:
    assert set(running.addresses) == {"otlp_http", "otlp_grpc", "web"}
    for name in ("otlp_http", "otlp_grpc", "web"):
        host, _, port = str(running.addresses[name]).rpartition(":")
        assert (host, int(port) > 0) == ("127.0.0.1", True)
    assert httpx.get(f"{running.web}/readyz").status_code == 200
    assert httpx.get(f"{running.web}/healthz").status_code == 200
    assert "spanpulse_pipeline_batches_total" in httpx.get(f"{running.web}/metrics").text


def test_sql_answers_while_it_runs(running: Running) -> None:
    done = spanpulse("sql", COUNT, "--data", str(running.data), "--format", "JSONEachRow", folder=running.data.parent)
    assert (done.code, json.loads(done.out)) == (0, {"spans": 5}), done


def test_sql_says_what_is_wrong_with_a_query(running: Running) -> None:
    done = spanpulse("sql", "SELECT nothing", "--data", str(running.data), folder=running.data.parent)
    assert done.code == 2
    assert "nothing" in done.err
    assert "Traceback" not in done.err
    done = spanpulse("sql", "SELECT 1", "--data", str(running.data), "--format", "Nope", folder=running.data.parent)
    assert [done.err.count(part) for part in ("Code: 73", "Unknown format Nope", "UNKNOWN_FORMAT")] == [1, 1, 1]
    assert "version" not in done.err


def test_sql_changes_nothing(running: Running) -> None:
    done = spanpulse("sql", "DROP TABLE span_rows", "--data", str(running.data), folder=running.data.parent)
    assert done.code == 2
    assert running.sql(COUNT)[0]["spans"] == 5


def test_status_tells_what_became_of_every_span(running: Running) -> None:
    done = spanpulse("status", "--json", "--data", str(running.data), folder=running.data.parent)
    assert done.code == 0, done
    found = json.loads(done.out)
    assert found["ready"] is True
    assert {name: found["completeness"][name] for name in ("accepted", "stored", "pending", "unaccounted")} == {
        "accepted": 5,
        "stored": 5,
        "pending": 0,
        "unaccounted": 0,
    }
    shown = spanpulse("status", "--data", str(running.data), folder=running.data.parent).out
    assert "5 accepted" in shown
    assert "ready" in shown


def test_status_counts_what_was_refused(running: Running) -> None:
    url = f"{running.otlp}/v1/traces"
    assert httpx.post(url, content=b"\x0a\xff", headers={"content-type": PROTOBUF}).status_code == 400
    assert httpx.post(url, content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    assert httpx.post(url, content=b"", headers={"content-type": PROTOBUF, "x-pad": "y" * 70_000}).status_code == 431
    assert running.status()["refused_requests_since_start"] == {"400": 1, "415": 1, "431": 1}
    shown = spanpulse("status", "--data", str(running.data), folder=running.data.parent).out
    assert "3 requests since the start" in shown
    assert "1 with 415 unsupported media type" in shown


def test_a_folder_in_use_is_refused_and_its_owner_named(running: Running) -> None:
    said = up(running.data.parent, "--data", str(running.data))
    assert "in use" in said
    assert str(running.status()["pid"]) in said
    assert f"`spanpulse status --data {running.data}`" in said
    assert "decoders" not in said


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = up(tmp_path, "--otlp-http", str(port))
    assert str(port) in said
    assert "otlp" in said


@pytest.mark.parametrize("place", ["file", "/proc/spanpulse"])
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("no folder")
    said = up(tmp_path, "--data", place)
    assert place in said
    assert "--data" in said


def test_a_ready_file_that_cannot_be_written_is_known_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place, reason in (("none/ready", "no folder"), ("file/ready", "no folder"), (str(tmp_path), "a folder")):
        said = up(tmp_path, "--ready-file", place)
        assert "--ready-file" in said
        assert reason in said
    assert not (tmp_path / ".spanpulse").exists()


def test_another_address_needs_a_key(tmp_path: Path) -> None:
    assert "api_keys" in up(tmp_path, "--host", "0.0.0.0")


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    done = spanpulse("up", folder=tmp_path, environ={"SPANPULSE_RETENTION": "3"})
    assert done.code == 2
    assert "SPANPULSE_RETENTION" in done.err


def test_commands_without_a_process_say_what_to_do(tmp_path: Path) -> None:
    assert "spanpulse up" in spanpulse("status", "--data", "nothing", folder=tmp_path).err
    assert "spanpulse up" in spanpulse("sql", COUNT, "--data", "nothing", folder=tmp_path).err


def test_it_stops_when_told_and_sql_works_without_it(tmp_path: Path) -> None:
    process = Running(tmp_path).start()
    httpx.post(f"{process.otlp}/v1/traces", content=recent(3), headers={"content-type": PROTOBUF}).raise_for_status()
    process.drain()
    assert process.process is not None
    os.kill(process.process.pid, signal.SIGINT)
    assert process.process.wait(30) == 0, process.output
    assert not (tmp_path / "ready.json").exists()
    done = spanpulse("sql", COUNT, "--data", str(process.data), "--format", "JSONEachRow", folder=tmp_path)
    assert (done.code, json.loads(done.out)) == (0, {"spans": 3}), done


def test_a_start_that_failed_can_be_repeated(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(NotReady):
        Running(tmp_path).start(ports={"web": taken.getsockname()[1]})
    with Running(tmp_path) as process:
        assert process.status()["ready"]


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SPANPULSE_API_KEYS", "bogus", "api_keys: entry 1"),
        ("SPANPULSE_PRICES", "prices-that-are-not-there.yaml", "cannot be read"),
        ("SPANPULSE_HOST", "0.0.0.0", "no API key is set"),
    ],
)
def test_config_says_what_a_start_would_refuse(tmp_path: Path, variable: str, value: str, said: str) -> None:
    done = spanpulse("config", folder=tmp_path, environ={variable: value, "COLUMNS": "40"})
    assert done.code == 2
    assert said in done.err
    assert any(line.startswith("log_format") and "text on a terminal" in line for line in done.out.splitlines())
