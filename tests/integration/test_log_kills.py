"""SIGKILL while a process appends, claims, commits and trims: what it was told is durable is there once, in order."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from log_child import SENDERS, body, name, open_child_log
from logs import everything
from spanpulse_stream.log import TOPIC, LocalLog, LogInUse

CHILD = Path(__file__).parent.parent / "log_child.py"


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(CHILD), str(folder), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill_after(child: subprocess.Popen[str], lines: int) -> list[list[str]]:
    """Return the whole lines that a process printed before it was killed, ``lines`` or more."""
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(lines)]
    os.kill(child.pid, signal.SIGKILL)
    told += child.stdout.readlines()
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    return [line.split() for line in told if line.endswith("\n")]


def check(log: LocalLog, acknowledged: list[set[int]], committed: list[int], sources: dict[int, object]) -> None:
    assert sources in ({}, log.sources())
    for partition in (0, 1):
        assert log.committed(TOPIC, partition) >= committed[partition]
        records = everything(log, partition=partition)
        first = log.first_offset(TOPIC, partition)
        assert first <= log.committed(TOPIC, partition)
        assert [record.offset for record in records] == list(range(first, first + len(records)))
        assert log.end_offset(TOPIC, partition) == first + len(records)
        times = [record.appended_at for record in records]
        assert times == sorted(times)
        names = [name(record.value) for record in records]
        assert len(set(names)) == len(names)
        for sender in range(partition, SENDERS, 2):
            numbers = [number for one, number in names if one == sender]
            assert numbers == sorted(numbers)
            kept = {number for number in acknowledged[sender] if numbers and number >= numbers[0]}
            assert kept <= set(numbers)
        assert all(record.value == body(*name(record.value)) for record in records)
        assert log.stats().partitions[partition].accepted_records == log.end_offset(TOPIC, partition)


def test_what_was_acknowledged_is_there_after_sigkills(tmp_path):
    rng = random.Random(5)
    acknowledged: list[set[int]] = [set() for _ in range(SENDERS)]
    committed, sources, first = [0, 0], {}, 0
    ends = [0, 0]
    for _ in range(8):
        child = start(tmp_path, "append", str(first))
        for line in kill_after(child, rng.randint(1, 400)):
            if line[0] == "committed":
                committed[int(line[1])] = int(line[2])
            else:
                acknowledged[int(line[0])].add(int(line[1]))
        first += 10_000
        log = open_child_log(tmp_path)
        check(log, acknowledged, committed, sources)
        # Nothing that was acknowledged was left out before it was trimmed either.
        counts = [sum(len(numbers) for numbers in acknowledged[partition::2]) for partition in (0, 1)]
        for partition in (0, 1):
            assert log.end_offset(TOPIC, partition) >= max(counts[partition], ends[partition])
            ends[partition] = log.end_offset(TOPIC, partition)
        sources = log.sources()
        log.close()
    assert min(committed) > 0
    assert sum(map(len, acknowledged)) > 200


def test_a_log_that_another_process_has_open_is_refused_until_that_dies(tmp_path):
    child = start(tmp_path, "hold")
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    with pytest.raises(LogInUse, match=f"in use by process {child.pid}; stop it, or use another folder") as used:
        open_child_log(tmp_path)
    assert used.value.pid == child.pid
    os.kill(child.pid, signal.SIGKILL)
    child.stdout.close()
    child.wait()
    open_child_log(tmp_path).close()


def test_a_process_that_ends_without_closing_ends(tmp_path):
    code = (
        "import sys; from pathlib import Path; from log_child import open_child_log; from logs import fill, values\n"
        "log = open_child_log(Path(sys.argv[1])); fill(log, 3); raise SystemExit(7)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=CHILD.parent, timeout=30, check=False)
    assert done.returncode == 7
    log = open_child_log(tmp_path)
    assert len(everything(log)) == 3
    log.close()
