"""Several processes share the partitions of a topic: they come, die, freeze and are stopped, under load.

Whatever happens, the batches of a partition follow each other without a hole, and one that was written twice was
claimed before and is the same both times.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kafka_running import Kafka
from recording import Batch, Journal
from transports import KafkaHarness, eventually

CHILD = Path(__file__).parent.parent / "kafka_transport_child.py"
PARTITIONS = 4
STOP_WITHIN_S = 40.0  # of which a few seconds are needed


class Members:
    """Processes of one group, and messages for them."""

    def __init__(self, harness: KafkaHarness, folder: Path) -> None:
        self.harness = harness
        self.appended = 0  # to each partition
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *when: str) -> None:
        brokers = ",".join(self.harness.kafka.bootstrap)
        arguments = [self._folder, name, brokers, self.harness.group, self.harness.topic, *when]
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen([sys.executable, CHILD, *arguments], stdout=log, stderr=log)

    def signal(self, name: str, number: int) -> None:
        os.kill(self._processes[name].pid, number)

    async def ended(self, name: str, within: float = 60) -> int:
        return await asyncio.to_thread(self._processes[name].wait, within)

    def runs(self, name: str) -> bool:
        return self._processes[name].poll() is None

    def held(self, name: str) -> list[list[int]]:
        """Return the partitions that a member was given, each time."""
        file = self._folder / f"{name}.held"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def holds(self, name: str) -> list[int]:
        """Return the partitions that a member was given last."""
        return (self.held(name) or [[]])[-1]

    def written(self, name: str) -> list[Batch]:
        return Journal(self._folder / name).read()

    def output(self) -> str:
        return "\n".join(file.read_text()[-3000:] for file in self._folder.glob("*.log"))

    @contextlib.asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """Append messages to every partition all the while."""
        loading = asyncio.create_task(self._load())
        try:
            yield
        finally:
            loading.cancel()
            await asyncio.wait({loading})

    async def _load(self) -> None:
        while True:
            await asyncio.shield(self.append(7))
            await asyncio.sleep(0.05)

    async def append(self, count: int) -> None:
        first, self.appended = self.appended, self.appended + count
        for partition in range(PARTITIONS):
            await self.harness.append(partition, [b"%d" % (first + number) for number in range(count)])

    async def everything_is_committed(self) -> bool:
        offsets = [await self.harness.committed(partition) for partition in range(PARTITIONS)]
        return offsets == [self.appended] * PARTITIONS

    def replays(self, *names: str) -> list[Batch]:
        """Return the batches that were written twice; all of them are whole and the same both times."""
        written = [batch for name in names for batch in self.written(name)]
        once = sorted(set(written), key=lambda batch: (batch.partition, batch.first))
        for partition in range(PARTITIONS):
            mine = [batch for batch in once if batch.partition == partition]
            assert [batch.first for batch in mine] == [0, *(batch.end for batch in mine[:-1])], self.output()
            assert mine[-1].end == self.appended
        return [batch for batch in once if written.count(batch) > 1]

    def close(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()


@pytest.fixture
async def members(kafka: Kafka, tmp_path: Path) -> AsyncIterator[Members]:
    harness = KafkaHarness(kafka, PARTITIONS)
    await harness.open()
    made = Members(harness, tmp_path)
    yield made
    made.close()
    await harness.close()


async def test_a_member_is_added_and_killed_and_the_others_replay_what_it_claimed(members: Members) -> None:
    members.start("one")
    await eventually(lambda: members.holds("one") == [0, 1, 2, 3], members.output())
    async with members.load():
        await eventually(lambda: len(members.written("one")) > 20)
        members.start("two", "write", "8")
        assert await members.ended("two") == -signal.SIGKILL
        (lost,) = members.held("two")
        assert len(lost) == PARTITIONS / 2
        assert len(members.written("two")) == 7
        claims = {partition: await members.harness.claimed(partition) for partition in lost}
        assert any(claims.values())
        before = len(members.written("one"))
        await eventually(lambda: members.holds("one") == [0, 1, 2, 3])
        await eventually(lambda: set(lost) <= {batch.partition for batch in members.written("one")[before:]})
    await eventually(members.everything_is_committed)
    for partition, claim in claims.items():
        if claim is not None:
            batch = next(each for each in members.written("one")[before:] if each.partition == partition)
            assert (batch.first, batch.end, batch.versions) == (claim.first, claim.end, claim.versions)
    assert len(members.replays("one", "two")) <= PARTITIONS


async def test_a_member_that_was_frozen_goes_on_with_nothing_that_it_lost(members: Members) -> None:
    everything = set(range(PARTITIONS))
    members.start("one")
    members.start("two")
    await eventually(lambda: [len(members.holds(name)) for name in ("one", "two")] == [2, 2])
    async with members.load():
        await eventually(lambda: min(len(members.written(name)) for name in ("one", "two")) > 5)
        members.signal("one", signal.SIGSTOP)
        await eventually(lambda: set(members.holds("two")) == everything)
        before = len(members.written("two"))
        await eventually(lambda: {batch.partition for batch in members.written("two")[before:]} == everything)
        committed = [await members.harness.committed(partition) for partition in range(PARTITIONS)]
        members.signal("one", signal.SIGCONT)
        was = len(members.written("one"))
        await eventually(lambda: not members.runs("one") or len(members.written("one")) > was + 5, members.output())
        later = [await members.harness.committed(partition) for partition in range(PARTITIONS)]
        assert all(offset <= after for offset, after in zip(committed, later, strict=True)), "it went back"
    await eventually(members.everything_is_committed)
    if members.runs("one"):
        assert sorted(members.holds("one") + members.holds("two")) == sorted(everything)
    else:
        assert await members.ended("one") == 1
    await stop(members, "one", "two")
    # A batch that was being written when it froze, one for each of its partitions, and those of two rebalances.
    assert len(members.replays("one", "two", "last")) <= 3 * PARTITIONS


async def stop(members: Members, *names: str) -> None:
    """End members with SIGTERM, while there is something to do; the next one has nothing to replay."""
    running = [name for name in names if members.runs(name)]
    async with members.load():
        await asyncio.sleep(0.3)
        begun = time.monotonic()
        for name in running:
            members.signal(name, signal.SIGTERM)
        assert [await members.ended(name, STOP_WITHIN_S) for name in running] == [0] * len(running)
        assert time.monotonic() - begun < STOP_WITHIN_S
    for partition in range(PARTITIONS):
        assert await members.harness.claimed(partition) is None, "what was begun was not finished"
    members.start("last")
    await eventually(members.everything_is_committed)
    replayed = {(batch.partition, batch.first) for batch in members.written("last")}
    for name in names:
        assert not replayed & {(batch.partition, batch.first) for batch in members.written(name)}
