"""What waits to be sent: in order, bounded, and each batch is sent, told as lost, or here."""

import threading
import time

import pytest

from spanpulse._export._encode import MOST_RECORDS
from spanpulse._export._queue import AROUND, Queue
from spanpulse._export._spill import Damaged, Spill
from spanpulse._export._transport import Batch


def batch(number: int = 1, size: int = 100, key: bytes = b"k" * 16, signal="traces", count: int = 1) -> Batch:
    return Batch(signal, bytes([number]) * size, count, key)


def key(number: int) -> bytes:
    return bytes([number]) * 16


def let_go(queue: Queue) -> bool:
    with queue.done() as is_ours:
        return is_ours


def drained(queue: Queue) -> list[bytes]:
    found = []
    while (taken := queue.take(0)) is not None:
        found.append(taken.body)
        assert let_go(queue)
    return found


def test_batches_leave_in_order():
    queue = Queue(10_000)
    assert all(queue.put(batch(number, key=key(number))) for number in range(5))
    assert drained(queue) == [bytes([number]) * 100 for number in range(5)]
    assert (queue.bytes, queue.count("traces")) == (0, 0)


def test_small_ones_of_one_resource_are_joined_while_they_wait():
    queue = Queue(10_000)
    for number in range(3):
        queue.put(batch(number, key=key(0)))
        queue.put(batch(9, key=key(1), signal="logs"))
    taken = queue.take(0)
    assert taken == Batch("traces", b"".join(bytes([number]) * 100 for number in range(3)), 3, key(0))
    queue.put(batch(4, key=key(0)))
    let_go(queue)
    assert queue.take(0).count == 3
    let_go(queue)
    assert queue.take(0) == batch(4, key=key(0))


