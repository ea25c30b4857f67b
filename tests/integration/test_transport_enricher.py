"""The enricher over the transport: once each, in order, and after any failure the same batches again."""

import asyncio
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from recording import Batch, Journal, recording_steps
from spanpulse_stream.log import TOPIC, Claim, Message
from spanpulse_stream.partitions import TP
from spanpulse_stream.pipeline import Enricher
from spanpulse_stream.pipeline._steps import LogCutShort
from spanpulse_stream.transport import failed
from transports import HARNESSES, PARTITIONS, Harness, LocalHarness, eventually, held, kafka, open_log

CHILD = Path(__file__).parent.parent / "transport_child.py"
CHILD_PARTITIONS = 2


@pytest.fixture(params=HARNESSES, ids=[harness.__name__ for harness in HARNESSES])
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made = request.param(request, tmp_path)
    await made.open()
    yield made
    await made.close()


async def start(harness: Harness, journal: Journal, versions: str = "v1", **bounds: int) -> Any:
    """Start an app with an enricher, `app.enricher`; ``bounds`` are the enricher's."""
    app = harness.make_app()
    options = {"most_records": 10, **bounds}
    enricher = Enricher(harness.claims(app), recording_steps(app, journal, versions), **options)

    app.enricher = enricher

    @app.agent(app.topic(harness.topic), name="enrich")
    async def enrich(stream: Any) -> None:
        await enricher.run(stream, within=0.05)

    await app.start()
    return app


def values(count: int, start: int = 0) -> list[bytes]:
    return [b"value-%d" % number for number in range(start, start + count)]


async def all_committed(harness: Harness, end: int, partitions: int = PARTITIONS) -> bool:
    return all([await harness.committed(partition) >= end for partition in range(partitions)])


def whole(batches: list[Batch], partition: int, end: int) -> None:
    """Assert that batches of a partition follow each other from 0 to ``end``, each once."""
    mine = [batch for batch in batches if batch.partition == partition]
    assert [batch.first for batch in mine] == [0, *(batch.end for batch in mine[:-1])]
    assert mine[-1].end == end


async def test_everything_is_written_once_and_in_order(harness: Harness) -> None:
    journal = Journal()
    for partition in range(PARTITIONS):
        await harness.append(partition, values(40))
    await start(harness, journal)
    for partition in range(PARTITIONS):
        await harness.append(partition, values(40, 40))
    await eventually(lambda: all_committed(harness, 80))
    for partition in range(PARTITIONS):
        whole(journal.batches, partition, 80)
    assert max(batch.end - batch.first for batch in journal.batches) == 10


async def test_batches_are_bounded_in_bytes(harness: Harness) -> None:
    journal = Journal()
    await harness.append(0, [bytes(1000)] * 50)
    await start(harness, journal, most_records=1000, most_bytes=4_500)
    await eventually(lambda: all_committed(harness, 50, 1))
    whole(journal.batches, 0, 50)
    assert max(batch.end - batch.first for batch in journal.batches) == 4


@pytest.mark.parametrize("step", ["compute", "write", "written"])
async def test_a_failing_step_ends_the_app_and_the_next_one_goes_on(harness: Harness, step: str) -> None:
    def fail(now: str, batch: Batch) -> None:
        if now == step and batch.partition == 1 and batch.end > 15:
            raise OSError("the disk is gone")

    journal = Journal(fails=fail)
    for partition in range(PARTITIONS):
        await harness.append(partition, values(40))
    app = await start(harness, journal)
    reason = await asyncio.wait_for(failed(app), 60)
    assert isinstance(reason, OSError)
    await app.stop()
    claim = await harness.claimed(1)
    assert claim is not None or step == "compute"
    before = [batch for batch in journal.batches if batch.partition == 1]

    journal.fails = lambda _step, _batch: None
    await start(harness, journal, "v2", most_records=7)
    await eventually(lambda: all_committed(harness, 40))
    after = [batch for batch in journal.batches if batch.partition == 1][len(before) :]
    if claim is not None:
        assert (after[0].first, after[0].end, after[0].versions) == (claim.first, claim.end, claim.versions)
    replayed = before[-1:] == after[:1]
    assert replayed or step != "written"
    whole([*before, *after[replayed:]], 1, 40)


async def test_a_claim_of_larger_batches_than_are_allowed_now_is_replayed_whole(harness: Harness) -> None:
    journal = Journal()
    for partition in range(PARTITIONS):
        await harness.append(partition, values(200))
        await harness.make_claim(partition, Claim(0, 150 + partition, "old"))
    await start(harness, journal, "new", most_records=5, most_bytes=50)
    await eventually(lambda: all_committed(harness, 200))
    for partition in range(PARTITIONS):
        whole(journal.batches, partition, 200)
        mine = [batch for batch in journal.batches if batch.partition == partition]
        assert (mine[0].end, mine[0].versions) == (150 + partition, "old")
        assert {batch.versions for batch in mine[1:]} == {"new"}
        assert max(batch.end - batch.first for batch in mine[1:]) <= 5


