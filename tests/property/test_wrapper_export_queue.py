"""Whatever happens to the queue, every record is sent, told as lost, or here; in order, and within its bounds."""

import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spanpulse._export._queue import Queue
from spanpulse._export._spill import Damaged, Spill
from spanpulse._export._transport import Batch

SPILL_BYTES = 20_000
SIGNALS = st.sampled_from(["traces", "logs"])


class Waiting(RuleBasedStateMachine):
    """One process after another with a queue, in one folder or without one."""

    @initialize(most=st.sampled_from([1_000, 3_000]), on_disk=st.sampled_from([True, True, False]))
    def begin(self, most, on_disk):
        self.folder = tempfile.TemporaryDirectory() if on_disk else None
        self.most = most
        self.given, self.sent, self.lost = Counter(), Counter(), Counter()
        self.order = defaultdict(list)
        self.number = 0
        self.taken = None
        self.damaged = set()
        self.open()

    def open(self):
        spill = Spill(Path(self.folder.name), SPILL_BYTES) if self.folder else None
        self.queue = Queue(self.most, spill)
        self.order.clear()  # those of earlier processes come when there is time

    @rule(
        signal=SIGNALS,
        key=st.integers(0, 1),
        count=st.integers(1, 300),
        size=st.sampled_from([0, 50, 200, 600, 1_500]),
        times=st.integers(1, 6),
    )
    def put(self, signal, key, count, size, times):
        for _ in range(times):
            self.number += 1
            body = self.number.to_bytes(4, "big") + bytes(size)
            self.given[signal] += count
            if not self.queue.put(Batch(signal, body, count, bytes([key]) * 16)):
                self.lost[signal] += count

    @precondition(lambda self: self.taken is None)
    @rule()
    def take(self):
        try:
            self.taken = self.queue.take(0)
        except Damaged:
            signal, count = self.queue.under_way
            self.lost[signal] += count
            with self.queue.done() as is_ours:
                assert is_ours
            return
        if self.taken is not None:
            number = int.from_bytes(self.taken.body[:4], "big")
            before = self.order[self.taken.signal, self.taken.key]
            if number > self.first_here:
                assert not before or before[-1] < number
                before.append(number)

    @precondition(lambda self: self.taken is not None)
    @rule()
    def done(self):
        with self.queue.done() as is_ours:
            assert is_ours
            self.sent[self.taken.signal] += self.taken.count
        self.taken = None

    @precondition(lambda self: self.folder is not None)
    @rule()
    def adopt(self):
        self.queue.adopt()

    @precondition(lambda self: self.folder is not None and self.taken is None)
    @rule(really=st.sampled_from([True, False, False, False]))
    def damage(self, really):
        for path in sorted(Path(self.folder.name).rglob("*.otlp"))[: 1 if really else 0]:
            path.write_bytes(b"")

    @precondition(lambda self: self.number > self.first_here + 60)
    @rule()
    def end(self):
        for signal, count in self.queue.close():
            self.lost[signal] += count
        with self.queue.done() as is_ours:
            assert not is_ours
        self.taken = None
        assert not self.queue.put(Batch("traces", b"", 1, bytes(16)))
        assert self.queue.bytes == 0
        self.open()
        self.queue.adopt()
        self.first_here = self.number

    first_here = 0

    @invariant()
    def everything_is_somewhere(self):
        if self.given:
            for signal in ("traces", "logs"):
                here = self.queue.count(signal)
                assert self.given[signal] == self.sent[signal] + self.lost[signal] + here

    @invariant()
    def bounds_hold(self):
        if self.given:
            assert 0 <= self.queue.bytes <= self.most
            if self.folder:
                files = Path(self.folder.name).rglob("*.otlp")
                assert sum(path.stat().st_size for path in files) <= SPILL_BYTES

    @invariant()
    def what_is_empty_is_waited_for_by_nobody(self):
        if self.given and not self.queue.count("traces") and not self.queue.count("logs"):
            assert self.queue.bytes == 0
            assert self.queue.wait(self.queue.number, 0)

    def teardown(self):
        if getattr(self, "folder", None):
            self.queue.close()
            self.folder.cleanup()


TestWaiting = Waiting.TestCase
TestWaiting.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)
