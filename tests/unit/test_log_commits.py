"""Commits and claims: what moves, what stands, what is refused."""

import sqlite3

import pytest

from logs import DEADLINE, NOON, Clock, append, commit, fill, message, opened, writer_held
from spanpulse_stream.log import TOPIC, Claim, LocalLog, LogDamaged


def claim(log: LocalLog, first: int, end: int, versions: str = "v1") -> None:
    log.claim_soon(TOPIC, 0, Claim(first, end, versions)).result(DEADLINE)


def test_a_commit_moves_forward_only_and_is_durable(tmp_path):
    with opened(tmp_path) as log:
        fill(log, 10)
        assert log.committed(TOPIC, 0) == 0
        for offset, expected in ((4, 4), (2, 4), (4, 4), (10, 10)):
            commit(log, offset)
            assert log.committed(TOPIC, 0) == expected
    with opened(tmp_path) as log:
        assert (log.committed(TOPIC, 0), log.committed(TOPIC, 1)) == (10, 0)


async def test_a_commit_past_the_end_is_refused(tmp_path):
    with opened(tmp_path) as log:
        fill(log, 3)
        with pytest.raises(ValueError, match=r"cannot commit 4 .*ends at 3"):
            await log.commit(TOPIC, 0, 4)
        with pytest.raises(ValueError, match="no partition 5"):
            await log.commit(TOPIC, 5, 0)
        assert log.committed(TOPIC, 0) == 0


async def test_a_claim_commits_its_beginning_and_survives_a_restart(tmp_path):
    with opened(tmp_path) as log:
        fill(log, 10)
        commit(log, 2)
        await log.claim(TOPIC, 0, Claim(3, 7, '{"book": 1}'))
        assert log.committed(TOPIC, 0) == 3
    with opened(tmp_path) as log:
        assert log.claimed(TOPIC, 0) == Claim(3, 7, '{"book": 1}')
        assert log.claimed(TOPIC, 1) is None
        commit(log, 7)
        assert (log.committed(TOPIC, 0), log.claimed(TOPIC, 0)) == (7, None)
    with opened(tmp_path) as log:
        assert (log.committed(TOPIC, 0), log.claimed(TOPIC, 0)) == (7, None)


def test_a_commit_inside_a_claim_changes_nothing_and_one_behind_it_ends_it(tmp_path):
    with opened(tmp_path) as log:
        fill(log, 10)
        claim(log, 0, 6)
        for offset in (1, 5):
            commit(log, offset)
            assert (log.committed(TOPIC, 0), log.claimed(TOPIC, 0)) == (0, Claim(0, 6, "v1"))
        commit(log, 8)
        assert (log.committed(TOPIC, 0), log.claimed(TOPIC, 0)) == (8, None)


def test_a_claim_may_be_repeated_but_not_changed(tmp_path):
    with opened(tmp_path) as log:
        fill(log, 10)
        claim(log, 0, 6)
        claim(log, 0, 6)
        for first, end, versions in ((0, 7, "v1"), (0, 6, "v2"), (6, 8, "v1")):
            with pytest.raises(ValueError, match="is not finished"):
                claim(log, first, end, versions)
        assert log.claimed(TOPIC, 0) == Claim(0, 6, "v1")


@pytest.mark.parametrize(("first", "end"), [(1, 3), (3, 3), (5, 4), (3, 11), (10, 11), (-1, 5)])
def test_a_claim_outside_of_what_is_open_is_refused(tmp_path, first, end):
    with opened(tmp_path) as log:
        fill(log, 10)
        commit(log, 2)
        with pytest.raises(ValueError, match="committed is 2, the end 10"):
            claim(log, first, end)
        assert (log.committed(TOPIC, 0), log.claimed(TOPIC, 0)) == (2, None)


def test_what_is_asked_of_one_transaction_happens_in_order(tmp_path):
    with opened(tmp_path) as log:
        with writer_held(log):
            asked = [
                log.append_soon([message(number) for number in range(4)]),
                log.claim_soon(TOPIC, 0, Claim(0, 3, "v")),
                log.commit_soon(TOPIC, 0, 2),
                log.commit_soon(TOPIC, 0, 3),
                log.claim_soon(TOPIC, 0, Claim(3, 4, "w")),
            ]
        for future in asked:
            future.result(DEADLINE)
        assert (log.committed(TOPIC, 0), log.claimed(TOPIC, 0)) == (3, Claim(3, 4, "w"))


def test_lag_counts_records_bytes_and_age_of_what_is_not_committed(tmp_path):
    clock = Clock()
    with opened(tmp_path, clock=clock) as log:
        assert (log.lag_records(TOPIC, 0), log.oldest_pending_ms(TOPIC, 0), log.pending_bytes()) == (0, None, 0)
        for number in range(3):
            append(log, message(number, records=10**number))
            clock.pass_ms(100)
        now, each = NOON // 1_000_000, log.pending_bytes() // 3
        assert (log.lag_records(TOPIC, 0), log.oldest_pending_ms(TOPIC, 0)) == (111, now)
        commit(log, 1)
        assert (log.lag_records(TOPIC, 0), log.oldest_pending_ms(TOPIC, 0)) == (110, now + 100)
        assert abs(log.pending_bytes() - 2 * each) <= 3
        stats = log.stats().partitions[0]
        assert (stats.topic, stats.partition, stats.committed, stats.end_offset) == (TOPIC, 0, 1, 3)
        assert (stats.accepted_records, stats.lag_records, stats.oldest_pending_ms) == (111, 110, now + 100)
    with opened(tmp_path, clock=clock) as log:
        assert (log.lag_records(TOPIC, 0), log.oldest_pending_ms(TOPIC, 0)) == (110, now + 100)
        commit(log, 3)
        assert (log.lag_records(TOPIC, 0), log.oldest_pending_ms(TOPIC, 0), log.pending_bytes()) == (0, None, 0)


def test_a_commit_onto_a_missing_message_is_damage_and_changes_nothing(tmp_path):
    with opened(tmp_path) as log:
        fill(log, 10)
        claim(log, 0, 4)
    with sqlite3.connect(tmp_path / "log.sqlite3") as database:
        database.execute("DELETE FROM messages WHERE id & 0xffff = 5")
    database.close()
    with opened(tmp_path) as log:
        with writer_held(log):
            wrong = log.commit_soon(TOPIC, 0, 5)
            right = log.append_soon([message(10)])
        assert right.result(DEADLINE) == [10]
        with pytest.raises(LogDamaged, match=r"message 5 of spanpulse.otlp, partition 0, .*missing.*move the log"):
            wrong.result(DEADLINE)
        assert (log.committed(TOPIC, 0), log.claimed(TOPIC, 0)) == (0, Claim(0, 4, "v1"))
        commit(log, 6)
        assert log.committed(TOPIC, 0) == 6
