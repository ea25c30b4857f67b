"""Appending: offsets, times, what is refused, what a failure leaves."""

import asyncio
import sqlite3
import threading
from concurrent.futures import CancelledError, Future

import pytest

from logs import DEADLINE, MIB, NOON, Clock, append, everything, fill, message, open_log, opened, values, writer_held
from spanpulse_stream.log import TOPIC, LogClosed, LogFull, LogUnusable, Message
from spanpulse_stream.log._jobs import Append, Step
from spanpulse_stream.log._queue import JobQueue
from spanpulse_stream.log._store import Transaction

DAY_NS = 86_400_000_000_000


def test_messages_come_back_as_they_were_with_dense_offsets(tmp_path):
    sent = [message(number, value=bytes([number]) * number * 1000) for number in range(40)]
    with opened(tmp_path / "deep" / "log") as log:
        assert append(log, *sent[:25]) == list(range(25))
        assert append(log, *sent[25:]) == list(range(25, 40))
        got = everything(log)
    assert [record.offset for record in got] == list(range(40))
    assert [(record.key, record.value, record.headers, record.records) for record in got] == [
        (one.key, one.value, one.headers, one.records) for one in sent
    ]


def test_partitions_and_topics_count_apart(tmp_path):
    with opened(tmp_path) as log:
        offsets = append(log, message(0), message(1, partition=1), message(2), message(3, topic="other", partition=1))
        assert offsets == [0, 0, 1, 0]
        assert values(log) == [b"value 0", b"value 2"]
        assert values(log, partition=1) == [b"value 1"]
        assert values(log, topic="other", partition=1) == [b"value 3"]
        assert log.end_offset("other", 0) == 0


def test_what_is_appended_is_there_after_a_restart_and_offsets_go_on(tmp_path):
    with opened(tmp_path) as log:
        fill(log, 5)
        source = log.source(TOPIC, 0)
    with opened(tmp_path) as log:
        assert log.source(TOPIC, 0) == source
        assert append(log, message(5)) == [5]
        assert values(log) == [b"value %d" % number for number in range(6)]


def test_empty_and_odd_messages(tmp_path):
    odd = [
        Message(TOPIC, 0, b"", b"", (), 0),
        Message(TOPIC, 0, b"\0" * 300, bytes(range(256)), (("a", b""), ("", b"\xff"), ("a", b"again"), ("ü", b"x")), 3),
    ]
    with opened(tmp_path) as log:
        append(log, *odd)
        got = everything(log)
        assert append(log) == []
    assert [(record.key, record.value, record.headers, record.records) for record in got] == [
        (one.key, one.value, one.headers, one.records) for one in odd
    ]


def test_times_come_from_the_clock_and_never_go_back_in_a_partition(tmp_path):
    clock = Clock()
    with opened(tmp_path, clock=clock) as log:
        append(log, message(0))
        clock.pass_ms(-5000)
        append(log, message(1), message(2, partition=1))
        clock.pass_ms(7000)
        append(log, message(3))
    now = NOON // 1_000_000
    with opened(tmp_path, clock=Clock(0)) as log:
        append(log, message(4))
        assert [record.appended_at for record in everything(log)] == [now, now, now + 2000, now + 2000]
        assert [record.appended_at for record in everything(log, partition=1)] == [now - 5000]


def test_requests_that_wait_share_one_commit(tmp_path):
    with opened(tmp_path) as log:
        with writer_held(log):
            before = log.stats().transactions
            asked = [log.append_soon([message(number)]) for number in range(200)]
            assert not any(future.done() for future in asked)
        assert [future.result(DEADLINE) for future in asked] == [[number] for number in range(200)]
        assert log.stats().transactions == before + 1


