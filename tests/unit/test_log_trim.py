"""What is deleted and what never is; that files stay small."""

import os
import sqlite3
from pathlib import Path

import pytest

from logs import DEADLINE, MIB, append, commit, everything, fill, message, opened, wait_until, writer_held
from spanpulse_stream.log import TOPIC, Claim, LocalLog
from spanpulse_stream.log._upkeep import Upkeep


def first(log: LocalLog, partition: int = 0) -> int:
    return log.first_offset(TOPIC, partition)


async def test_what_is_committed_is_kept_up_to_a_number_of_records(tmp_path):
    with opened(tmp_path, retain_records=100) as log:
        fill(log, 50, records=10)
        await log.trim()
        assert first(log) == 0
        commit(log, 30)
        await log.trim()
        assert first(log) == 20
        assert [record.offset for record in everything(log)] == list(range(20, 50))
        commit(log, 50)
        await log.trim()
        assert first(log) == 40


async def test_a_message_is_kept_where_less_than_the_wanted_records_would_remain(tmp_path):
    with opened(tmp_path, retain_records=15) as log:
        fill(log, 5, records=10)
        commit(log, 5)
        await log.trim()
        assert first(log) == 3


def test_trimming_happens_by_itself_with_some_slack(tmp_path):
    with opened(tmp_path, retain_records=160) as log:
        fill(log, 400)
        commit(log, 170)
        append(log, message(partition=1))
        assert first(log) == 0
        commit(log, 171)
        wait_until(lambda: first(log) == 11)


async def test_a_claimed_range_is_never_trimmed(tmp_path):
    with opened(tmp_path, retain_records=0) as log:
        fill(log, 10)
        await log.claim(TOPIC, 0, Claim(4, 9, "v"))
        await log.trim()
        assert first(log) == 4
        assert [record.offset for record in everything(log)] == [4, 5, 6, 7, 8, 9]


async def test_an_emptied_log_goes_on_where_it_was(tmp_path):
    with opened(tmp_path, retain_records=0) as log:
        fill(log, 10)
        commit(log, 10)
        await log.trim()
        assert (first(log), log.stats().partitions[0].kept_bytes) == (10, 0)
        assert log.read(TOPIC, 0, 10) == []
        source = log.source(TOPIC, 0)
    with opened(tmp_path, retain_records=0) as log:
        assert append(log, message()) == [10]
        assert log.source(TOPIC, 0) == source
        assert log.stats().partitions[0].accepted_records == 11


async def test_many_small_messages_go_in_slices(tmp_path):
    with opened(tmp_path, retain_records=500) as log:
        with writer_held(log):
            for _ in range(30):
                log.append_soon([message(number, value=b"") for number in range(100)])
            log.commit_soon(TOPIC, 0, 3000)
            trimmed = log.stats().transactions
        await log.trim()
        assert first(log) == 2500
        assert log.stats().transactions - trimmed <= 6


def test_a_full_log_gives_up_what_it_retains_before_it_refuses(tmp_path):
    with opened(tmp_path, max_bytes=MIB, retain_records=10**6) as log:
        fill(log, 9, value=bytes(100_000))
        fill(log, 1, partition=1, value=bytes(100_000))
        commit(log, 8)
        commit(log, 1, partition=1)
        fill(log, 1, value=bytes(100_000))
        assert (first(log), log.end_offset(TOPIC, 0), log.committed(TOPIC, 0)) == (8, 10, 8)
        assert [record.offset for record in everything(log)] == [8, 9]
        assert first(log, 1) == 0
        assert log.pending_bytes() < 250_000


def test_totals_are_those_of_the_partitions_after_every_kind_of_step(tmp_path):
    with opened(tmp_path, max_bytes=MIB, retain_records=5) as log:
        for number in range(30):
            fill(log, 3, partition=number % 2, value=bytes(20_000))
            commit(log, log.end_offset(TOPIC, number % 2) - 1, partition=number % 2)
        stats = log.stats().partitions
        assert log._store.pending == sum(each.pending_bytes for each in stats) == log.pending_bytes()
        assert log._store.kept == sum(each.kept_bytes for each in stats) < MIB


def size(folder: Path, name: str) -> int:
    path = folder / name
    return path.stat().st_size if path.exists() else 0


async def test_the_disk_gets_back_what_a_backlog_took(tmp_path):
    with opened(tmp_path, retain_records=0, max_bytes=256 * MIB) as log:
        for _ in range(4):
            fill(log, 10, value=os.urandom(MIB))
        commit(log, 40)
        await log.trim()
        wait_until(lambda: size(tmp_path, "log.sqlite3") < 36 * MIB)
        fill(log, 3)
        assert [record.offset for record in everything(log)] == [40, 41, 42]
    assert size(tmp_path, "log.sqlite3-wal") == 0
    assert sqlite3.connect(tmp_path / "log.sqlite3").execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_write_ahead_log_stays_small(tmp_path):
    with opened(tmp_path, max_bytes=256 * MIB) as log:
        for _ in range(30):
            fill(log, 2, value=os.urandom(MIB))
        for _ in range(20):
            fill(log, 1)
        assert size(tmp_path, "log.sqlite3-wal") < 48 * MIB
        assert log.stats().file_bytes > 60 * MIB


@pytest.mark.parametrize("full", [True, False])
def test_upkeep_that_fails_rests_and_harms_nothing(tmp_path, monkeypatch, caplog, full):
    error = sqlite3.OperationalError("database or disk is full" if full else "disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL if full else sqlite3.SQLITE_IOERR
    turns = []

    def fail(_upkeep: Upkeep, *, idle: bool) -> bool:
        turns.append(idle)
        raise error

    with opened(tmp_path, ballast_bytes=MIB) as log:
        monkeypatch.setattr(Upkeep, "_turn", fail)
        for _ in range(5):
            fill(log, 1)
        assert len(everything(log)) == 5
        with writer_held(log):
            assert len(turns) == 1
        log.commit_soon(TOPIC, 0, 5).result(DEADLINE)
    assert caplog.text.count("upkeep of the log failed") == 1
    assert caplog.text.count("giving back 1 MiB") == full


def test_what_is_committed_is_given_back_to_the_disk(tmp_path: Path) -> None:
    with opened(tmp_path, partitions=1) as log:
        for _ in range(12):
            fill(log, 1, value=b"x" * 3 * MIB)
        commit(log, 10)
        before = log.stats().file_bytes
        freed = log.give_back(5 * MIB)
        assert 5 * MIB <= freed <= 12 * MIB
        assert log.stats().file_bytes <= before - freed + MIB
        assert log.first_offset(TOPIC, 0) > 0
        assert log.give_back(1 << 40) > 0
        assert (log.first_offset(TOPIC, 0), len(everything(log))) == (10, 2)
        assert log.give_back(1) == 0
