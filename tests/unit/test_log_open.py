"""Opening: what is made, what is found again, what is refused and what the operator is told."""

import os
import sqlite3
from pathlib import Path

import pytest

from logs import DEADLINE, MIB, NOON, Clock, append, commit, everything, fill, message, open_log, opened, values
from spanpulse_stream.log import TOPIC, Claim, LogDamaged, LogInUse, LogUnusable

SINCE_2020 = NOON // 1_000_000_000 - 1_577_836_800


def test_a_new_log_gives_each_partition_a_source_that_was_never_given_out(tmp_path):
    with opened(tmp_path / "one", partitions=3) as log:
        assert log.sources() == {SINCE_2020 + 1 + number: (TOPIC, number) for number in range(3)}
        assert [log.source(TOPIC, number) for number in range(3)] == sorted(log.sources())
        assert all(source < 2**31 for source in log.sources())
    with opened(tmp_path / "two", sources_above=SINCE_2020 + 50) as log:
        assert min(log.sources()) == SINCE_2020 + 51
    with opened(tmp_path / "three", clock=Clock(0), sources_above=7) as log:
        assert sorted(log.sources()) == [8, 9]


def test_a_topic_that_comes_later_gets_sources_above_all_others(tmp_path):
    with opened(tmp_path, clock=Clock(0)) as log:
        assert sorted(log.sources()) == [1, 2]
    with opened(tmp_path, clock=Clock(0), sources_above=40) as log:
        append(log, message(topic="other", partition=1))
        assert log.source("other", 1) == 41
        assert log.source("other", 0) == 42
        assert log.sources()[42] == ("other", 0)


def test_a_log_may_get_more_partitions_but_not_fewer(tmp_path):
    with opened(tmp_path) as log:
        fill(log, 3, partition=1)
        before = log.sources()
    with opened(tmp_path, partitions=4) as log:
        fill(log, 1, partition=3)
        assert len(values(log, partition=1)) == 3
        assert before.items() < log.sources().items()
        assert min(log.sources().keys() - before.keys()) > max(before)
    with pytest.raises(
        LogUnusable, match=r"has 4 partitions, which cannot become 2; set .*SPANPULSE_PARTITIONS.* to 4"
    ):
        open_log(tmp_path)
    with opened(tmp_path, partitions=4) as log:
        assert len(values(log, partition=3)) == 1


def test_two_cannot_have_a_log_open(tmp_path):
    with opened(tmp_path):
        with pytest.raises(LogInUse, match=f"in use by process {os.getpid()}; stop it, or use another folder") as used:
            open_log(tmp_path)
        assert used.value.pid == os.getpid()
    with opened(tmp_path) as log:
        fill(log, 1)


def test_the_folder_belongs_to_the_user_alone(tmp_path):
    with opened(tmp_path / "log"):
        assert (tmp_path / "log").stat().st_mode & 0o777 == 0o700


def database(folder: Path) -> Path:
    return folder / "log.sqlite3"


def other_program(folder: Path) -> None:
    with sqlite3.connect(database(folder)) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()


def newer(folder: Path) -> None:
    open_log(folder).close()
    with sqlite3.connect(database(folder)) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def text(folder: Path) -> None:
    database(folder).write_bytes(b"this is not a database, but it is quite long. " * 1000)


def filled(folder: Path) -> None:
    with opened(folder) as log:
        for _ in range(40):
            fill(log, 10, value=os.urandom(3000))


def beginning_gone(folder: Path) -> None:
    filled(folder)
    with database(folder).open("r+b") as file:
        file.write(bytes(4096))


def tables_scrambled(folder: Path) -> None:
    filled(folder)
    with database(folder).open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(8 * 8192))


def cut(folder: Path) -> None:
    filled(folder)
    os.truncate(database(folder), database(folder).stat().st_size // 2)


def newest_missing(folder: Path) -> None:
    filled(folder)
    with sqlite3.connect(database(folder)) as connection:
        connection.execute("DELETE FROM messages WHERE id = (SELECT max(id) FROM messages)")
    connection.close()


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (other_program, LogUnusable, "a database of another program; name another data folder"),
        (newer, LogUnusable, "written by a newer version of spanpulse; install that version"),
        (text, LogDamaged, "not a database.*move the folder"),
        (beginning_gone, LogDamaged, "damaged.*move the folder"),
        (tables_scrambled, LogDamaged, "damaged.*what is stored in the database stays"),
        (cut, LogDamaged, "damaged.*check the disk"),
        (newest_missing, LogDamaged, f"messages of {TOPIC} partition 0 are missing"),
    ],
)
def test_a_file_that_is_not_a_sound_log_is_refused_and_let_go(tmp_path, make, kind, said):
    make(tmp_path)
    for _ in range(2):  # the lock is let go
        with pytest.raises(kind, match=said) as refused:
            open_log(tmp_path)
        assert type(refused.value) is kind
        assert str(tmp_path) in str(refused.value)


