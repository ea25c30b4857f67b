"""Reading: how much comes at once, what is out of range, what is damaged."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import append, commit, fill, message, open_log, opened, values
from spanpulse_stream.log import TOPIC, LogDamaged, OffsetOutOfRange, Record
from spanpulse_stream.log._headers import pack_headers, unpack_headers


def offsets(records: list[Record]) -> list[int]:
    return [record.offset for record in records]


def test_reads_are_bounded_in_messages_and_bytes_but_give_at_least_one(tmp_path):
    with opened(tmp_path) as log:
        append(log, *(message(number, value=bytes(100)) for number in range(10)))
        assert offsets(log.read(TOPIC, 0, 3, max_messages=4)) == [3, 4, 5, 6]
        assert offsets(log.read(TOPIC, 0, 8, max_messages=4)) == [8, 9]
        assert offsets(log.read(TOPIC, 0, 2, max_bytes=350)) == [2, 3, 4]
        assert offsets(log.read(TOPIC, 0, 2, max_bytes=300)) == [2, 3, 4]
        assert offsets(log.read(TOPIC, 0, 2, max_bytes=1)) == [2]
        assert log.read(TOPIC, 0, 2, max_messages=0) == []
        assert log.read(TOPIC, 0, 10) == []


@pytest.mark.parametrize("offset", [-1, 4, 11])
def test_what_is_not_kept_is_out_of_range(tmp_path, offset):
    with opened(tmp_path, retain_records=0) as log:
        fill(log, 10)
        commit(log, 5)
        log.close()
    with opened(tmp_path) as log:
        assert log.first_offset(TOPIC, 0) == 5
        with pytest.raises(OffsetOutOfRange, match="5 to 10") as out:
            log.read(TOPIC, 0, offset)
        assert (out.value.first, out.value.end) == (5, 10)
        assert isinstance(out.value, LookupError)


def test_unknown_topics_are_empty_and_stay_unknown(tmp_path):
    with opened(tmp_path) as log:
        assert log.read("other", 1, 0) == []
        assert (log.first_offset("other", 0), log.end_offset("other", 0), log.committed("other", 0)) == (0, 0, 0)
        assert (log.claimed("other", 0), log.lag_records("other", 0), log.oldest_pending_ms("other", 0)) == (
            None,
            0,
            None,
        )
        assert {key[0] for key in log.sources().values()} == {TOPIC}
        with pytest.raises(OffsetOutOfRange):
            log.read("other", 1, 1)
        with pytest.raises(ValueError, match="no partition 2"):
            log.read("other", 2, 0)


def test_a_message_that_was_trimmed_while_it_was_read_is_out_of_range_and_not_damaged(tmp_path, monkeypatch):
    with opened(tmp_path, retain_records=0) as log:
        fill(log, 10)
        before = log._position(TOPIC, 0)
        commit(log, 6)
        log.close()
    log = open_log(tmp_path)
    monkeypatch.setattr(log, "_position", lambda *_: before)
    with pytest.raises(OffsetOutOfRange, match=r"offset 2 .* 6 to 10"):
        log.read(TOPIC, 0, 2)
    log.close()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            "UPDATE messages SET body = CAST(replace(body, '3', '4') AS BLOB) WHERE id & 0xffff = 3",
            "its checksum is wrong",
        ),
        ("UPDATE messages SET body = CAST(body AS TEXT) WHERE id & 0xffff = 3", "bytes-like"),
        ("UPDATE messages SET key = x'00' WHERE id & 0xffff = 3", "its checksum is wrong"),
        ("UPDATE messages SET records = 99 WHERE id & 0xffff = 3", "its checksum is wrong"),
        ("UPDATE messages SET appended_at = 99 WHERE id & 0xffff = 3", "its checksum is wrong"),
        ("UPDATE messages SET body = substr(body, 2) WHERE id & 0xffff = 3", "its checksum is wrong"),
        ("DELETE FROM messages WHERE id & 0xffff = 3", "it is missing"),
        ("UPDATE messages SET headers = substr(headers, 2) WHERE id & 0xffff = 3", "its checksum is wrong"),
    ],
)
def test_damage_ends_what_is_returned_and_is_told_where_it_is(tmp_path, change, what):
    with opened(tmp_path) as log:
        fill(log, 6)
    database = sqlite3.connect(tmp_path / "log.sqlite3")
    with database:
        assert database.execute(change).rowcount == 1
    database.close()
    with opened(tmp_path) as log:
        assert offsets(log.read(TOPIC, 0, 0)) == [0, 1, 2]
        with pytest.raises(LogDamaged, match=f"message 3 of {TOPIC}, partition 0, .*{what}.*Check the disk"):
            log.read(TOPIC, 0, 3)
        assert offsets(log.read(TOPIC, 0, 4)) == [4, 5]


def test_readers_and_the_writer_do_not_wait_for_each_other(tmp_path):
    with opened(tmp_path) as log:
        fill(log, 3)
        reader = sqlite3.connect(f"file:{tmp_path / 'log.sqlite3'}?mode=ro", uri=True, isolation_level=None)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM messages").fetchone() == (3,)
        fill(log, 3)
        assert len(values(log)) == 6
        assert reader.execute("SELECT count(*) FROM messages").fetchone() == (3,)
        reader.close()


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.binary())).map(tuple))
def test_headers_come_back(headers):
    assert unpack_headers(pack_headers(headers)) == headers


@given(st.binary())
def test_other_bytes_are_an_error_or_headers(packed):
    try:
        headers = unpack_headers(packed)
    except ValueError:
        return
    assert pack_headers(headers) == packed
