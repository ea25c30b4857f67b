"""Packing loses nothing, keeps the order of a key and the bounds, and lets nobody wait for longer than the linger."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from otlp.requests import resource_spans, span, spans_of, traces
from spanpulse_stream.kafka._packing import ENOUGH_BYTES, MOST_BYTES, Pack, Packer, Part
from spanpulse_stream.log import TOPIC, Message

LINGER = 0.005
BATCH = 1_000_000
SIZES = st.sampled_from([1, 500, 30_000, ENOUGH_BYTES, 300_000, 600_000, MOST_BYTES - 200, MOST_BYTES + 1, 2_000_000])
Kind = tuple[bytes, str, str]


def message(first: int, spans: int, size: int, key: bytes, tenant: str) -> Message:
    """Return a real export: ``spans`` spans numbered from ``first``, about ``size`` bytes."""
    body = traces(
        resource_spans({"service.name": "shop"}, [span(first + n, "x" * (size // spans)) for n in range(spans)])
    )
    headers = (("signal", b"traces"), ("tenant", tenant.encode()), ("records", b"%d" % spans))
    return Message(TOPIC, 0, key, body, headers, spans)


def kind_of(headers: tuple[tuple[str, bytes], ...], key: bytes) -> tuple[bytes, bytes]:
    return key, dict(headers)["tenant"]


class Packing(RuleBasedStateMachine):
    """A packer beside plain lists of what was given to it."""

    def __init__(self) -> None:
        super().__init__()
        self.packer = Packer(LINGER)
        self.now = 0.0
        self.numbers: Iterator[int] = count(1)
        self.waiting: dict[Part, float] = {}  # since when
        self.expected: defaultdict[tuple[bytes, bytes], list[Part]] = defaultdict(list)
        self.under_way: list[Pack] = []

    @rule(key=st.sampled_from(b"aab"), tenant=st.sampled_from("xxy"), spans=st.integers(1, 3), size=SIZES)
    def add(self, key, tenant, spans, size):
        key = bytes([key])
        first = next(self.numbers)
        for _ in range(spans - 1):
            next(self.numbers)
        part = Part(message(first, spans, size, key, tenant), lambda _part, _error: None)
        self.packer.add(part, self.now)
        self.waiting[part] = self.now
        self.expected[kind_of(part.message.headers, key)].append(part)
        if len(part.message.value) >= ENOUGH_BYTES:
            assert self.packer.wait(self.now) == 0

    @rule(seconds=st.sampled_from([0.001, 0.004, 0.006]))
    def time_passes(self, seconds):
        self.now += seconds

    @precondition(lambda self: not self.under_way)
    @rule(most=st.sampled_from([0, BATCH, 10 * BATCH]))
    def take(self, most):
        ready = self.packer.wait(self.now) == 0
        self.under_way = self.packer.take(self.now, most)
        assert bool(self.under_way) == ready
        assert len(self.under_way) <= 1 or sum(pack.size for pack in self.under_way) <= most
        for pack in self.under_way:
            assert pack.parts
            assert pack.size == sum(len(part.message.value) for part in pack.parts)
            assert pack.size <= MOST_BYTES or len(pack.parts) == 1
            for part in pack.parts:
                del self.waiting[part]

    @precondition(lambda self: self.under_way)
    @rule(again=st.booleans())
    def end(self, again):
        """A batch is written, or fails and is put back."""
        if again:
            for pack in self.under_way:
                for part in [part for part in pack.parts if part.dropped]:
                    pack.remove(part)
            back = [pack for pack in self.under_way if pack.parts]
            self.packer.put_back(back)
            self.waiting |= {part: -1.0 for pack in back for part in pack.parts}
            assert not back or self.packer.wait(self.now) == 0
        else:
            for pack in self.under_way:
                self.written(pack)
        self.under_way = []

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def drop(self, data):
        part = data.draw(st.sampled_from(list(self.waiting)))
        assert self.packer.drop(part)
        del self.waiting[part]
        self.expected[kind_of(part.message.headers, part.message.key)].remove(part)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def drop_what_is_under_way(self, data):
        pack = data.draw(st.sampled_from(self.under_way))
        part = data.draw(st.sampled_from(list(pack.parts)))
        if not part.dropped:
            self.expected[kind_of(part.message.headers, part.message.key)].remove(part)
        assert not self.packer.drop(part)

    @invariant()
    def nobody_waits_for_longer_than_the_linger(self):
        wait = self.packer.wait(self.now)
        if not self.waiting:
            return
        assert wait is not None
        oldest = min(self.waiting.values())
        assert wait <= max(0.0, oldest + LINGER - self.now) + 1e-9

    def written(self, pack: Pack) -> None:
        """What is written is what was added first of its kind, each span once."""
        kept = [part for part in pack.parts if not part.dropped]
        expected = self.expected[kind_of(pack.headers, pack.key)]
        assert expected[: len(kept)] == kept
        del expected[: len(kept)]
        wanted = [one.span_id for part in pack.parts for one in spans_of(part.message.value)]
        assert [one.span_id for one in spans_of(pack.value)] == wanted
        assert dict(pack.headers)["records"] == b"%d" % len(wanted)
        assert pack.headers[:2] == next(iter(pack.parts)).message.headers[:2]

    def teardown(self) -> None:
        if self.under_way:
            self.end(again=False)
        self.packer.hurry()
        while packs := self.packer.take(self.now, BATCH):
            for pack in packs:
                self.written(pack)
        assert not any(self.expected.values())
        assert self.packer.wait(self.now) is None


TestPacking = Packing.TestCase
TestPacking.settings = settings(max_examples=100, stateful_step_count=40)


def test_many_small_ones_become_few_of_the_wanted_size():
    packer, taken = Packer(LINGER), list[Pack]()
    for number in range(1000):
        packer.add(Part(message(number + 1, 1, 2_000, b"a", "x"), lambda _part, _error: None), 0.0)
        taken += packer.take(0.0, BATCH)  # a lane that is never busy
    packer.hurry()
    taken += packer.take(0.0, BATCH)
    assert all(ENOUGH_BYTES <= pack.size < ENOUGH_BYTES + 3_000 for pack in taken[:-1])
    assert sum(pack.records for pack in taken) == 1000


def test_while_a_lane_is_busy_packs_grow_to_their_bound():
    packer = Packer(LINGER)
    for number in range(1000):
        packer.add(Part(message(number + 1, 1, 2_000, b"a", "x"), lambda _part, _error: None), 0.0)
    packs = [pack for _ in range(10) for pack in packer.take(1.0, BATCH)]
    assert [pack.size > 890_000 for pack in packs] == [True, True, False]


def test_what_is_put_back_comes_first_and_in_its_order():
    packer = Packer(LINGER)
    parts = [Part(message(n + 1, 1, 600_000, b"a", "x"), lambda _part, _error: None) for n in range(3)]
    for part in parts[:2]:
        packer.add(part, 0.0)
    packs = packer.take(0.0, 10 * BATCH)
    assert len(packs) == 2
    packer.add(parts[2], 0.0)
    packer.put_back(packs)
    assert [part for pack in packer.take(0.0, 10 * BATCH) for part in pack.parts] == parts