def test_no_more_are_joined_than_a_batch_may_hold():
    queue = Queue(1 << 30)
    for _ in range(3):
        queue.put(batch(count=MOST_RECORDS // 2))
    assert [queue.take(0).count, let_go(queue), queue.take(0).count] == [MOST_RECORDS, True, MOST_RECORDS // 2]


def test_beyond_its_bound_the_newest_is_lost():
    queue = Queue(3 * (100 + AROUND))
    assert [queue.put(batch(number, key=key(number))) for number in range(5)] == [True, True, True, False, False]
    assert queue.bytes == 3 * (100 + AROUND)
    assert queue.count("traces") == 3
    assert queue.take(0).body[0] == 0
    assert not queue.put(batch(7))  # the one under way is still held
    let_go(queue)
    assert queue.put(batch(7))


def test_with_a_folder_the_oldest_make_room_on_disk_and_order_stays(tmp_path):
    queue = Queue(3 * (100 + AROUND), Spill(tmp_path, 1 << 20))
    assert all(queue.put(batch(number, key=key(number))) for number in range(4))
    first = queue.take(0)
    assert all(queue.put(batch(number, key=key(number))) for number in range(4, 20))
    assert queue.bytes <= 3 * (100 + AROUND)
    assert queue.spilled == 17
    let_go(queue)
    assert [first.body, *drained(queue)] == [bytes([number]) * 100 for number in range(20)]
    assert list(tmp_path.rglob("*.otlp")) == []


def test_one_that_memory_is_too_small_for_goes_to_disk_in_its_turn(tmp_path):
    queue = Queue(3 * (100 + AROUND), Spill(tmp_path, 10_000))
    assert all(queue.put(batch(number, size, key(number))) for number, size in enumerate((100, 2_000, 100)))
    assert (queue.spilled, queue.bytes, queue.count("traces")) == (2, 100 + AROUND, 3)
    assert [body[0] for body in drained(queue)] == [0, 1, 2]
    assert (queue.count("traces"), queue.wait(queue.number, 0)) == (0, True)


def test_none_goes_to_disk_past_older_ones_that_had_no_room_there(tmp_path):
    queue = Queue(300 + AROUND, Spill(tmp_path, 200))
    assert queue.put(batch(1, 250, key(1)))
    assert not queue.put(batch(2, 100, key(2)))
    assert drained(queue) == [bytes([1]) * 250]


def test_where_the_disk_is_full_too_the_newest_is_lost(tmp_path):
    queue = Queue(2 * (100 + AROUND), Spill(tmp_path, 250))
    assert [queue.put(batch(number, key=key(number))) for number in range(6)] == [True] * 4 + [False] * 2
    assert [body[0] for body in drained(queue)] == [0, 1, 2, 3]


def test_the_end_tells_what_is_lost():
    queue = Queue(10_000)
    queue.put(batch(1, key=key(1)))
    queue.put(batch(2, key=key(2), signal="logs", count=5))
    queue.take(0)
    assert queue.close() == [("traces", 1), ("logs", 5)]
    assert not let_go(queue)
    assert not queue.put(batch(3))
    assert queue.take(10) is None
    assert (queue.bytes, queue.count("traces"), queue.count("logs")) == (0, 0, 0)


def test_the_end_brings_what_is_left_to_disk_for_the_next_process(tmp_path):
    queue = Queue(10_000, Spill(tmp_path, 1 << 20))
    for number in range(3):
        queue.put(batch(number, key=key(number)))
    queue.take(0)
    assert queue.close() == []
    assert queue.count("traces") == 3
    following = Queue(10_000, Spill(tmp_path, 1 << 20))
    assert following.adopt() == [("traces", 1)] * 3
    assert following.count("traces") == 3
    assert [body[0] for body in drained(following)] == [0, 1, 2]
    assert following.count("traces") == 0


def test_own_batches_come_before_those_of_others(tmp_path):
    left = Queue(10_000, Spill(tmp_path, 1 << 20))
    left.put(batch(1))
    left.close()
    queue = Queue(10_000, Spill(tmp_path, 1 << 20))
    queue.adopt()
    queue.put(batch(2))
    assert [body[0] for body in drained(queue)] == [2, 1]


def test_a_damaged_file_is_told_and_let_go(tmp_path):
    queue = Queue(100 + AROUND, Spill(tmp_path, 1 << 20))
    queue.put(batch(1, key=key(1), count=7))
    queue.put(batch(2, key=key(2)))
    next(tmp_path.rglob("*.otlp")).write_bytes(b"")
    with pytest.raises(Damaged):
        queue.take(0)
    assert queue.under_way == ("traces", 7)
    assert let_go(queue)
    assert [body[0] for body in drained(queue)] == [2]


def test_whoever_waits_is_told_when_all_before_is_done():
    queue = Queue(10_000)
    queue.put(batch(1, key=key(1)))
    queue.put(batch(2, key=key(2)))
    number = queue.number
    queue.put(batch(3, key=key(3)))
    assert not queue.wait(number, 0.05)
    queue.take(0)
    let_go(queue)
    queue.take(0)
    threading.Timer(0.1, let_go, (queue,)).start()
    assert queue.wait(number, 10)
    assert queue.count("traces") == 1


def test_those_of_others_are_not_waited_for(tmp_path):
    left = Queue(10_000, Spill(tmp_path, 1 << 20))
    left.put(batch(1))
    left.close()
    queue = Queue(10_000, Spill(tmp_path, 1 << 20))
    queue.adopt()
    queue.take(0)
    assert queue.wait(queue.number, 0)


@pytest.mark.parametrize(("firm", "soon"), [(False, True), (True, False)])
def test_a_pause_ends_when_somebody_waits_unless_the_receiver_asked_for_it(firm, soon):
    queue = Queue(10_000)
    queue.put(batch())
    threading.Timer(0.05, queue.wait, (1, 0)).start()
    begun = time.monotonic()
    queue.pause(0.5, firm=firm)
    assert (time.monotonic() - begun < 0.4) == soon


def test_a_pause_ends_with_the_queue():
    queue = Queue(10_000)
    threading.Timer(0.05, queue.close).start()
    begun = time.monotonic()
    queue.pause(30, firm=True)
    assert time.monotonic() - begun < 10


def test_whoever_waits_waits_until_what_became_of_it_is_counted():
    queue = Queue(10_000)
    queue.put(batch())
    queue.take(0)
    with queue.done():
        assert not queue.wait(queue.number, 0.05)
    assert queue.wait(queue.number, 0)