def test_after_damage_the_folder_is_moved_away_and_a_new_log_takes_new_sources(tmp_path):
    folder = tmp_path / "log"
    with opened(folder) as log:
        fill(log, 10)
        highest = max(log.sources())
    cut(folder)
    folder.rename(tmp_path / "damaged")
    with opened(folder, sources_above=highest + 5) as log:
        assert min(log.sources()) > highest + 5
        assert append(log, message()) == [0]


@pytest.mark.parametrize("name", ["log", "log/deeper"])
def test_a_file_in_the_place_of_the_folder_is_named(tmp_path, name):
    (tmp_path / "log").write_text("")
    with pytest.raises(LogUnusable, match=r"cannot make the log folder .*(File exists|Not a directory)"):
        open_log(tmp_path / name)


def test_another_program_that_writes_is_named(tmp_path, monkeypatch):
    open_log(tmp_path).close()
    monkeypatch.setattr("spanpulse_stream.log._schema.BUSY_S", 0.0)
    other = sqlite3.connect(database(tmp_path), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LogUnusable, match="locked; another program has the file open; close it"):
        open_log(tmp_path, partitions=3)
    other.close()


def test_a_clean_stop_leaves_one_file_and_an_unclean_one_is_recovered(tmp_path):
    with opened(tmp_path) as log:
        fill(log, 10)
        commit(log, 4)
        copy = tmp_path / "copy"
        copy.mkdir()
        for path in tmp_path.glob("log.sqlite3*"):
            (copy / path.name).write_bytes(path.read_bytes())
    assert sorted(path.name for path in tmp_path.glob("log*")) == ["log.sqlite3"]
    with opened(copy) as log:
        assert (len(everything(log)), log.committed(TOPIC, 0)) == (10, 4)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.6, 0.99])
def test_a_torn_end_of_the_write_ahead_log_costs_only_the_newest_transactions(tmp_path, kept):
    with opened(tmp_path) as log:
        for _ in range(30):
            fill(log, 1)
        copy = tmp_path / "copy"
        copy.mkdir()
        for path in tmp_path.glob("log.sqlite3*"):
            (copy / path.name).write_bytes(path.read_bytes())
    wal = copy / "log.sqlite3-wal"
    os.truncate(wal, int(wal.stat().st_size * kept))
    (copy / "log.sqlite3-shm").unlink()
    with opened(copy) as log:
        got = values(log)
        assert got == [b"value %d" % number for number in range(len(got))]
        assert log.end_offset(TOPIC, 0) == len(got) < 30
        assert append(log, message()) == [len(got)]


def test_the_ballast_is_there_from_the_start_and_follows_its_size(tmp_path):
    ballast = tmp_path / "ballast"
    for wanted in (MIB, 3 * MIB, 2 * MIB):
        with opened(tmp_path, ballast_bytes=wanted) as log:
            assert ballast.stat().st_size == wanted
            assert ballast.stat().st_blocks * 512 >= wanted
            assert log.stats().ballast_held
    with opened(tmp_path, ballast_bytes=0) as log:
        assert not ballast.exists()
        fill(log, 1)


def test_writes_are_flushed_by_every_commit(tmp_path):
    with opened(tmp_path) as log:
        pragma = {name: log._store.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in (
            "journal_mode", "synchronous", "auto_vacuum")}  # fmt: skip
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "auto_vacuum": 2}


def test_a_log_that_lacks_what_the_database_holds_goes_on_under_a_new_source(tmp_path, caplog):
    with opened(tmp_path) as log:
        fill(log, 10)
        fill(log, 7, partition=1)
        commit(log, 3)
        log.claim_soon(TOPIC, 0, Claim(3, 5, "v")).result(DEADLINE)
        old, other = log.source(TOPIC, 0), log.source(TOPIC, 1)
    with opened(tmp_path, stored={old: 25, other: 7, 1: 99}, sources_above=other + 9) as log:
        assert log.sources() == {other + 10: (TOPIC, 0), other: (TOPIC, 1)}
        assert (log.first_offset(TOPIC, 0), log.committed(TOPIC, 0), log.end_offset(TOPIC, 0)) == (25, 25, 25)
        assert (log.claimed(TOPIC, 0), log.oldest_pending_ms(TOPIC, 0), log.lag_records(TOPIC, 0)) == (None, None, 0)
        assert len(values(log, partition=1)) == 7
        assert append(log, message(25)) == [25]
    assert "ends at 10, where the database has it up to 25" in caplog.text
    with opened(tmp_path, stored={other + 10: 26, other: 7}) as log:
        assert values(log) == [b"value 25"]
        assert log.sources() == {other + 10: (TOPIC, 0), other: (TOPIC, 1)}
        each = [part.pending_bytes for part in log.stats().partitions]
        assert log._store.pending == log._store.kept == sum(each)
