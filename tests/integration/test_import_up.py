"""`spanpulse import` as a person runs it: beside a running process and without one, killed and run again."""

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from command_line import spanpulse
from importing_files import bodies, framed, json_lines, write
from running import Running
from spanpulse_stream.traffic import LoadGenerator
from sums import check

REQUESTS = 40  # of 512 spans: nine chunks


def imported(running: Running, *words: str, code: int = 0) -> str:
    done = spanpulse("import", *words, "--data", str(running.data), folder=running.data.parent)
    assert done.code == code, done.err
    return done.err


def test_files_go_into_a_running_process_once(tmp_path: Path) -> None:
    lines = json_lines(bodies(4)).splitlines()
    path = write(tmp_path, b"\n".join([*lines, b"{broken", lines[0][:-9]]), "spans.json")
    table = write(tmp_path, b"when,model,tokens_in\n2025-11-10T12:00:00Z,gpt-5,77\nsoon,gpt-5,8\n", "calls.csv")
    with Running(tmp_path) as running:
        told = imported(running, str(path), code=1)
        assert f"{path}: 12 records imported" in told
        assert "1 more cannot be read and is kept as a dead letter" in told
        assert "line 5, byte " in told
        assert "not read from line 6, byte " in told
        told = imported(running, str(table), "--map", "when=start_time", code=1)
        assert f"{table}: 1 records imported" in told
        assert "row 2, line 3: column 'when': a time" in told
        again = imported(running, str(path), str(table), "--map", "when=start_time", code=2)
        assert "no columns to map" in again
        assert f"{table}: already imported, 1 records" in again
        otherwise = imported(running, str(table), "--map", "when=end_time", code=2)
        assert f"{table} was imported on 20" in otherwise
        assert "--again" in otherwise
        running.drain()
        assert running.one("count() FROM span_rows") == 13
        letters = running.sql("SELECT reason, bytes FROM dead_letters ORDER BY bytes")
        assert [letter["reason"] for letter in letters] == ["invalid_json"] * 2
        assert "line 5, byte" in letters[0]["bytes"] + letters[1]["bytes"]
        assert "column 'when'" in letters[0]["bytes"] + letters[1]["bytes"]
        [row] = running.sql("SELECT toString(start_time) AS start, input_tokens FROM spans WHERE input_tokens = 77")
        assert row["start"].startswith("2025-11-10 12:00:00")
        assert running.status()["completeness"]["unaccounted"] == 0


def test_without_a_process_the_next_one_finds_what_was_imported(tmp_path: Path) -> None:
    running = Running(tmp_path)
    path = write(tmp_path, framed(bodies(5)))
    dry = spanpulse("import", str(path), "--dry-run", "--data", str(running.data), folder=tmp_path)
    assert (dry.code, running.data.exists()) == (0, False)
    assert "15 records in 1 requests" in dry.out
    told = imported(running, str(path))
    assert "15 records imported" in told
    assert "will process them" in told
    piped = subprocess.run(
        [sys.executable, "-m", "spanpulse", "import", "-", "--data", str(running.data)],
        input=path.read_bytes(), capture_output=True, cwd=tmp_path, check=True, timeout=60,
    )  # fmt: skip
    assert b"already imported, 15 records" in piped.stderr
    with running:
        running.drain()
        assert running.one("count() FROM span_rows") == 15


@pytest.mark.slow
def test_kills_on_both_sides_lose_and_double_nothing(tmp_path: Path) -> None:
    load, rng = LoadGenerator(3), random.Random(11)
    path = write(tmp_path, framed([load.request(time.time_ns()) for _ in range(REQUESTS)]))
    running = Running(tmp_path)
    command = [sys.executable, "-m", "spanpulse", "import", str(path), "--data", str(running.data)]
    killed = 0
    for number in range(3):
        running.start()
        with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=tmp_path) as importer:
            wait_for_chunks(running, importer, 1 + 2 * number)
            threading.Event().wait(rng.uniform(0, 0.3))
            killed += importer.poll() is None
            if number % 2:
                running.kill()
                assert importer.wait(60) in (0, 2)
            else:
                importer.kill()
        running.kill()
    assert killed
    with running:
        assert importing_ends(command, tmp_path) == 0
        running.drain()
        assert check(running, load, REQUESTS, REQUESTS) == REQUESTS


def wait_for_chunks(running: Running, importer: subprocess.Popen[bytes], count: int) -> None:
    """Wait until an import has brought some chunks, or is done."""
    deadline, pause = time.monotonic() + 120, threading.Event()
    while importer.poll() is None and running.status()["completeness"]["accepted"] < count * 2048:
        assert time.monotonic() < deadline
        pause.wait(0.02)


def importing_ends(command: list[str], folder: Path) -> int:
    return subprocess.run(command, cwd=folder, check=False, timeout=120, capture_output=True).returncode


def test_an_interrupted_import_goes_on(tmp_path: Path) -> None:
    load = LoadGenerator(4)
    path = write(tmp_path, framed([load.request(time.time_ns()) for _ in range(REQUESTS)]))
    # A log that has little room: the import has to wait for the pipeline, and is not over before it is stopped.
    with Running(tmp_path, {"SPANPULSE_LOG_MAX_BYTES": str(8 << 20)}) as running:
        command = [sys.executable, "-m", "spanpulse", "import", str(path), "--data", str(running.data)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=tmp_path) as importer:
            wait_for_chunks(running, importer, 1)
            importer.send_signal(signal.SIGINT)
            told = importer.stderr.read().decode() if importer.stderr else ""
        assert importer.returncode == 130
        assert "stopped; run the same command again to go on where it was" in told
        assert importing_ends(command, tmp_path) == 0
        running.drain()
        assert check(running, load, REQUESTS, REQUESTS) == REQUESTS
