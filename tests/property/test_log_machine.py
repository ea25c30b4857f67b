"""The log against a model of lists, through any order of appends, commits, claims, trims, restarts and torn ends."""

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from logs import DEADLINE, NOON, Clock, append, message, open_log
from spanpulse_stream.log import TOPIC, Claim, LocalLog, LogFull, Message, OffsetOutOfRange
from spanpulse_stream.log._jobs import Step

PARTITIONS = 2
MOST = 60_000
RETAIN = 20
COMMITS = st.lists(st.integers(0, 5), max_size=3)
MEMORY = "/dev/shm"
MESSAGES = st.lists(
    st.tuples(st.integers(0, PARTITIONS - 1), st.sampled_from([0, 1, 700, 9000, 25_000]), st.integers(0, 9)),
    min_size=0,
    max_size=5,
)


@dataclass
class Model:
    """A partition: all messages ever acknowledged, and where it stands."""

    messages: list[Message] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    first: int = 0
    committed: int = 0
    claim: Claim | None = None

    def pending_bytes(self) -> int:
        return sum(map(stored, self.messages[self.committed :]))

    def commit(self, offset: int) -> None:
        if offset > self.committed and (self.claim is None or offset >= self.claim.end):
            self.committed, self.claim = offset, None


def new_folder() -> Path:
    """Return a folder in memory, if there is such a place: thousands of commits need no disk to be right."""
    return Path(tempfile.mkdtemp(dir=MEMORY if os.access(MEMORY, os.W_OK) else None))


def stored(one: Message) -> int:
    headers = sum(8 + len(name.encode()) + len(value) for name, value in one.headers)
    return len(one.value) + headers + len(one.key) + 64


class LogMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = new_folder()
        self.clock = Clock()
        self.models = [Model() for _ in range(PARTITIONS)]
        self.number = 0

    @initialize()
    def start(self) -> None:
        self.log = self.open()
        self.sources = self.log.sources()

    def open(self) -> LocalLog:
        return open_log(self.folder, partitions=PARTITIONS, max_bytes=MOST, retain_records=RETAIN, clock=self.clock)

    @rule(wanted=MESSAGES, ms=st.integers(-1000, 5000))
    def append(self, wanted, ms):
        self.clock.pass_ms(ms)
        batch = []
        for partition, size, records in wanted:
            batch.append(message(self.number, partition=partition, value=os.urandom(size), records=records))
            self.number += 1
        pending = sum(model.pending_bytes() for model in self.models)
        try:
            offsets = append(self.log, *batch)
        except LogFull:
            assert pending + sum(map(stored, batch)) > MOST
            return
        assert pending + sum(map(stored, batch)) <= MOST
        for one, offset in zip(batch, offsets, strict=True):
            model = self.models[one.partition]
            assert offset == len(model.messages)
            model.messages.append(one)
            model.times.append(max([self.clock.now // 1_000_000, *model.times[-1:]]))

    @rule(partition=st.integers(0, PARTITIONS - 1), share=st.floats(0, 1.2))
    def commit(self, partition, share):
        self.commit_to(partition, int(share * (len(self.models[partition].messages) + 1)))

    @rule(partition=st.integers(0, PARTITIONS - 1), ahead=st.integers(0, 4))
    def commit_a_little(self, partition, ahead):
        self.commit_to(partition, self.models[partition].committed + ahead)

    def commit_to(self, partition: int, offset: int) -> None:
        model = self.models[partition]
        asked = self.log.commit_soon(TOPIC, partition, offset)
        if offset > len(model.messages):
            assert isinstance(asked.exception(DEADLINE), ValueError)
        else:
            asked.result(DEADLINE)
            model.commit(offset)

    @rule(ahead=st.sampled_from([0, 0, 0, 1, -1]), length=st.integers(0, 4), commits=COMMITS)
    def claim(self, ahead, length, commits):
        """Claim a range, and commit to places in and behind it."""
        waiting = [len(model.messages) - model.committed for model in self.models]
        partition = waiting.index(max(waiting))
        model = self.models[partition]
        first = model.committed
        claim = Claim(first + ahead, first + ahead + length, f"v{self.number}")
        asked = self.log.claim_soon(TOPIC, partition, claim)
        sound = model.claim is None and ahead >= 0 and length and claim.end <= len(model.messages)
        if sound or claim == model.claim:
            asked.result(DEADLINE)
            model.committed, model.claim = claim.first, claim
        else:
            assert isinstance(asked.exception(DEADLINE), ValueError)
        for further in commits:
            self.commit_to(partition, first + further)
            assert self.log.committed(TOPIC, partition) == model.committed

    @rule(partition=st.integers(0, PARTITIONS - 1), share=st.floats(-0.1, 1.1), most=st.integers(1, 9),
          most_bytes=st.integers(0, 40_000))  # fmt: skip
    def read(self, partition, share, most, most_bytes):
        model = self.models[partition]
        offset = int(share * len(model.messages))
        if not self.log.first_offset(TOPIC, partition) <= offset <= len(model.messages):
            with pytest.raises(OffsetOutOfRange):
                self.log.read(TOPIC, partition, offset)
            return
        got = self.log.read(TOPIC, partition, offset, max_messages=most, max_bytes=most_bytes)
        assert [record.offset for record in got] == list(range(offset, offset + len(got)))
        self.same(got, model)
        fits = [sum(len(one.value) for one in model.messages[offset : offset + count]) <= most_bytes for count in
                range(1, min(most, len(model.messages) - offset) + 1)]  # fmt: skip
        assert len(got) == max(sum(fits), min(len(fits), 1))

    def same(self, got, model):
        for record in got:
            one = model.messages[record.offset]
            assert (record.key, record.value, record.headers, record.records) == (
                one.key, one.value, one.headers, one.records)  # fmt: skip
            assert record.appended_at == model.times[record.offset]

    @rule()
    def trim(self):
        steps = [self.log._upkeep.slice_of((TOPIC, partition)) for partition in range(PARTITIONS)]
        for partition, step in enumerate(steps):
            while self.log._step(Step(step)).result(DEADLINE):
                pass
            model, first = self.models[partition], self.log.first_offset(TOPIC, partition)
            left = sum(one.records for one in model.messages[first : model.committed])
            assert first == 0 or left >= RETAIN or first >= model.first
            if first < model.committed:
                assert left - model.messages[first].records < RETAIN

    @rule()
    def restart(self):
        self.log.close()
        self.log = self.open()

    @rule(junk=st.binary(max_size=5000))
    def die(self, junk):
        """Go on with a copy of the files, with the bytes of a commit that was under way behind them."""
        folder = self.copied()
        with (folder / "log.sqlite3-wal").open("ab") as file:
            file.write(junk)
        self.go_on_with(folder)

    def copied(self) -> Path:
        """Copy the files between two transactions."""
        folder = new_folder()

        def copy(_transaction: object) -> None:
            for path in self.folder.glob("log.sqlite3*"):
                if not path.name.endswith("-shm"):
                    shutil.copy(path, folder)

        self.log._step(Step(copy)).result(DEADLINE)
        return folder

    def go_on_with(self, folder: Path) -> None:
        self.log.close()
        shutil.rmtree(self.folder)
        self.folder = folder
        self.log = self.open()

    @invariant()
    def stands_as_the_model(self):
        if not hasattr(self, "log"):
            return
        assert self.log.sources() == self.sources
        pending = 0
        for partition, model in enumerate(self.models):
            first = self.log.first_offset(TOPIC, partition)
            assert model.first <= first <= model.committed
            model.first = first
            assert self.log.end_offset(TOPIC, partition) == len(model.messages)
            assert self.log.committed(TOPIC, partition) == model.committed
            assert self.log.claimed(TOPIC, partition) == model.claim
            assert self.log.lag_records(TOPIC, partition) == sum(
                one.records for one in model.messages[model.committed :]
            )
            assert self.log.oldest_pending_ms(TOPIC, partition) == next(iter(model.times[model.committed :]), None)
            pending += model.pending_bytes()
        assert self.log.pending_bytes() == pending
        self.log._step(Step(self.totals_are_sums)).result(DEADLINE)

    def totals_are_sums(self, _transaction: object) -> None:
        store = self.log._store
        assert store.pending == sum(position.pending_bytes for position in store.positions.values())
        assert store.kept == sum(position.kept_bytes for position in store.positions.values())

    def teardown(self):
        if hasattr(self, "log"):
            for partition, model in enumerate(self.models):
                offset = self.log.first_offset(TOPIC, partition)
                while got := self.log.read(TOPIC, partition, offset):
                    self.same(got, model)
                    offset = got[-1].offset + 1
                assert offset == len(model.messages)
            accepted = sum(self.log.accepted(0, NOON).values())
            assert accepted == sum(one.records for model in self.models for one in model.messages)
            self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


TestLogMachine = LogMachine.TestCase
TestLogMachine.settings = settings(
    max_examples=80, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