async def test_others_are_held_back_and_go_on_while_a_claimed_range_is_incomplete(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Kafka alone can have a claim of messages that do not come for now: their leader is gone."""
    harness = kafka(request, tmp_path)
    await harness.open()
    may_write = threading.Event()

    def block(step: str, _batch: Batch) -> None:
        assert step != "write" or may_write.wait(60)

    journal = Journal(fails=block)
    await harness.make_claim(0, Claim(0, 30, "old"))
    await harness.append(0, values(1))
    app = await start(harness, journal, most_records=1000, most_bytes=20_000)
    await eventually(lambda: TP(harness.topic, 0) in app.enricher._lanes)  # or the others fill the room before it comes
    for partition in range(1, PARTITIONS):
        await harness.append(partition, [bytes(1000)] * 300)
    held_back = {TP(harness.topic, partition) for partition in range(1, PARTITIONS)}
    await eventually(lambda: app.consumer._paused_partitions == held_back)
    await asyncio.sleep(0.5)
    lanes = app.enricher._lanes.values()
    # What waits, and what the consumer had given out: a chunk, and a queue of 16.
    assert sum(lane.cutter.records for lane in lanes) <= 20 + 16 + 16 + 2
    may_write.set()
    others = range(1, PARTITIONS)

    async def others_committed() -> bool:
        return all([await harness.committed(partition) >= 300 for partition in others])

    await eventually(others_committed)
    assert await harness.committed(0) == 0
    assert app.consumer._paused_partitions == set()
    await harness.append(0, values(39, 1))
    await eventually(lambda: all_committed(harness, 40, 1))
    for partition, end in ((0, 40), *((each, 300) for each in others)):
        whole(journal.batches, partition, end)
    await harness.close()


async def test_a_log_that_lost_its_end_ends_the_app(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanpulse_stream.transport.kafka._claims.ASK_EVERY_S", 0.05)
    journal = Journal(landed=lambda tp, first: 100 if tp.partition == 1 else first)
    for partition in range(PARTITIONS):
        await harness.append(partition, values(40))
    app = await start(harness, journal)
    reason = await asyncio.wait_for(failed(app), 60)
    assert isinstance(reason, LogCutShort)
    assert "ends at offset 40" in str(reason)
    await app.stop()
    assert await harness.committed(1) == 0
    assert not journal.skipped


async def test_intake_pauses_while_a_write_takes_long(harness: Harness) -> None:
    go_on = threading.Event()

    def block(step: str, _batch: Batch) -> None:
        if step == "write":
            assert go_on.wait(60)

    journal = Journal(fails=block)
    await harness.append(0, [bytes(1000)] * 200)
    app = await start(harness, journal, most_records=1000, most_bytes=10_000)
    read: list[int] = []

    async def settled() -> bool:
        read.append(app.consumer._read_offset[TP(harness.topic, 0)] or 0)
        return len(read) > 100 and len(set(read[-60:])) == 1 and read[-1] > 0

    await eventually(settled)
    # A batch of 10 is written, one is computed, one waits; the queue holds 16, and a few are on their way.
    assert 20 <= read[-1] <= 55
    assert journal.batches == []
    go_on.set()
    await eventually(lambda: all_committed(harness, 200, 1))
    whole(journal.batches, 0, 200)


async def test_a_stop_finishes_the_write_that_runs_and_no_other(harness: Harness) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def block(step: str, _batch: Batch) -> None:
        if step == "write":
            begun.set()
            assert go_on.wait(60)

    journal = Journal(fails=block)
    await harness.append(0, values(100))
    app = await start(harness, journal)
    await eventually(begun.is_set)
    stopping = asyncio.create_task(app.stop())
    await asyncio.wait({stopping}, timeout=1.0)
    assert not stopping.done(), "a step still runs"
    go_on.set()
    await asyncio.wait_for(stopping, 60)
    assert journal.running == 0
    whole(journal.batches, 0, 10)
    assert await harness.committed(0) == 10
    await start(harness, journal)
    await eventually(lambda: all_committed(harness, 100, 1))
    whole(journal.batches, 0, 100)


async def test_a_rebalance_writes_everything_once(harness: Harness) -> None:
    journal = Journal()
    for partition in range(PARTITIONS):
        await harness.append(partition, values(300))
    app = await start(harness, journal)
    await eventually(lambda: len(journal.batches) > 5)
    await harness.rebalance(app)
    await eventually(lambda: all_committed(harness, 300))
    assert not app.crashed
    for partition in range(PARTITIONS):
        whole(journal.batches, partition, 300)


async def test_a_partition_that_is_taken_away_is_left_when_its_write_is_whole(harness: Harness) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def block(step: str, batch: Batch) -> None:
        if (step, batch.partition) == ("write", 1):
            begun.set()
            assert go_on.wait(60)

    journal = Journal(fails=block)
    for partition in range(PARTITIONS):
        await harness.append(partition, values(100))
    app = await start(harness, journal)
    await eventually(begun.is_set)
    await harness.rebalance(app)
    await eventually(lambda: TP(harness.topic, 1) not in app.enricher._lanes)
    assert await harness.committed(1) == 0
    go_on.set()
    await eventually(lambda: all_committed(harness, 100))
    assert not app.crashed
    for partition in range(PARTITIONS):
        whole(journal.batches, partition, 100)


async def test_a_few_messages_wait_for_others(harness: Harness) -> None:
    journal = Journal()
    app = await start(harness, journal, most_records=1000)
    await held(harness, app)
    for number in range(20):
        await harness.append(0, [b"%d" % number])
    await eventually(lambda: all_committed(harness, 20, 1))
    whole(journal.batches, 0, 20)
    assert len(journal.batches) < 10


async def test_headers_that_say_nothing_useful_count_as_absent(harness: Harness) -> None:
    journal = Journal()
    await harness.append(0, [b"a"], records=b"many", tenant=b"\xff", signal=b"logs")
    await harness.append(0, [b"b"])
    await start(harness, journal)
    await eventually(lambda: all_committed(harness, 2, 1))
    whole(journal.batches, 0, 2)


def fill(folder: Path, count: int) -> None:
    """Append ``count`` messages to each partition of the child's log."""
    log = open_log(folder, CHILD_PARTITIONS)
    for partition in range(CHILD_PARTITIONS):
        log.append_soon([Message(TOPIC, partition, b"", value, (), 1) for value in values(count)]).result()
    log.close()


def run_child(folder: Path, journal: Path, *when: str, batches: int = 0) -> None:
    """Run the child until it is killed: by itself, or once it has written so many ``batches``."""
    child = subprocess.Popen([sys.executable, CHILD, folder, journal, *when], stderr=subprocess.PIPE)
    assert child.stderr is not None
    with child.stderr as errors:
        if batches:
            kill_after(child, Journal(journal), batches)
        code = child.wait(60)
        assert code == -signal.SIGKILL, errors.read().decode()


def kill_after(child: "subprocess.Popen[bytes]", journal: Journal, batches: int) -> None:
    enough, deadline = len(journal.read()) + batches, time.monotonic() + 60
    while child.poll() is None and len(journal.read()) < enough:
        assert time.monotonic() < deadline
        threading.Event().wait(0.002)
    child.kill()


def assert_once_but_for_claims(journal: Journal, end: int) -> int:
    """Assert that only whole batches were written twice, and the same both times; return how many."""
    written = journal.read()
    assert len({(batch.partition, batch.first) for batch in written}) == len(set(written)), "one became two"
    for partition in range(CHILD_PARTITIONS):
        whole(list(dict.fromkeys(written)), partition, end)
    return len(written) - len(set(written))


async def finish(folder: Path, journal: Journal, end: int) -> dict[int, Claim]:
    """Let an app of this process write the rest; return the claims that it found."""
    harness = LocalHarness(folder, CHILD_PARTITIONS)
    found = {partition: harness.log.claimed(TOPIC, partition) for partition in range(CHILD_PARTITIONS)}
    await harness.open()
    await start(harness, journal, "later", most_records=7)
    await eventually(lambda: all_committed(harness, end, CHILD_PARTITIONS))
    await harness.close()
    return {partition: claim for partition, claim in found.items() if claim is not None}


@pytest.mark.parametrize("step", ["compute", "write", "written"])
async def test_a_killed_process_is_continued_with_the_batches_it_claimed(tmp_path: Path, step: str) -> None:
    folder, journal = tmp_path / "log", Journal(tmp_path / "journal")
    await asyncio.to_thread(fill, folder, 60)
    await asyncio.to_thread(run_child, folder, tmp_path / "journal", step, "4")
    before = journal.read()
    claims = await finish(folder, journal, 60)
    assert claims or step == "compute"
    first = defaultdict(list)
    for batch in journal.read()[len(before) :]:
        first[batch.partition].append(batch)
    for partition, claim in claims.items():
        batch = first[partition][0]
        assert (batch.first, batch.end, batch.versions) == (claim.first, claim.end, claim.versions)
    twice = assert_once_but_for_claims(journal, 60)
    assert 1 <= twice <= CHILD_PARTITIONS or step != "written"


async def test_processes_killed_at_random_write_no_batch_in_two_ways(tmp_path: Path) -> None:
    folder, journal, dice = tmp_path / "log", Journal(tmp_path / "journal"), random.Random(7)
    await asyncio.to_thread(fill, folder, 600)
    for _ in range(2):
        await asyncio.to_thread(run_child, folder, tmp_path / "journal", batches=dice.randint(1, 30))
    assert max(batch.end for batch in journal.read()) < 600, "killed too late"
    await finish(folder, journal, 600)
    assert assert_once_but_for_claims(journal, 600) <= 2 * CHILD_PARTITIONS
