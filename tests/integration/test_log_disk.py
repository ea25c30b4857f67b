"""Disks that are full, nearly full or read-only, on small file systems of their own."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from logs import DEADLINE, MIB, append, commit, everything, fill, is_full, message, open_log, opened
from requirements import small_file_system
from spanpulse_stream.log import TOPIC, Claim, LocalLog, LogFull, LogUnusable
from spanpulse_stream.log._jobs import Step


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_file_system(tmp_path, 24) as mount:
        yield mount


def occupy(folder: Path, *, leave: int = 0) -> Path:
    """Fill the disk by a file of another program."""
    other = folder / "other"
    with other.open("ab", buffering=0) as file:
        try:
            while (room := free(folder) - leave) > 0:
                file.write(os.urandom(min(room, MIB)))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return other


def free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def fill_up(log: LocalLog, limit: int = 200) -> LogFull:
    """Append until that is refused."""
    for number in range(limit):
        if full := is_full(log, message(number, value=os.urandom(200_000))):
            return full
    raise AssertionError("the log took everything")


def test_below_the_floor_appends_are_refused_and_the_rest_goes_on(disk):
    with opened(disk / "log", ballast_bytes=4 * MIB, disk_floor_bytes=8 * MIB) as log:
        fill(log, 5)
        full = fill_up(log)
        assert "nearly full" in str(full)
        assert "8 MiB are to stay free (disk_floor_bytes)" in str(full)
        assert full.retry_after_s >= 1
        assert free(disk) >= 8 * MIB - MIB
        assert log.stats().ballast_held
        end = log.end_offset(TOPIC, 0)
        log.claim_soon(TOPIC, 0, Claim(2, 4, "v")).result(DEADLINE)
        commit(log, 4)
        assert len(everything(log)) == end
        (disk / "log" / "ballast").stat()


def test_when_another_program_took_all_room_commits_still_go_through(disk):
    with opened(disk / "log", ballast_bytes=4 * MIB) as log:
        fill(log, 20, value=os.urandom(20_000))
        other = occupy(disk)
        full = fill_up(log)
        assert "full" in str(full)
        end = log.end_offset(TOPIC, 0)
        for offset in range(1, end, 5):
            log.claim_soon(TOPIC, 0, Claim(offset, offset + 1, "v")).result(DEADLINE)
            commit(log, offset + 1)
        commit(log, end)
        assert (log.committed(TOPIC, 0), len(everything(log))) == (end, end)
        other.unlink()
        assert append(log, message()) == [end]
        assert log.stats().ballast_held
    with opened(disk / "log", ballast_bytes=4 * MIB) as log:
        assert [record.offset for record in everything(log)] == list(range(end + 1))
        assert log.committed(TOPIC, 0) == end


def test_the_log_stops_before_it_fills_the_disk_itself_and_trims_on_a_full_one(disk):
    with opened(disk / "log", ballast_bytes=4 * MIB, retain_records=0) as log:
        refused = fill_up(log)
        assert "full" in str(refused)
        assert log.stats().ballast_held
        occupy(disk)
        end = log.end_offset(TOPIC, 0)
        assert [record.offset for record in everything(log)] == list(range(end))
        commit(log, end)
        _trim(log)
        assert log.first_offset(TOPIC, 0) == end


def _trim(log: LocalLog) -> None:
    while log._step(Step(log._upkeep.slice_of((TOPIC, 0)))).result(DEADLINE):
        pass


def test_without_ballast_a_full_disk_refuses_all_and_loses_nothing(disk):
    with opened(disk / "log") as log:
        fill(log, 20, value=os.urandom(20_000))
        other = occupy(disk)
        fill_up(log)
        end = log.end_offset(TOPIC, 0)
        occupy(disk)
        failed = [log.commit_soon(TOPIC, 0, offset).exception(DEADLINE) for offset in range(1, end + 1)]
        assert all(error is None or isinstance(error, LogFull) for error in failed)
        assert len(everything(log)) == end
        other.unlink()
        commit(log, end)
        fill(log, 1)
        assert len(everything(log)) == end + 1


def test_a_log_opens_on_a_full_disk_by_its_ballast(disk):
    with opened(disk / "log", ballast_bytes=4 * MIB) as log:
        fill(log, 20)
    occupy(disk)
    assert free(disk) == 0
    with opened(disk / "log", ballast_bytes=4 * MIB, disk_floor_bytes=4 * MIB) as log:
        assert len(everything(log)) == 20
        commit(log, 20)
        with pytest.raises(LogFull):
            append(log, message())
        assert log.committed(TOPIC, 0) == 20


def test_a_new_log_on_a_full_disk_says_so_and_lets_go(disk):
    other = occupy(disk)
    for _ in range(2):
        with pytest.raises(LogUnusable, match=r"full|No space left"):
            open_log(disk / "log", ballast_bytes=4 * MIB)
    other.unlink()
    with opened(disk / "log", ballast_bytes=4 * MIB) as log:
        fill(log, 1)


def test_a_read_only_disk_is_named(disk):
    open_log(disk / "log").close()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for folder in (disk / "log", disk / "new"):
        with pytest.raises(LogUnusable, match="Read-only file system"):
            open_log(folder)
