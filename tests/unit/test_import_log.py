"""A chunk is appended once, with the row that says so, and what the log knows outlives its messages."""

import sqlite3

import pytest

from logs import DEADLINE, append, commit, everything, message, opened, wait_until
from spanpulse_stream.log import LAST, ChunkName, Imported, LogFull

NAME = "import/abc/1"


def put(log, number, *messages, rejected=0):
    return log.append_once(ChunkName(NAME, number), messages, rejected=rejected).result(DEADLINE)


def test_a_chunk_is_appended_once(tmp_path):
    with opened(tmp_path) as log:
        assert log.imported(NAME) == Imported(0, 0, 0, 0, complete=False)
        assert put(log, 0, message(0, records=3), message(1, partition=1, records=2), rejected=1)
        assert not put(log, 0, message(0, records=3), message(1, partition=1, records=2))
        assert len(everything(log)) == len(everything(log, partition=1)) == 1
        found = log.imported(NAME)
        assert (found.chunks, found.records, found.rejected, found.complete) == (1, 5, 1, False)
        assert put(log, LAST)
        assert log.imported(NAME).complete
    with opened(tmp_path) as log:
        assert log.imported(NAME).chunks == 1
        assert not put(log, 0, message(0))


def test_a_gap_counts_from_the_beginning(tmp_path):
    with opened(tmp_path) as log:
        put(log, 1, message(1))
        assert log.imported(NAME).chunks == 0
        put(log, 0, message(0))
        assert log.imported(NAME).chunks == 2


def test_what_is_known_stays_when_messages_are_trimmed(tmp_path):
    with opened(tmp_path, retain_records=0) as log:
        put(log, 0, message(0), message(1))
        commit(log, 2)
        wait_until(lambda: log.first_offset("spanpulse.otlp", 0) == 2)
        assert not put(log, 0, message(0), message(1))


def test_the_same_file_read_in_another_way_is_told(tmp_path):
    with opened(tmp_path) as log:
        log.append_once(ChunkName("import/abc/2", 0), [message(0)], rejected=1).result(DEADLINE)
        log.append_once(ChunkName("import/abd/1", 0), [message(1)], rejected=0).result(DEADLINE)
        log.append_once(ChunkName("import/ab/1", 0), [message(2)], rejected=0).result(DEADLINE)
        assert log.imported(NAME).otherwise_ms == 0
        log.append_once(ChunkName("import/abc/2", 1), [message(3)], rejected=0).result(DEADLINE)
        assert log.imported(NAME).otherwise_ms == log.imported("import/abc/2").newest_ms > 0
        assert log.imported("import/abc/2").otherwise_ms == 0


def test_a_full_log_takes_neither_the_chunk_nor_its_row(tmp_path):
    with opened(tmp_path, max_bytes=10_000) as log:
        append(log, message(0, value=b"x" * 8000))
        with pytest.raises(LogFull):
            put(log, 0, message(1, value=b"x" * 8000))
        assert log.imported(NAME).chunks == 0
        commit(log, 1)
        assert put(log, 0, message(1, value=b"x" * 8000))


def test_a_log_of_an_earlier_version_gets_the_table(tmp_path):
    with opened(tmp_path) as log:
        append(log, message(0))
    with sqlite3.connect(tmp_path / "log.sqlite3") as connection:
        connection.execute("DROP TABLE imported")
    connection.close()
    with opened(tmp_path) as log:
        assert len(everything(log)) == 1
        assert put(log, 0, message(1))