def test_threads_append_at_once(tmp_path):
    def send(first: int) -> None:
        for number in range(first, first + 50):
            append(log, message(number), message(number, partition=1))

    with opened(tmp_path) as log:
        threads = [threading.Thread(target=send, args=(first,)) for first in (0, 1000, 2000, 3000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        for partition in (0, 1):
            got = [int(value.split()[1]) for value in values(log, partition=partition)]
            assert sorted(got) == [first + number for first in (0, 1000, 2000, 3000) for number in range(50)]
            for first in (0, 1000, 2000, 3000):
                assert [one for one in got if first <= one < first + 50] == list(range(first, first + 50))


@pytest.mark.parametrize("partition", [-1, 2])
def test_a_partition_that_is_not_there_is_refused_at_once(tmp_path, partition):
    with opened(tmp_path) as log:
        with pytest.raises(ValueError, match=f"has no partition {partition}; the log has 2"):
            log.append_soon([message(0), message(1, partition=partition)])
        assert values(log) == []


def test_a_log_full_of_unprocessed_messages_refuses_all_of_an_append(tmp_path):
    with opened(tmp_path, max_bytes=MIB) as log:
        fill(log, 9, value=bytes(100_000))
        with pytest.raises(LogFull, match=r"0 MiB that are not processed yet, of 1 MiB \(log_max_bytes\)") as full:
            append(log, message(9), message(10, value=bytes(200_000)))
        assert full.value.retry_after_s > 0
        assert log.end_offset(TOPIC, 0) == 9
        assert append(log, message(9)) == [9]
        log.commit_soon(TOPIC, 0, 10).result(DEADLINE)
        assert append(log, message(10, value=bytes(900_000))) == [10]


def test_one_refused_append_does_not_hinder_its_neighbours(tmp_path):
    with opened(tmp_path, max_bytes=MIB) as log:
        with writer_held(log):
            asked = [log.append_soon([message(number, value=bytes(size))]) for number, size in
                     enumerate((100, 2 * MIB, 100))]  # fmt: skip
            wrong = log.commit_soon(TOPIC, 0, 99)
        assert [asked[0].result(DEADLINE), asked[2].result(DEADLINE)] == [[0], [1]]
        assert isinstance(asked[1].exception(DEADLINE), LogFull)
        assert isinstance(wrong.exception(DEADLINE), ValueError)


def test_the_queue_is_bounded_in_bytes_but_takes_commits():
    queue = JobQueue(most_bytes=1000, group_bytes=500)
    large = Append([message(value=bytes(5000))])
    queue.put(large)  # larger than all, but alone
    with pytest.raises(LogFull, match="wait to be written"):
        queue.put(Append([message()]))
    step = Step(lambda _transaction: None)
    queue.put(step)
    assert queue.bytes == large.size
    assert [queue.take(wait=False) for _ in range(3)] == [[large], [step], []]
    assert queue.bytes == 0


def test_groups_are_bounded_and_keep_their_order():
    queue = JobQueue(most_bytes=10_000, group_bytes=1000)
    jobs = [Append([message(value=bytes(size))]) for size in (300, 300, 300, 5000, 10)]
    for job in jobs:
        queue.put(job)
    queue.close()
    assert [queue.take(wait=True) for _ in range(5)] == [jobs[:2], jobs[2:3], jobs[3:4], jobs[4:], None]
    with pytest.raises(LogClosed):
        queue.put(jobs[0])


async def test_an_append_that_was_cancelled_before_its_turn_leaves_nothing(tmp_path):
    with opened(tmp_path) as log:
        with writer_held(log):
            waiting = asyncio.create_task(log.append([message(0)]))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            kept = log.append_soon([message(1)])
        assert await asyncio.wrap_future(kept) == [0]
        assert values(log) == [b"value 1"]


def test_a_failed_commit_is_told_to_all_and_leaves_nothing(tmp_path, monkeypatch, caplog):
    commit, failures = Transaction.commit, [sqlite3.OperationalError("disk I/O error")]

    def fail_once(transaction: Transaction) -> None:
        if failures:
            raise failures.pop()
        commit(transaction)

    with opened(tmp_path) as log:
        with writer_held(log):
            pending = log.pending_bytes()
            monkeypatch.setattr(Transaction, "commit", fail_once)
            asked: list[Future] = [log.append_soon([message(number)]) for number in range(3)]
            asked.append(log.commit_soon(TOPIC, 0, 0))
        for future in asked:
            with pytest.raises(LogUnusable, match=r"cannot use the log .*: disk I/O error; check the disk"):
                future.result(DEADLINE)
        assert (log.end_offset(TOPIC, 0), log.pending_bytes()) == (0, pending)
        assert append(log, message(7)) == [0]
        assert values(log) == [b"value 7"]
        assert log.accepted(0, NOON, TOPIC) == {(NOON // 60_000_000_000 * 60_000, "acme", "traces"): 1}
    assert "could not write 4 jobs" in caplog.text


def test_subscribers_hear_what_grew_until_they_leave_and_their_failures_harm_nobody(tmp_path, caplog):
    heard = []
    with opened(tmp_path) as log:
        leave = log.subscribe(heard.append)
        log.subscribe(lambda _grown: 1 / 0)
        append(log, message(0), message(1, topic="other", partition=1))
        append(log, message(2))
        leave()
        append(log, message(3))
    assert heard == [frozenset({(TOPIC, 0), ("other", 1)}), frozenset({(TOPIC, 0)})]
    assert "a subscriber of the log failed" in caplog.text


def test_closing_writes_what_waits_and_then_refuses_everything(tmp_path):
    log = open_log(tmp_path)
    with writer_held(log):
        waiting = log.append_soon([message(0)])
        closing = threading.Thread(target=log.close)
        closing.start()
    closing.join(DEADLINE)
    assert waiting.result(0) == [0]
    log.close()
    with pytest.raises(LogClosed):
        log.append_soon([message(1)])
    with pytest.raises(LogClosed):
        log.commit_soon(TOPIC, 0, 1)
    with pytest.raises(LogClosed):
        log.read(TOPIC, 0, 0)
    with opened(tmp_path) as again:
        assert values(again) == [b"value 0"]


def test_a_writer_that_dies_refuses_what_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda _args: None)
    with opened(tmp_path) as log:
        with writer_held(log):
            monkeypatch.setattr(log._upkeep, "turn", lambda **_: 1 / 0)
            waiting = log.append_soon([message(0)])
        with pytest.raises((LogClosed, CancelledError)):
            waiting.result(DEADLINE)
        with pytest.raises(LogClosed):
            log.append_soon([message(1)])


def test_what_was_accepted_is_counted_by_minute_tenant_and_signal(tmp_path):
    clock = Clock()
    minute = NOON // 60_000_000_000 * 60_000
    with opened(tmp_path, clock=clock) as log:
        append(log, message(records=5), message(records=2, signal="logs"), message(records=3, partition=1))
        append(log, message(records=7, tenant="other"), Message("alerts", 0, b"", b"", (), 4))
        clock.pass_ms(60_000)
        append(log, message(records=11))
        assert log.accepted(minute, minute + 60_000) == {
            (minute, "acme", "traces"): 8,
            (minute, "acme", "logs"): 2,
            (minute, "other", "traces"): 7,
        }
        assert log.accepted(minute + 60_000, minute + 120_000) == {(minute + 60_000, "acme", "traces"): 11}
        assert log.accepted(0, 2 * minute, "alerts") == {(minute, "default", "traces"): 4}


def test_counts_of_what_was_accepted_are_kept_for_35_days(tmp_path):
    clock = Clock()
    with opened(tmp_path, clock=clock) as log:
        for days in (0, 34, 37):
            clock.now = NOON + days * DAY_NS
            append(log, message(records=days + 1))
        assert sorted(log.accepted(0, clock.now).values()) == [35, 38]
