"""A writer that is killed, at random and right at the rename of a part, or whose renames are refused."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from requirements import need_strace
from sinks_batches import SPANS
from sinks_process import expected

SCRIPT = Path(__file__).parents[1] / "sinks_process.py"
RENAMES = "rename,renameat,renameat2"
ROUNDS = int(os.environ.get("SPANPULSE_KILLS", "2"))


@pytest.fixture
def tracing() -> None:
    need_strace()


def start(folder: Path, count: int, *before: str) -> "subprocess.Popen[str]":
    command = [*before, sys.executable, str(SCRIPT), "write", str(folder), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(folder: Path, count: int) -> str:
    process = start(folder, count)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output


def stored(folder: Path) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPT), "count", str(folder)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)


def inject(what: str) -> list[str]:
    quiet = ["-f", "-o", os.devnull, "-e", f"trace={RENAMES}", "-e", "signal=none"]
    return ["strace", *quiet, "-e", f"inject={RENAMES}:{what}"]


def test_kills_at_random_leave_every_batch_once(tmp_path: Path) -> None:
    chance = random.Random(20261121)
    done = 0
    for _ in range(ROUNDS):
        process = start(tmp_path, 10_000)
        assert process.stdout is not None
        for _ in range(chance.randint(2, 20)):
            process.stdout.readline()
        try:  # somewhere in the next write, not just behind the last
            process.wait(chance.random() * 0.1)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        done = int((tmp_path / "acknowledged").read_text())
    finish(tmp_path, done + 2)
    assert stored(tmp_path) == expected(done + 2, SPANS)


@pytest.mark.usefixtures("tracing")
def test_kills_at_the_rename_leave_every_batch_once(tmp_path: Path) -> None:
    finish(tmp_path, 1)
    for nth in range(1, 2 + 2 * ROUNDS, 2):  # counted by thread, so another table's rename each time
        process = start(tmp_path, 1000, *inject(f"signal=KILL:when={nth}"))
        process.communicate(timeout=120)
        assert process.returncode != 0, "no rename was reached"
    done = int((tmp_path / "acknowledged").read_text())
    finish(tmp_path, done + 2)
    assert stored(tmp_path) == expected(done + 2, SPANS)


@pytest.mark.usefixtures("tracing")
@pytest.mark.parametrize("error", ["EACCES", "ENOSPC"])
def test_refused_renames_leave_every_batch_once(tmp_path: Path, error: str) -> None:
    finish(tmp_path, 1)
    process = start(tmp_path, 5, *inject(f"error={error}:when=2+9"))
    output, errors = process.communicate(timeout=120)
    attempts = [int(line.split()[1]) for line in output.splitlines()[1:]]
    assert process.returncode != 0 or max(attempts) > 1, errors
    finish(tmp_path, 5)
    assert stored(tmp_path) == expected(5, SPANS)


def test_a_batch_that_was_half_written_when_its_process_died(tmp_path: Path) -> None:
    finish(tmp_path, 3)
    (tmp_path / "acknowledged").write_text("2")  # the acknowledgement was lost: batch 2 comes again
    output = finish(tmp_path, 5)
    assert [line.split()[0] for line in output.splitlines()] == ["open", "2", "3", "4"]
    assert stored(tmp_path) == expected(5, SPANS)
